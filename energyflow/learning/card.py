"""The model card beside a checkpoint: what `model.json` and `run.json` say, for people and for model hubs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from energyflow.core.files import read_json, write_text
from energyflow.policies.checkpoint import Description, checkpoint_file, read_description
from energyflow.policies.registry import METHODS

CARD = "README.md"


def write_card(folder: Path) -> Path:
    """Write `README.md` beside a checkpoint; nothing in it comes from elsewhere than its two JSON files.

    Args:
        folder: with `model.safetensors`, `model.json` and `run.json`.

    Raises:
        UserError: one of them is missing or damaged.
    """
    described, record = read_description(checkpoint_file(folder)), read_json(folder / "run.json")
    write_text(folder / CARD, card(described, record))
    return folder / CARD


def card(described: Description, record: dict[str, Any]) -> str:
    """Text of a card: front matter, what the model is, how it was trained, how it is used."""
    spec, params, title = described.spec, described.params, METHODS[described.method].title
    front = {
        "library_name": "energyflow",
        "pipeline_tag": "robotics",
        "tags": ["imitation-learning", "robotics", described.method, described.task],
    }
    keys = ", ".join(f"`{key}`" for key in spec.obs_keys)
    facts = {
        "task": f"`{described.task}`",
        "method": f"{title} (`{described.method}`)",
        "parameters": f"{described.parameters}",
        "observes": f"{spec.obs_horizon} steps of {spec.obs_dim} numbers: {keys}",
        "acts": f"plans {spec.pred_horizon} actions of {spec.action_dim} numbers and executes {spec.exec_horizon}",
        "trained": f"{params.steps} steps of {params.batch_size}, seed {described.seed}",
        "loss held out": f"{record['valid_loss']:.4g}" if "valid_loss" in record else None,
        "demonstrations": _demonstrations(described, record),
        "versions": ", ".join(f"{name} {version}" for name, version in record.get("versions", {}).items()),
        "commit": record.get("git_commit"),
    }
    rows = [f"| {name} | {text} |" for name, text in facts.items() if text]
    return "\n".join(
        [
            *("---", yaml.safe_dump(front, sort_keys=False).rstrip(), "---", ""),
            *(f"# {title} on {described.task}", "", "| | |", "|---|---|", *rows, ""),
            *("```python", "import energyflow", "", *_use(described), "```", ""),
            *("Every number is in `model.json`, what it was made from in `run.json`.", ""),
        ]
    )


def _use(described: Description) -> list[str]:
    """Lines of Python that use a model."""
    spec = described.spec
    if METHODS[described.method].role == "reward model":
        return ['reward = energyflow.reward("model.safetensors", "demos.hdf5", source="...")']
    sizes = f"[{spec.obs_horizon}, {spec.obs_dim}], or arrays by key, to [{spec.pred_horizon}, {spec.action_dim}]"
    return ['policy = energyflow.load("model.safetensors")', f"actions = policy.act(obs)  # obs {sizes}"]


def _demonstrations(described: Description, record: dict[str, Any]) -> str | None:
    if described.demos is None:
        return None
    names = [Path(path).name for path in record.get("inputs", {})]
    chosen = f", list `{described.demos.filter_key}`" if described.demos.filter_key not in (None, "all") else ""
    digest = f" (sha256 `{described.demos.sha256[:16]}`)" if described.demos.sha256 else ""
    return f"{described.demos.demos} of `{', '.join(names)}`{chosen}{digest}"

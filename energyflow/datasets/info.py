"""What a file of demonstrations holds, in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from energyflow.datasets.format import load_demos


def describe(path: Path, filter_key: str | None = None) -> str:
    """Episodes, observations, actions, task, and what training would read of a file.

    Raises:
        UserError: it is missing or damaged, or no file of demonstrations; see `load_demos`.
    """
    demos = load_demos(path, filter_key=filter_key)
    lengths = [len(episode.actions) for episode in demos.episodes]
    actions, succeeded = demos.actions, sum(bool(episode.success.any()) for episode in demos.episodes)
    lines = {
        "file": f"{path}, sha256 {demos.sha256[:16]}...",
        "task": demos.task + (f" (not as its env_args say: {demos.differs})" if demos.differs else ""),
        "env_args": str(demos.env_args.get("env_name", "none")),
        "demonstrations": f"{len(lengths)}, of {min(lengths)} to {max(lengths)} steps, {sum(lengths)} in all",
        "filter keys": f"{', '.join(demos.filter_keys) or 'none'}; read: {demos.filter_key}",
        "observations": ", ".join(f"{key} [{width}]" for key, width in demos.layout.items()),
        "actions": f"[{demos.action_dim}], from {_numbers(actions.min(axis=0))} to {_numbers(actions.max(axis=0))}",
        "box": "as they are" if demos.box is None else f"{_numbers(demos.box[0])} to {_numbers(demos.box[1])}",
        "success": f"{succeeded} of {len(lengths)} reach it" if succeeded else "not recorded, or never reached",
    }
    return "\n".join(f"{name:15} {text}" for name, text in lines.items())


def _numbers(values: NDArray[np.float64]) -> str:
    return "[" + ", ".join(f"{value:.3g}" for value in values) + "]"

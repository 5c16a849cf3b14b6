"""Checkpoints: safetensors and JSON, never pickle; loadable in any directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path, read_json, write_json
from energyflow.networks.build import Spec
from energyflow.policies.base import Model, Policy
from energyflow.policies.registry import class_of

FORMAT = 3


def build(spec: Spec, params: TrainParams) -> Model:
    """Construct the model that a section describes, with fresh weights from torch's global generator."""
    return class_of(params.method)(spec, params)


def save(model: Model, path: Path, description: dict[str, Any]) -> None:
    """Write `model.safetensors` and `model.json` beside it.

    Args:
        model: what to save: weights and normaliser.
        path: of the safetensors file.
        description: task, seed and data hash; stored in the JSON.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_json(
        path.with_suffix(".json"),
        {
            "format": FORMAT,
            "method": model.params.method,
            "spec": model.spec.as_dict(),
            "params": model.params.model_dump(mode="json"),
            "parameters": sum(p.numel() for p in model.parameters()),
            **description,
        },
    )
    with atomic_path(path) as temporary:
        save_file(tensors, temporary)


def checkpoint_file(path: str | Path) -> Path:
    """The `model.safetensors` that a user means: the file, the JSON beside it, or the folder of both."""
    path = Path(path)
    if path.is_dir():
        return path / "model.safetensors"
    return path.with_suffix(".safetensors") if path.suffix == ".json" else path


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file.

    Raises:
        UserError: missing or damaged.
    """
    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; train it first") from None
    except SafetensorError as error:
        raise UserError(f"{path}: damaged ({error}); delete it and train again, or `dvc checkout`") from None


def load(path: str | Path, task: str | None = None) -> Policy:
    """Load a policy; see `load_model`.

    Raises:
        UserError: as there, or the model is no policy.
    """
    model = load_model(path, task)
    if not isinstance(model, Policy):
        raise UserError(f"{path}: '{model.params.method}' is no policy but a model that a reward reads")
    return model


def load_model(path: str | Path, task: str | None = None) -> Model:
    """Load a trained model for inference.

    Args:
        path: `model.safetensors` with `model.json` beside it, or the folder of both.
        task: if given, the checkpoint must be of this task.

    Raises:
        UserError: missing, damaged, of another format or of another task.
    """
    path = checkpoint_file(path)
    tensors, description = load_tensors(path), read_json(path.with_suffix(".json"))
    if description.get("format") != FORMAT:
        raise UserError(f"{path}: format {description.get('format')}, this version reads {FORMAT}; train again")
    if task is not None and description["task"] != task:
        raise UserError(f"{path}: trained on {description['task']}, asked for {task}; pass that task's checkpoint")
    spec = Spec(**{**description["spec"], "obs_keys": tuple(description["spec"]["obs_keys"])})
    model = build(spec, TrainParams.model_validate(description["params"]))
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(f"{path}: does not fit {path.with_suffix('.json')}: {error}") from None
    return model.eval().requires_grad_(False)

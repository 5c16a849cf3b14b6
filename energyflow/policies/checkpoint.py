"""Checkpoints: safetensors and JSON, never pickle; loadable in any directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from energyflow.networks.build import Spec
from energyflow.policies.base import Policy
from energyflow.policies.registry import check_method
from energyflow.sections import TrainParams
from energyflow.storage import atomic_path, read_json, write_json

FORMAT = 2


class CheckpointError(ValueError):
    """A checkpoint is missing, damaged, or not of the task or method that was asked for."""


def build(spec: Spec, params: TrainParams) -> Policy:
    """Construct the policy that a section describes, with fresh weights from torch's global generator."""
    return check_method(params.method)(spec, params)


def save(policy: Policy, path: Path, description: dict[str, Any]) -> None:
    """Write `model.safetensors` and `model.json` beside it.

    Args:
        policy: what to save: weights and normaliser.
        path: of the safetensors file.
        description: task, seed and data hash; stored in the JSON.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in policy.state_dict().items()}
    write_json(
        path.with_suffix(".json"),
        {
            "format": FORMAT,
            "method": policy.params.method,
            "spec": policy.spec.as_dict(),
            "params": policy.params.model_dump(mode="json"),
            "parameters": sum(p.numel() for p in policy.parameters()),
            **description,
        },
    )
    with atomic_path(path) as temporary:
        save_file(tensors, temporary)


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file.

    Raises:
        CheckpointError: missing or damaged.
    """
    try:
        return load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; train it first") from None
    except SafetensorError as error:
        raise CheckpointError(f"{path}: damaged ({error}); delete it and train again, or `dvc checkout`") from None


def load(path: str | Path, task: str | None = None) -> Policy:
    """Load a policy for inference.

    Args:
        path: `model.safetensors`; `model.json` stands beside it.
        task: if given, the checkpoint must be of this task.

    Raises:
        CheckpointError: missing, damaged, of another format or of another task.
    """
    path = Path(path)
    tensors, description = load_tensors(path), read_json(path.with_suffix(".json"))
    if description.get("format") != FORMAT:
        raise CheckpointError(f"{path}: format {description.get('format')}, this version reads {FORMAT}; train again")
    if task is not None and description["task"] != task:
        raise CheckpointError(
            f"{path}: trained on {description['task']}, asked for {task}; pass that task's checkpoint"
        )
    spec = Spec(**{**description["spec"], "obs_keys": tuple(description["spec"]["obs_keys"])})
    policy = build(spec, TrainParams.model_validate(description["params"]))
    try:
        policy.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: does not fit {path.with_suffix('.json')}: {error}") from None
    return policy.eval().requires_grad_(False)

"""The weights of a checkpoint under another sampler: a checkpoint that is evaluated like any other."""

from __future__ import annotations

from pathlib import Path

from energyflow.config.sections import TrainParams
from energyflow.policies.checkpoint import build, load_model, read_description, save
from energyflow.studies.ablations.sections import SamplingParams


def resample(model: Path, params: SamplingParams, out: Path) -> None:
    """Write `model.safetensors`, the same weights, and `model.json`, which says how to sample.

    Args:
        model: the checkpoint's safetensors file.
        params: method and numbers, which build the same network.
        out: folder of the outputs.

    Raises:
        UserError: the checkpoint is missing or damaged.
    """
    trained, described = load_model(model), read_description(model)
    sampled = build(trained.spec, TrainParams.model_validate(trained.params.model_dump() | params.model_dump()))
    sampled.load_state_dict(trained.state_dict())
    save(sampled, out / "model.safetensors", described.origin())

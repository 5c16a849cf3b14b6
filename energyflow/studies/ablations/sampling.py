"""The weights of a checkpoint under another sampler: a checkpoint that is evaluated like any other."""

from __future__ import annotations

import shutil
from pathlib import Path

from energyflow.core.files import atomic_path, read_json, write_json
from energyflow.studies.ablations.sections import SamplingParams


def resample(model: Path, params: SamplingParams, out: Path) -> None:
    """Write `model.safetensors`, the same weights, and `model.json`, which says how to sample.

    Args:
        model: the checkpoint's safetensors file.
        params: method and numbers, which build the same network.
        out: folder of the outputs.
    """
    described = read_json(model.with_suffix(".json"))
    description = described | {
        "method": params.method,
        "params": described["params"] | params.model_dump(mode="json"),
    }
    write_json(out / "model.json", description)
    with atomic_path(out / "model.safetensors") as temporary:
        shutil.copyfile(model, temporary)

"""What a check is done on: an expert, and the models that were trained on it, told apart by their files."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from energyflow.core.files import read_json
from energyflow.policies.base import ScorePolicy
from energyflow.studies.theory.experts.registry import make_expert
from energyflow.studies.theory.models import read_model
from energyflow.studies.theory.readings import Reading

_cached = cache(read_model)


def model_of(path: Path) -> ScorePolicy:
    """A trained model in double precision; read once a job."""
    return _cached(path)


def reading_of(path: Path, subject: str, sigma: float) -> Reading:
    """The model at `path` beside the expert that it was trained on, at one noise level."""
    return Reading(model_of(path), make_expert(subject), sigma)


def described(path: Path, subject: str) -> dict[str, Any]:
    """What identifies a model in a row: expert, action dimension, model, demonstrations, steps, parameters."""
    record = read_json(path.with_suffix(".json"))
    params = record["params"]
    # energyflow_paper with its spectral norm switched off is a model of its own
    free = params["method_params"].get("spectral_norm") is False
    return {
        "subject": subject,
        "dim": record["spec"]["action_dim"],
        "model": params["method"] + ("_free" if free else ""),
        "demos": record["demos"]["demos"],
        "steps": params["steps"],
        "parameters": record["parameters"],
    }

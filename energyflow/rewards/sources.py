"""From the name of a source to the object that computes it."""

from __future__ import annotations

from pathlib import Path

from energyflow.config.sections import ShapeParams
from energyflow.core.errors import UserError
from energyflow.core.registry import implementation
from energyflow.datasets.format import load_demos
from energyflow.policies.checkpoint import load_model
from energyflow.rewards.base import Ingredients, RewardSource
from energyflow.rewards.registry import SOURCES


def ends_at_success(name: str, params: ShapeParams) -> bool:
    """Whether success ends a training episode of this source."""
    return SOURCES[name].terminal or params.on_success == "terminate"


def build_source(given: Ingredients) -> RewardSource:
    """Build a source from what was loaded for it: `make` of its module.

    Raises:
        UserError: its model is of another kind than it reads, or gives no scale.
    """
    source: RewardSource = implementation(f"{SOURCES.module(given.name)}:make")(given)
    return source


def make_source(
    name: str, task: str, params: ShapeParams, seed: int, model: Path | None, demos: Path | None
) -> RewardSource:
    """Build the source called `name`.

    Args:
        name: see `registry.SOURCES`.
        task: the checkpoint must be of this task.
        params: the section `shape` of this source.
        seed: of the run.
        model: checkpoint of the reward model; read by the sources that need one alone.
        demos: demonstrations; likewise.

    Raises:
        UserError: the source is unknown; its demonstrations are missing or damaged; or its model is missing, damaged,
            of another task or kind, or gives no scale.
    """
    spec = SOURCES[name]
    if spec.model is not None and model is None:
        more = " and --demos" if spec.demos else ""
        raise UserError(f"source '{name}' reads a model of method '{spec.model}': pass --model{more}")
    if spec.demos and demos is None:
        raise UserError(f"source '{name}' reads demonstrations: pass --demos")
    trained = load_model(model, task) if spec.model is not None and model is not None else None
    keys = None if trained is None else trained.spec.obs_keys
    loaded = load_demos(demos, keys) if spec.demos and demos is not None else None
    return build_source(Ingredients(name, params, seed, trained, loaded, task))

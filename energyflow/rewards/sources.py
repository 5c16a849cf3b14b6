"""From the name of a source to the object that computes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energyflow.demos.format import Demonstration, load_demos
from energyflow.policies.base import EnergyPolicy
from energyflow.policies.checkpoint import load
from energyflow.rewards.energy import BoundedEnergy, CenteredEnergy, RawEnergy
from energyflow.rewards.readout import Readout, demonstration_windows, measure_gap
from energyflow.rewards.registry import check_source
from energyflow.rewards.task import Dense, RewardSource, Sparse
from energyflow.sections import ParamsError, ShapeParams


def ends_at_success(name: str, params: ShapeParams) -> bool:
    """Whether success ends a training episode of this source."""
    return not check_source(name).paper or params.on_success == "terminate"


def energy_source(
    name: str, params: ShapeParams, seed: int, model: EnergyPolicy, demos: Sequence[Demonstration]
) -> RewardSource:
    """Build a source that reads an energy, and measure its scale on the demonstrations.

    Raises:
        ScaleError: the energy does not separate demonstrated from random actions.
    """
    readout = Readout(model, params.sigma, params.references, seed)
    obs, action = demonstration_windows(demos, readout.window, seed)
    gap = measure_gap(readout, obs, action)
    if name == "raw_energy":
        return RawEnergy(readout, gap)
    if name == "centered_energy_bounded":
        return BoundedEnergy(readout, gap)
    return CenteredEnergy(readout, gap, params.sparse_weight if name == "centered_energy_sparse" else 0.0)


def make_source(
    name: str, task: str, params: ShapeParams, seed: int, model: Path | None, demos: Path | None
) -> RewardSource:
    """Build the source called `name`.

    Args:
        name: see `registry.SOURCES`.
        task: the checkpoint must be of this task.
        params: read-out sigma, references, sparse weight.
        seed: of the references.
        model: checkpoint of the reward model; read by the energy sources alone.
        demos: demonstrations to scale with; likewise.

    Raises:
        ParamsError: unknown source, a model or demonstrations are missing, or the model has no energy.
        CheckpointError: the checkpoint is damaged or of another task.
        DemonstrationError: the demonstrations are damaged.
    """
    if not check_source(name).needs_model:
        return Sparse() if name == "sparse" else Dense()
    if model is None or demos is None:
        raise ParamsError(f"source '{name}' reads an energy: pass --model and --demos")
    policy = load(model, task)
    if not isinstance(policy, EnergyPolicy):
        raise ParamsError(f"{model}: '{policy.params.method}' has no energy; train an energyflow policy")
    return energy_source(name, params, seed, policy, load_demos(demos, policy.spec.obs_keys).episodes)

"""A slice through a trained energy at one demonstrated state, with policy samples: the numbers behind the figure.

The slice is the plane through the demonstrated chunk that is spanned by the first two principal axes of the
policy's own samples there: the directions in which the policy thinks that the expert varies.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from energyflow.config.plots import SliceParams
from energyflow.core.errors import UserError
from energyflow.core.provenance import Run
from energyflow.core.seeding import torch_generator
from energyflow.datasets.format import load_demos
from energyflow.datasets.windows import make_windows
from energyflow.policies.base import EnergyPolicy
from energyflow.policies.checkpoint import load

BATCH = 4096  # chunks per call of the energy


@dataclass(frozen=True)
class Slice:
    """A plane through the space of chunks, in standardised action units."""

    axis: NDArray[np.float64]  # [R] coordinates of the grid, in both directions; the demonstrated chunk is at 0
    energy: NDArray[np.float32]  # [R, R], rows along the second direction; lowest value is 0
    samples: NDArray[np.float64]  # [N, 2] projected samples of the policy
    explained: float  # share of the samples' variance that lies in the plane


def slice_energy(policy: EnergyPolicy, obs: Tensor, chunk: Tensor, params: SliceParams) -> Slice:
    """Evaluate the energy on the principal plane.

    Args:
        policy: a trained energy.
        obs: [1, To, Do] environment units, the demonstrated state.
        chunk: [1, Tp, Da] environment units, what the demonstration did there.
        params: how fine and wide the slice is, where the energy is read, and the seed of the sampler.

    Raises:
        UserError: a chunk is a single number, or the energy is not finite.
    """
    drawn = policy.act(obs.expand(params.samples, -1, -1), torch_generator(params.seed, "landscape samples"))
    centre = policy.normalizer.standardize_action(chunk)
    samples = policy.normalizer.standardize_action(drawn).flatten(1).double()
    spread = samples - samples.mean(dim=0)
    _, singular, axes = torch.linalg.svd(spread, full_matrices=False)
    if len(axes) < 2:
        raise UserError("the landscape needs chunks of at least two numbers")
    axes = axes[:2] * torch.sign(axes[:2].sum(dim=1, keepdim=True) + 1e-12)  # the sign of an axis is arbitrary
    flat = centre.flatten(1).double()
    projected = (samples - flat) @ axes.T
    radius = params.extent * float(projected.square().mean().sqrt().clamp(min=params.sigma / 3))
    axis = torch.linspace(-radius, radius, params.resolution, dtype=torch.float64)
    second, first = torch.meshgrid(axis, axis, indexing="ij")
    points = flat + torch.stack([first.flatten(), second.flatten()], dim=1) @ axes
    energy = _energy(policy, points.float().reshape(-1, *chunk.shape[1:]), obs, params.sigma)
    if not torch.isfinite(energy).all():
        raise UserError("the energy is not finite on the slice; train the model again")
    variance = singular.square()
    return Slice(
        axis=axis.numpy(),
        energy=(energy - energy.min()).float().reshape(params.resolution, params.resolution).numpy(),
        samples=projected.numpy(),
        explained=float(variance[:2].sum() / variance.sum().clamp(min=1e-12)),
    )


def _energy(policy: EnergyPolicy, chunks: Tensor, obs: Tensor, sigma: float) -> Tensor:
    """Energies [N] of standardised chunks [N, Tp, Da] at one state."""
    state = policy.normalizer.standardize_obs(obs)
    with torch.no_grad():
        parts = [
            policy.energy(part, state.expand(len(part), -1, -1), torch.full((len(part),), sigma))
            for part in torch.split(chunks, BATCH)
        ]
    return torch.cat(parts)


def load_energy(model: Path) -> EnergyPolicy:
    """Load a checkpoint that has an energy.

    Raises:
        UserError: it has none, is missing or damaged.
    """
    policy = load(model)
    if not isinstance(policy, EnergyPolicy):
        raise UserError(f"{model}: not an energy; the landscape needs energyflow or energyflow_paper")
    return policy


def demonstrated(
    policy: EnergyPolicy, demos: Path, episode: int = 0, step: int | None = None
) -> tuple[Tensor, Tensor, int]:
    """What a demonstration observed and did at a step.

    Args:
        policy: whose observation keys and horizons count.
        demos: file of demonstrations.
        episode: number of the demonstration.
        step: of it; by default halfway through.

    Returns:
        obs [1, To, Do] and chunk [1, Tp, Da], environment units; and the step.

    Raises:
        UserError: the file is missing or damaged, or has no such demonstration or step.
    """
    found = load_demos(demos, policy.spec.obs_keys)
    lengths = [len(each.actions) for each in found.episodes]
    if not 0 <= episode < len(lengths):
        raise UserError(f"{demos}: no demonstration {episode}; there are {len(lengths)}, from 0 on")
    at = lengths[episode] // 2 if step is None else step
    if not 0 <= at < lengths[episode]:
        raise UserError(f"{demos}: demonstration {episode} has {lengths[episode]} steps, from 0 on; none is {at}")
    windows = make_windows(found, policy.spec.obs_horizon, policy.spec.pred_horizon)
    row = sum(lengths[:episode]) + at
    obs, chunk = (part[row : row + 1].float() for part in (windows.obs, windows.actions))
    return obs, chunk, at


def measure_landscape(model: Path, demos: Path, params: SliceParams, out: Path) -> None:
    """Write the slice halfway through the first demonstration: `grid.csv`, `samples.csv`, `run.json`.

    Raises:
        UserError: the model is no energy, or is not finite there.
    """
    policy = load_energy(model)
    obs, chunk, step = demonstrated(policy, demos)
    record = params.model_dump(mode="json")
    with Run("landscape", out, params=record, inputs=[model, demos], method=policy.params.method) as run:
        sliced = slice_energy(policy.eval(), obs, chunk, params)
        second, first = np.meshgrid(sliced.axis, sliced.axis, indexing="ij")
        grid = {"first": first.ravel(), "second": second.ravel(), "energy": sliced.energy.ravel()}
        run.write_csv("grid.csv", pd.DataFrame(grid))
        run.write_csv("samples.csv", pd.DataFrame(sliced.samples, columns=["first", "second"]))
        run.note(step=step, explained=sliced.explained)

"""A slice through a trained energy at one demonstrated state, with policy samples and the demonstration.

The slice is the plane through the demonstrated chunk that is spanned by the first two principal axes of the
policy's own samples there: the directions in which the policy thinks that the expert varies. Samples are
drawn orthogonally projected onto it; the share of their variance that the plane holds is in the title.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from energyflow.config.plots import LandscapePlot
from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.core.seeding import torch_generator
from energyflow.datasets.format import load_demos
from energyflow.datasets.windows import make_windows
from energyflow.policies.base import EnergyPolicy
from energyflow.policies.checkpoint import load
from energyflow.report import names
from energyflow.report.drawing import legend_below
from energyflow.report.rows import identity

BATCH = 4096  # chunks per call of the energy
CONTOURS = 14

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Slice:
    """A plane through the space of chunks, in standardised action units."""

    axis: Array  # [R] coordinates of the grid, the same in both directions; the demonstrated chunk is at 0
    energy: Array  # [R, R], rows along the second direction; lowest value is 0
    samples: Array  # [N, 2] projected samples of the policy
    explained: float  # share of the samples' variance that lies in the plane


def slice_energy(policy: EnergyPolicy, obs: Tensor, chunk: Tensor, plot: LandscapePlot, seed: int) -> Slice:
    """Evaluate the energy on the principal plane.

    Args:
        policy: a trained energy.
        obs: [1, To, Do] environment units, the demonstrated state.
        chunk: [1, Tp, Da] environment units, what the demonstration did there.
        plot: how much is drawn, and where the energy is read.
        seed: of the sampler.

    Raises:
        UserError: a chunk is a single number, or the energy is not finite.
    """
    drawn = policy.act(obs.expand(plot.samples, -1, -1), torch_generator(seed, "landscape samples"))
    centre = policy.normalizer.standardize_action(chunk)
    samples = policy.normalizer.standardize_action(drawn).flatten(1).double()
    spread = samples - samples.mean(dim=0)
    _, singular, axes = torch.linalg.svd(spread, full_matrices=False)
    if len(axes) < 2:
        raise UserError("the landscape needs chunks of at least two numbers")
    axes = axes[:2] * torch.sign(axes[:2].sum(dim=1, keepdim=True) + 1e-12)  # the sign of an axis is arbitrary
    flat = centre.flatten(1).double()
    projected = (samples - flat) @ axes.T
    radius = plot.extent * float(projected.square().mean().sqrt().clamp(min=plot.sigma / 3))
    axis = torch.linspace(-radius, radius, plot.resolution, dtype=torch.float64)
    second, first = torch.meshgrid(axis, axis, indexing="ij")
    points = flat + torch.stack([first.flatten(), second.flatten()], dim=1) @ axes
    energy = _energy(policy, points.float().reshape(-1, *chunk.shape[1:]), obs, plot.sigma)
    if not torch.isfinite(energy).all():
        raise UserError("the energy is not finite on the slice; train the model again")
    variance = singular.square()
    return Slice(
        axis=axis.numpy(),
        energy=(energy - energy.min()).double().reshape(plot.resolution, plot.resolution).numpy(),
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


def landscape(paths: Sequence[Path], plot: LandscapePlot, report: ReportParams) -> Figure:
    """Contours of the energy halfway through the first demonstration.

    Raises:
        UserError: the inputs are not one model of an energy and its demonstrations.
    """
    models = [path for path in paths if path.suffix == ".safetensors"]
    demos_files = [path for path in paths if path.suffix == ".hdf5"]
    if len(models) != 1 or len(demos_files) != 1:
        raise UserError("figure landscape: needs one model.safetensors and one demos.hdf5")
    policy = load(models[0])
    if not isinstance(policy, EnergyPolicy):
        raise UserError(f"{models[0]}: not an energy; the landscape needs energyflow or energyflow_paper")
    demos = load_demos(demos_files[0], policy.spec.obs_keys)
    windows = make_windows(demos, policy.spec.obs_horizon, policy.spec.pred_horizon)
    step = len(demos.episodes[0].actions) // 2
    obs, chunk = (part[step : step + 1].float() for part in (windows.obs, windows.actions))
    found = slice_energy(policy.eval(), obs, chunk, plot, report.seed)
    run = identity(models[0])
    title = (
        f"{names.method_name(run['method'])}, {names.task_name(run['task'])}, step {step} of the first demonstration"
    )
    return draw(found, plot, title)


def draw(found: Slice, plot: LandscapePlot, title: str) -> Figure:
    """Contours at even steps of the square root of the energy: even rings where it is quadratic."""
    figure = Figure(figsize=(4.9, 4.0), layout="constrained")
    axes = figure.subplots()
    top = max(float(found.energy.max()), 1e-9)
    levels = top * np.linspace(0, 1, CONTOURS) ** 2
    filled = axes.contourf(
        found.axis, found.axis, found.energy, levels=levels, cmap=plot.cmap, norm=PowerNorm(0.5, 0, top)
    )
    axes.contour(found.axis, found.axis, found.energy, levels=levels, colors="white", linewidths=0.4, alpha=0.5)
    dots: dict[str, Any] = {"s": 9, "color": "white", "edgecolor": "black", "linewidth": 0.4}
    axes.scatter(*found.samples.T, **dots, label="Policy samples (projected)")
    axes.plot(
        0, 0, marker="*", color="#d55e00", markeredgecolor="white", markersize=14, linestyle="none",
        label="Demonstration",
    )  # fmt: skip
    axes.set_aspect("equal")
    axes.set_xlim(found.axis[0], found.axis[-1])
    axes.set_ylim(found.axis[0], found.axis[-1])
    axes.grid(visible=False)
    share = f"{100 * found.explained:.0f} % of the samples' variance in this plane"
    axes.set_title(f"{title}\n{share}", fontsize=8)
    axes.set_xlabel("First principal axis (standardised action units)")
    axes.set_ylabel("Second principal axis")
    bar = figure.colorbar(filled, ax=axes, label=f"Energy above the slice's minimum, σ = {plot.sigma:g}")
    ticks = [float(f"{x:.1g}") for x in top * np.linspace(0, 1, 5) ** 2]
    bar.set_ticks([tick for tick in ticks if tick <= top])  # one beyond the top would stretch the bar
    legend_below(figure)
    return figure

"""A slice through a trained energy at one demonstrated state, with policy samples and the demonstration.

Samples are drawn orthogonally projected onto the plane; the share of their variance that it holds is in the title. How
the plane is chosen, and its numbers: energyflow/learning/landscape.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from pydantic import BaseModel, ConfigDict, ValidationError

from energyflow.config.plots import LandscapePlot
from energyflow.config.section import describe
from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.report import names
from energyflow.report.drawing import legend_below
from energyflow.report.rows import identity, read_rows, require

CONTOURS = 14
AXES = ("first", "second")


class Sliced(BaseModel):
    """What run.json says of a slice beside much else."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    step: int
    explained: float


def landscape(paths: Sequence[Path], plot: LandscapePlot, _report: ReportParams) -> Figure:
    """Contours of the energy halfway through the first demonstration.

    Raises:
        UserError: the inputs are not the files of one slice, or one of them is damaged.
    """
    wanted = ("grid.csv", "samples.csv", "run.json")
    grid, samples, record = (require(paths, "landscape", name, "figure landscape") for name in wanted)
    try:
        about = Sliced.model_validate(read_json(record[0]))
    except ValidationError as error:
        raise UserError(f"{record[0]}: {describe(error)}; delete it and run its stage again") from None
    energy = read_rows(grid, (*AXES, "energy"))
    if len(energy) != energy["first"].nunique() ** 2:
        raise UserError(f"{grid[0]}: the rows are no square grid; delete it and run its stage again")
    run = identity(record[0])
    where = f"step {about.step} of the first demonstration"
    title = f"{names.method_name(run['method'])}, {names.task_name(run['task'])}, {where}"
    share = f"{100 * about.explained:.0f} % of the samples' variance in this plane"
    return contours(energy, read_rows(samples, AXES), plot, f"{title}\n{share}")


def contours(grid: pd.DataFrame, samples: pd.DataFrame, plot: LandscapePlot, title: str) -> Figure:
    """Contours at even steps of the square root of the energy: even rings where it is quadratic."""
    figure = Figure(figsize=(4.9, 4.0), layout="constrained")
    axes = figure.subplots()
    axis = np.sort(grid["first"].unique())
    energy = grid["energy"].to_numpy(dtype=float).reshape(len(axis), len(axis))  # rows along the second direction
    top = max(float(energy.max()), 1e-9)
    levels = top * np.linspace(0, 1, CONTOURS) ** 2
    filled = axes.contourf(axis, axis, energy, levels=levels, cmap=plot.cmap, norm=PowerNorm(0.5, 0, top))
    axes.contour(axis, axis, energy, levels=levels, colors="white", linewidths=0.4, alpha=0.5)
    dots: dict[str, Any] = {"s": 9, "color": "white", "edgecolor": "black", "linewidth": 0.4}
    axes.scatter(samples["first"], samples["second"], **dots, label="Policy samples (projected)")
    axes.plot(
        0, 0, marker="*", color="#d55e00", markeredgecolor="white", markersize=14, linestyle="none",
        label="Demonstration",
    )  # fmt: skip
    axes.set_aspect("equal")
    axes.set_xlim(axis[0], axis[-1])
    axes.set_ylim(axis[0], axis[-1])
    axes.grid(visible=False)
    axes.set_title(title, fontsize=8)
    axes.set_xlabel("First principal axis (standardised action units)")
    axes.set_ylabel("Second principal axis")
    bar = figure.colorbar(filled, ax=axes, label=f"Energy above the slice's minimum, σ = {plot.sigma:g}")
    ticks = [float(f"{x:.1g}") for x in top * np.linspace(0, 1, 5) ** 2]
    bar.set_ticks([tick for tick in ticks if tick <= top])  # one beyond the top would stretch the bar
    legend_below(figure)
    return figure

"""The energy of a user's own model around a state of their own demonstrations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from energyflow.config.plots import LandscapePlot
from energyflow.learning.landscape import demonstrated, load_energy, slice_energy
from energyflow.policies.checkpoint import checkpoint_file
from energyflow.report import names, style
from energyflow.report.landscape import AXES, contours


def draw_landscape(model: Path, demos: Path, episode: int, step: int | None, plot: LandscapePlot, out: Path) -> None:
    """Draw the energy of a user's own model in a state of their own demonstrations.

    Args:
        model: checkpoint of an energy.
        demos: file of demonstrations.
        episode: number of the demonstration.
        step: of it; by default halfway through.
        plot: how fine and wide, and how it looks.
        out: .png, .svg or .pdf.

    Raises:
        UserError: there is no such demonstration or step, the model is no energy, or chunks are of one number.
    """
    policy = load_energy(checkpoint_file(model)).eval()
    obs, chunk, at = demonstrated(policy, demos, episode, step)
    sliced = slice_energy(policy, obs, chunk, plot.slice(0))
    second, first = np.meshgrid(sliced.axis, sliced.axis, indexing="ij")
    grid = pd.DataFrame({"first": first.ravel(), "second": second.ravel(), "energy": sliced.energy.ravel()})
    title = f"{names.method_name(policy.params.method)}, step {at} of demonstration {episode}"
    share = f"{100 * sliced.explained:.0f} % of the samples' variance in this plane"
    with style.look():
        figure = contours(grid, pd.DataFrame(sliced.samples, columns=list(AXES)), plot, f"{title}\n{share}")
        style.save(figure, plot.dpi, [out])

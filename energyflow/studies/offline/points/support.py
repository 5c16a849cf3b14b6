"""Weights by state and weights by batch: what an offset c(s) does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import fixed, general, with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import over_seeds
from energyflow.report.style import nth_look
from energyflow.report.wording import extent
from energyflow.studies.offline.points.verdicts import read
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.verdicts import FAILS, HOLDS

TITLE = "Weights by state"
CLAIM = (
    "QIPO takes the softmax of beta Q over M actions of each state, so an offset c(s) of the energy cancels. In a"
    " softmax over a batch of states (Algorithm 1) it stays: few states have all the weight. An energy learned by score"
    " matching, as that of the paper arXiv 2605.00623, has an unknown c(s) in every state."
)


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    rows = read(paths, "support")
    frame = over_seeds(rows, ("offset",), ("change", "state_ess", "batch_ess"), params.confidence)
    worst, last = float(rows["change"].max()), frame.nlargest(1, "offset").iloc[0]
    verdict = HOLDS if worst <= params.tolerances.invariance else FAILS
    sentences = [
        f"Per-state weights do not see c(s): {verdict}. They change by at most {worst:.1e} (tolerance"
        f" {params.tolerances.invariance:g}).",
        f"With offsets of standard deviation {last['offset']:g}, a batch keeps {100 * last['batch_ess']:.2f} % of its"
        f" effective size, the support of a state {extent(100 * frame['state_ess'], 0)} % as without.",
    ]
    table = Table(
        title="Effective sample size under offsets c(s)",
        caption="Energies within a state are N(0, 1); c(s) is N(0, offset^2).",
        frame=frame,
        columns=(
            Column("Offset", general("offset")),
            Column("Change of a weight", lambda row: f"{row['change']:.1e}"),
            Column("ESS / M by state", with_interval("state_ess", 3)),
            Column("ESS / B by batch", with_interval("batch_ess", 4)),
            Column("Seeds", fixed("seeds", 0)),
        ),
    )
    return Point(TITLE, CLAIM, sentences, table, frame, draw(frame, params))


def draw(frame: pd.DataFrame, params: OfflineVerdicts) -> Figure:
    """Effective sample size against the offset."""
    figure, (axes,) = drawing.panels(1, 1, x="standard deviation of c(s)", y="effective sample size, share")
    for place, (value, label) in enumerate((("state_ess", "softmax by state"), ("batch_ess", "softmax by batch"))):
        drawing.estimates(axes, frame, "offset", value, nth_look(place, params.palette), label)
    axes.set_yscale("log")
    drawing.legend_below(figure)
    return figure

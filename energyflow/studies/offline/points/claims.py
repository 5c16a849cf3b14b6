"""Every claim of the paper with its verdict: the data behind a page of all claims."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import NONE, plain
from energyflow.report.point import Point
from energyflow.report.render import Column, Row, Table
from energyflow.report.style import nth_look
from energyflow.report.wording import listed
from energyflow.studies.offline.points import cost, field, gradient, importance, renewal, toys
from energyflow.studies.offline.points.verdicts import UNTESTED, VERDICT, VERDICTS, Estimate, Judged
from energyflow.studies.offline.sections import OfflineVerdicts

TITLE = "Claims of the paper"
CLAIM = "What the paper claims, and what came of it; the points below say how each was measured."
NOTHING = Estimate(math.nan, math.nan, math.nan)
BEYOND = (
    ("qi07", "QIPO improves on the baselines on D4RL", "return in an environment"),
    ("qi10", "action selection is 63.7 % (OT) and 25.6 % (Diff) faster than QGPO", "ms an action"),
)


def judged(paths: Sequence[Path], params: OfflineVerdicts) -> list[Judged]:
    """Every claim, in the order of its number."""
    found = [
        field.judged(paths, params),
        *gradient.judged(paths, params),
        importance.judged(paths, params),
        toys.judged(paths, params),
        cost.judged(paths, params),
        *renewal.judged(paths, params),
        *(
            Judged(claim, text, what, NOTHING, "no run in an environment here", UNTESTED)
            for claim, text, what in BEYOND
        ),
    ]
    return sorted(found, key=lambda one: one.claim)


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    found = judged(paths, params)
    frame = pd.DataFrame(
        [
            {"claim": one.claim, "verdict": one.verdict, "number": one.value.mean}
            | {"number_low": one.value.low, "number_high": one.value.high}
            | {"quantity": one.quantity, "limit": one.limit, "text": one.text}
            for one in found
        ]
    )
    said = [f"{word}: {listed(frame.loc[frame['verdict'] == word, 'claim'])}" for word in VERDICTS]
    table = Table(
        title=TITLE,
        caption="Verdicts follow from the intervals over seeds and from tolerances that were fixed before any run.",
        frame=frame,
        columns=(
            Column("Claim", plain("claim"), numeric=False),
            Column("What the paper says", plain("text"), numeric=False),
            VERDICT,
            Column("Measured", number),
            Column("Quantity", plain("quantity"), numeric=False),
            Column("Limit", plain("limit"), numeric=False),
        ),
    )
    return Point(TITLE, CLAIM, [f"{'; '.join(said)}."], table, frame, draw(frame, params))


def number(row: Row) -> str:
    """A measurement with its interval, if it has one."""
    if row["number"] is None:
        return NONE
    if row["number_low"] is None:
        return f"{row['number']:.3g}"
    return f"{row['number']:.3g} [{row['number_low']:.3g}, {row['number_high']:.3g}]"


def draw(frame: pd.DataFrame, params: OfflineVerdicts) -> Figure:
    """A mark in the column of each claim's verdict."""
    figure, (axes,) = drawing.panels(1, 1)
    figure.set_size_inches(7.0, 3.2)
    for place, word in enumerate(VERDICTS):
        own = [index for index, verdict in enumerate(frame["verdict"]) if verdict == word]
        look = nth_look(place, params.palette)
        axes.plot([place] * len(own), own, marker=look.marker, color=look.colour, linestyle="none", markersize=8)
    drawing.category_axis(axes, VERDICTS, "x")
    drawing.category_axis(axes, list(frame["claim"]), "y")
    axes.grid(visible=True, axis="y")
    return figure

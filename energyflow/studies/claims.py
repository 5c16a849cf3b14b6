"""Every claim of a paper with its verdict: the data behind a page of all claims, its table and its figure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import NONE, plain
from energyflow.report.point import Point
from energyflow.report.render import Column, Row, Table
from energyflow.report.style import nth_look
from energyflow.report.wording import listed
from energyflow.studies.verdicts import VERDICT, VERDICTS, Estimate, Judged

TITLE = "Claims of the paper"
NOTHING = Estimate(math.nan, math.nan, math.nan)  # what was not measured


def point(claim: str, caption: str, found: Sequence[Judged], palette: str) -> Point:
    """The point of a page.

    Args:
        claim: what it is about.
        caption: what verdicts follow from.
        found: every claim, in the order of the table.
        palette: of the figure.
    """
    frame = rows(found)
    table = Table(
        title=TITLE,
        caption=caption,
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
    return Point(TITLE, claim, [f"{said(frame)}."], table, frame, draw(frame, palette))


def rows(found: Sequence[Judged]) -> pd.DataFrame:
    """One row a claim: `claim`, `verdict`, `number` with its interval, `quantity`, `limit`, `text`."""
    return pd.DataFrame(
        [
            {"claim": one.claim, "verdict": one.verdict, "number": one.value.mean}
            | {"number_low": one.value.low, "number_high": one.value.high}
            | {"quantity": one.quantity, "limit": one.limit, "text": one.text}
            for one in found
        ]
    )


def said(frame: pd.DataFrame, verdict: str = "verdict") -> str:
    """`holds: ...; does not hold: ...`, of a column of verdicts."""
    return "; ".join(f"{word}: {listed(frame.loc[frame[verdict] == word, 'claim'])}" for word in VERDICTS)


def number(row: Row) -> str:
    """A measurement with its interval, if it has one."""
    if row["number"] is None:
        return NONE
    if row["number_low"] is None:
        return f"{row['number']:.3g}"
    return f"{row['number']:.3g} [{row['number_low']:.3g}, {row['number_high']:.3g}]"


def draw(frame: pd.DataFrame, palette: str) -> Figure:
    """A mark in the column of each claim's verdict."""
    figure, (axes,) = drawing.panels(1, 1)
    figure.set_size_inches(7.0, 3.2)
    for place, word in enumerate(VERDICTS):
        own = [index for index, verdict in enumerate(frame["verdict"]) if verdict == word]
        look = nth_look(place, palette)
        axes.plot([place] * len(own), own, marker=look.marker, color=look.colour, linestyle="none", markersize=8)
    drawing.category_axis(axes, VERDICTS, "x")
    drawing.category_axis(axes, list(frame["claim"]), "y")
    axes.grid(visible=True, axis="y")
    return figure

"""Every claim of a paper with its verdict: the data behind a page of all claims, its table and its figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import NONE, Text, plain
from energyflow.report.point import Point
from energyflow.report.render import Column, Row, Table
from energyflow.report.style import Look, nth_look
from energyflow.report.wording import listed
from energyflow.studies.verdicts import VERDICT, VERDICTS, Estimate, Judged

TITLE = "Claims of the paper"
NUMBER = ("number", "number_low", "number_high")
NOTHING = Estimate(math.nan, math.nan, math.nan)  # what was not measured


def point(
    claim: str,
    caption: str,
    found: Sequence[Judged],
    palette: str,
    again: Mapping[str, Mapping[str, Judged]] | None = None,
) -> Point:
    """The point of a page.

    Args:
        claim: what it is about.
        caption: what verdicts follow from.
        found: every claim, in the order of the table.
        palette: of the figure.
        again: condition, in words -> number of a claim -> the same one under that condition.
    """
    frame, conditions = rows(found), again or {}
    for name, others in conditions.items():
        more = rows([others.get(one.claim, replace(one, verdict=NONE, value=NOTHING)) for one in found])
        frame = frame.assign(**{_prefix(name) + column: more[column] for column in ("verdict", *NUMBER)})
    table = Table(
        title=TITLE,
        caption=caption,
        frame=frame,
        columns=(
            Column("Claim", plain("claim"), numeric=False),
            Column("What the paper says", plain("text"), numeric=False),
            *_columns(""),
            *(column for name in conditions for column in _columns(name)),
            Column("Quantity", plain("quantity"), numeric=False),
            Column("Limit", plain("limit"), numeric=False),
        ),
    )
    sentences = [f"{said(frame)}."]
    sentences += [f"{name.capitalize()}: {said(frame, _prefix(name) + 'verdict')}." for name in conditions]
    return Point(TITLE, claim, sentences, table, frame, draw(frame, palette, list(conditions)))


def _columns(name: str) -> tuple[Column, Column]:
    """Verdict and measurement, under a condition if it has a name."""
    if not name:
        return VERDICT, Column("Measured", number())
    prefix = _prefix(name)
    return (
        Column(f"Verdict {name}", plain(f"{prefix}verdict"), numeric=False),
        Column(f"Measured {name}", number(prefix)),
    )


def _prefix(condition: str) -> str:
    """Of the names of its columns."""
    return condition.replace(" ", "_") + "_"


def rows(found: Sequence[Judged]) -> pd.DataFrame:
    """One row a claim: `claim`, `verdict`, `number` with its interval, `quantity`, `limit`, `text`."""
    return pd.DataFrame(
        [
            {"claim": one.claim, "verdict": one.verdict}
            | dict(zip(NUMBER, one.value, strict=True))
            | {"quantity": one.quantity, "limit": one.limit, "text": one.text}
            for one in found
        ]
    )


def said(frame: pd.DataFrame, verdict: str = "verdict") -> str:
    """`holds: ...; does not hold: ...`, of a column of verdicts."""
    return "; ".join(f"{word}: {listed(frame.loc[frame[verdict] == word, 'claim'])}" for word in VERDICTS)


def number(prefix: str = "") -> Text:
    """A measurement with its interval, if it has one."""
    mean, low, high = (prefix + name for name in NUMBER)

    def text(row: Row) -> str:
        if row[mean] is None:
            return NONE
        bounds = "" if row[low] is None else f" [{row[low]:.3g}, {row[high]:.3g}]"
        return f"{row[mean]:.3g}{bounds}"

    return text


def draw(frame: pd.DataFrame, palette: str, conditions: Sequence[str] = ()) -> Figure:
    """A mark in the column of each claim's verdict, and a hollow one for each condition."""
    figure, (axes,) = drawing.panels(1, 1)
    figure.set_size_inches(7.0, 3.2)
    offsets = [0.16 * (1 + place) for place in range(len(conditions))]
    columns = [
        ("verdict", 0.0),
        *((_prefix(name) + "verdict", at) for name, at in zip(conditions, offsets, strict=True)),
    ]
    for (column, offset), label in zip(columns, ("", *conditions), strict=True):
        for place, word in enumerate(VERDICTS):
            own = [index for index, verdict in enumerate(frame[column]) if verdict == word]
            look = nth_look(place, palette)
            axes.plot(
                [place + offset] * len(own), own, look.marker, color=look.colour, markersize=8 if not label else 5,
                **drawing.inside(look, bool(label)),
            )  # fmt: skip
    for name in conditions:
        axes.plot([], [], "o", color="0.4", markersize=5, label=name, **drawing.inside(Look("0.4", "o"), hollow=True))
    drawing.category_axis(axes, VERDICTS, "x")
    drawing.category_axis(axes, list(frame["claim"]), "y")
    axes.grid(visible=True, axis="y")
    if conditions:
        drawing.legend_below(figure)
    return figure

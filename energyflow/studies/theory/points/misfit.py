"""Demonstrators outside the assumption: the table, figure and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import fixed, with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import over_seeds
from energyflow.report.style import nth_look
from energyflow.report.wording import listed, number
from energyflow.studies.theory.points import subjects
from energyflow.studies.theory.points.verdicts import (
    FAILS,
    HOLDS,
    OPEN,
    VERDICT,
    beside,
    judge,
    nearest_sigma,
    read_rows,
)
from energyflow.studies.theory.sections import VerdictParams

VALUES = ("slope", "slope_exact", "agreement", "agreement_exact", "follows")
# demonstrator -> its remedy, which is a demonstrator too: trained on other data, or told more
REMEDIES = {"contaminated": "trimmed", "mixed": "labelled", "deterministic": "jittered"}
ORDER_TOLERANCE = 5.0  # points of the share of ordered pairs: the tolerance of the sound expert's own agreement
TITLE = "Where it breaks: experts that are not max-ent"
CLAIM = (
    "Theorem 3.3 assumes a max-ent expert. What score matching recovers of anyone else is the log density of what was"
    " demonstrated, whose order of actions and whose slope on Q*/alpha are known exactly here (`theory leaves`)."
    " Remedies: reading the mean energy of several noise levels, for all; trimming the least likely demonstrations;"
    " a label of who demonstrates; action noise at collection, for a deterministic expert."
)


def build(paths: Sequence[Path], params: VerdictParams) -> Point:
    """The point of the page."""
    rows = read_rows(paths, "misfit")
    percent = {name: 100 * rows[name] for name in ("agreement", "agreement_exact", "follows")}
    frame = over_seeds(rows.assign(**percent), ("subject", "reader", "sigma"), VALUES, params.confidence)
    sigma = nearest_sigma(frame)
    at = frame[(frame["reader"] == "single") & (frame["sigma"] == sigma)].set_index("subject")
    average = frame[frame["reader"] == "average"].set_index("subject")
    return Point(
        TITLE, CLAIM, sentences(at, average, sigma), table(at, average), frame, draw(at, average, sigma, params)
    )


def sentences(at: pd.DataFrame, average: pd.DataFrame, sigma: float) -> list[str]:
    """What was measured."""
    verdicts = {name: _verdict(row) for name, row in at.iterrows()}
    words = {word: [subjects.label(str(n)) for n, v in verdicts.items() if v == word] for word in (HOLDS, FAILS, OPEN)}
    found = [
        "The energy orders actions as the density of what was demonstrated does, to"
        f" {ORDER_TOLERANCE:g} points, at sigma = {sigma:g}: "
        + "; ".join(f"{word} for {listed(names)}" for word, names in words.items() if names)
        + ". So what is lost is lost in the demonstrations, where it holds."
    ]
    change = (average["agreement"] - at["agreement"]).dropna()
    found.append(
        f"Reading the mean energy of the levels instead of the one at {sigma:g} changes the share of ordered pairs by"
        f" {change.min():+.1f} to {change.max():+.1f} points."
    )
    rows = {str(row["subject"]): row for _, row in at.reset_index().iterrows()}
    found += [
        f"{subjects.label(name)}: {_measured(row)}"
        + (f"; remedy ({subjects.label(remedy)}): {_measured(rows[remedy])}." if remedy in rows else ".")
        for name, row in rows.items()
        if name not in REMEDIES.values()
        for remedy in [REMEDIES.get(name, "")]
    ]
    return found


def _measured(row: pd.Series) -> str:
    """Order and slope of one demonstrator, beside what the theory leaves."""
    return (
        f"{number(row, 'agreement', 1)} % of pairs in the order of Q* (theory leaves"
        f" {row['agreement_exact']:.1f} %), slope {number(row, 'slope')} ({row['slope_exact']:.2f})"
    )


def _verdict(row: pd.Series) -> str:
    return judge(row["agreement_low"], row["agreement_high"], row["agreement_exact"], ORDER_TOLERANCE)


def table(at: pd.DataFrame, average: pd.DataFrame) -> Table:
    """One row a demonstrator."""
    wide = at.reset_index()
    beside(wide, "several", average, "agreement")
    wide["verdict"] = [_verdict(row) for _, row in wide.iterrows()]
    return Table(
        title="Demonstrators and remedies, judged by the Q* of the sound expert",
        caption="In order: pairs of actions of one state that E orders as Q* does, in percent; chance is 50.",
        frame=wide,
        columns=(
            subjects.column("Demonstrator"),
            Column("In order (%)", with_interval("agreement", 1)),
            Column("theory leaves", fixed("agreement_exact", 1)),
            Column("Mean of the levels (%)", with_interval("several", 1)),
            Column("Slope on -Q*/alpha", with_interval("slope", 2)),
            Column("theory leaves", fixed("slope_exact", 2)),
            Column("Follows its data (%)", with_interval("follows", 1)),
            VERDICT,
        ),
        notes=(
            "Follows its data: pairs ordered as by the exact density of what was demonstrated.",
            "What the theory leaves of trimmed demonstrations is that of the untrimmed ones.",
        ),
    )


def draw(at: pd.DataFrame, average: pd.DataFrame, sigma: float, params: VerdictParams) -> Figure:
    """Measured order and slope beside what the theory leaves, one row a demonstrator."""
    figure, (order, slope) = drawing.panels(2)
    figure.set_size_inches(figure.get_figwidth() + 1.6, 0.3 * len(at) + 1.2)
    placed = at.assign(place=range(len(at)))
    measured, mean = (nth_look(place, params.palette) for place in range(2))
    for axes, value in ((order, "agreement"), (slope, "slope")):
        label = f"measured, sigma = {sigma:g}"
        drawing.estimates(axes, placed, "place", value, measured, label, joined=False, along="y")
        leaves = {"linestyle": "none", "marker": "|", "markersize": 12, "markeredgewidth": 1.5}
        drawing.predicted(axes, placed[f"{value}_exact"], placed["place"], "predicted: theory leaves", **leaves)
    order.plot(
        average["agreement"].reindex(at.index), placed["place"], linestyle="none", color=mean.colour,
        marker=mean.marker, ms=4, label="mean of the levels",
    )  # fmt: skip
    drawing.category_axis(order, [subjects.label(str(name)) for name in at.index], "y")
    drawing.category_axis(slope, [""] * len(at), "y")
    if (at[["slope", "slope_exact"]] > 0).all(axis=None):
        drawing.log_axis(slope, "x")
    order.set_xlabel("in order of Q* (%)")
    slope.set_xlabel("slope on -Q*/alpha")
    drawing.legend_below(figure)
    return figure

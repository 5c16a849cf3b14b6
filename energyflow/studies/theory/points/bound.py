"""Theorem 3.11: the table, figure and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import fixed, with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import over_seeds
from energyflow.report.style import nth_look
from energyflow.report.wording import extent
from energyflow.studies.theory.points import subjects
from energyflow.studies.theory.points.verdicts import FAILS, HOLDS, nearest_sigma, read_rows
from energyflow.studies.theory.sections import VerdictParams

VALUES = ("eta", "eta_rms", "violated", "violated_rms", "tightness", "tightness_max")
DRAWN = 0.3  # noise level of the figure
TITLE = "Does the score error bound the error of preferences?"
CLAIM = (
    "|dE_phi(a, a') - dE*(a, a')| <= eta |a - a'| with eta the largest score error (Theorem 3.11): the mean value"
    " theorem, applied to the error of the energy. eta is measured as the largest error on the segments between all"
    " compared pairs, so no pair may lie above the line; that is a check of the computation, and how loose the bound is"
    " is the measurement. Training controls the mean square error of the score and not its maximum: the same line with"
    " the root mean square error in place of eta is no theorem, and shows how much the maximum is needed."
)


def build(paths: Sequence[Path], params: VerdictParams) -> Point:
    """The point of the page."""
    rows = read_rows(paths, "bound")
    summary = rows[rows["kind"] == "summary"]
    percent = {name: 100 * summary[name] for name in ("violated", "violated_rms")}
    frame = over_seeds(summary.assign(**percent), ("subject", "dim", "sigma"), VALUES, params.confidence)
    return Point(TITLE, CLAIM, sentences(frame), table(frame), frame, draw(rows, params))


def sentences(frame: pd.DataFrame) -> list[str]:
    """What was measured."""
    verdict = HOLDS if frame["violated"].max() == 0 else FAILS
    return [
        f"No pair beyond the bound: {verdict}; at most {frame['violated'].max():g} % of the pairs of any expert and"
        " noise level lie above it.",
        f"It is loose: the median error is {extent(100 * frame['tightness'], 1)} % of its bound, the largest one"
        f" {extent(100 * frame['tightness_max'], 0)} %.",
        f"With the root mean square error in place of eta, {extent(frame['violated_rms'], 1)} % of the pairs lie"
        f" above the line; eta is {extent(frame['eta'] / frame['eta_rms'], 1)} times as large as that error.",
    ]


def table(frame: pd.DataFrame) -> Table:
    """One row an expert and noise level."""
    return Table(
        title="Errors of energy differences against the bound",
        caption="eta: largest score error on segments between pairs of noised demonstrations of one state.",
        frame=frame,
        columns=(
            subjects.column("Expert"),
            subjects.SIGMA,
            Column("eta", with_interval("eta", 2)),
            Column("RMS error", with_interval("eta_rms", 2)),
            Column("Beyond eta (%)", fixed("violated", 2)),
            Column("predicted", lambda _row: "0"),
            Column("Beyond RMS (%)", with_interval("violated_rms", 1)),
            Column("Median / bound", with_interval("tightness", 3)),
            Column("Largest / bound", fixed("tightness_max", 2)),
        ),
        groups="subject",
        notes=("Units: standard deviations of the demonstrated actions; energies in nats.",),
    )


def draw(rows: pd.DataFrame, params: VerdictParams) -> Figure:
    """Errors against distance with the bound, one panel an expert, the first seed."""
    sigma = nearest_sigma(rows, DRAWN)
    at = rows[(rows["sigma"] == sigma) & (rows["seed"] == rows["seed"].min())]
    names = list(dict.fromkeys(at["subject"]))
    figure, flat = drawing.panels(len(names), 4, x="|a - a'|", y="error of dE (nats)")
    (colour, _) = nth_look(0, params.palette)
    for axes, name in zip(flat, names, strict=True):
        own = at[at["subject"] == name]
        bins, summary = own[own["kind"] == "bin"].sort_values("distance"), own[own["kind"] == "summary"].iloc[0]
        axes.plot(bins["distance_max"], bins["error_max"], "^", color=colour, ms=4, label="largest error")
        axes.plot(bins["distance"], bins["error"], "o", color=colour, ms=4, label="median error")
        ends = np.array([bins["distance"].min(), bins["distance_max"].max()])
        drawing.predicted(axes, ends, summary["eta"] * ends, "bound eta |a - a'|")
        drawing.predicted(axes, ends, summary["eta_rms"] * ends, "RMS error in place of eta", linestyle=":")
        drawing.log_axis(axes, "x")
        drawing.log_axis(axes, "y")
        axes.set_title(subjects.label(name))
    drawing.legend_below(figure, columns=4)
    return figure

"""Theorem 3.11: the table, figure and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import style
from energyflow.report.render import Column, Table, fixed, with_interval
from energyflow.studies.theory.points import point, subjects
from energyflow.studies.theory.points.estimates import FAILS, HOLDS, nearest_sigma, over_seeds, read_rows
from energyflow.studies.theory.points.point import Point
from energyflow.studies.theory.sections import VerdictParams

VALUES = ("eta", "eta_rms", "violated", "violated_rms", "tightness", "tightness_max")
DRAWN = 0.3  # noise level of the figure
COLUMNS = 4
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
    return Point(
        title="Does the score error bound the error of preferences?",
        claim=CLAIM,
        sentences=sentences(frame),
        table=table(frame),
        rows=frame,
        figure=figure(rows, params),
    )


def sentences(frame: pd.DataFrame) -> list[str]:
    """What was measured."""
    verdict = HOLDS if frame["violated"].max() == 0 else FAILS
    return [
        f"No pair beyond the bound: {verdict}; at most {frame['violated'].max():g} % of the pairs of any expert and"
        " noise level lie above it.",
        f"It is loose: the median error is {point.extent(100 * frame['tightness'], 1)} % of its bound, the largest one"
        f" {point.extent(100 * frame['tightness_max'], 0)} %.",
        f"With the root mean square error in place of eta, {point.extent(frame['violated_rms'], 1)} % of the pairs lie"
        f" above the line; eta is {point.extent(frame['eta'] / frame['eta_rms'], 1)} times as large as that error.",
    ]


def table(frame: pd.DataFrame) -> Table:
    """One row an expert and noise level."""
    return Table(
        title="Errors of energy differences against the bound",
        caption="eta: largest score error on segments between pairs of noised demonstrations of one state.",
        frame=frame,
        columns=(
            point.subject("Expert"),
            point.SIGMA,
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


def figure(rows: pd.DataFrame, params: VerdictParams) -> Figure:
    """Errors against distance with the bound, one panel an expert, the first seed."""
    sigma = nearest_sigma(rows, DRAWN)
    at = rows[(rows["sigma"] == sigma) & (rows["seed"] == rows["seed"].min())]
    names = list(dict.fromkeys(at["subject"]))
    drawn, flat = point.panels(-(-len(names) // COLUMNS), min(COLUMNS, len(names)))
    colours = point.palette(params)
    for axes, name in zip(flat, names, strict=False):
        own = at[at["subject"] == name]
        bins, summary = own[own["kind"] == "bin"].sort_values("distance"), own[own["kind"] == "summary"].iloc[0]
        for x, column, mark, label in (
            ("distance_max", "error_max", "^", "largest error"),
            ("distance", "error", "o", "median error"),
        ):
            axes.plot(bins[x], bins[column], mark, color=colours[0], ms=4, label=label)
        for column, dash, label in (("eta", "--", "bound eta |a - a'|"), ("eta_rms", ":", "RMS error in place of eta")):
            ends = np.array([bins["distance"].min(), bins["distance_max"].max()])
            axes.plot(ends, summary[column] * ends, dash, color=point.PREDICTED, lw=1, label=label)
        style.log_axis(axes, "x")
        style.log_axis(axes, "y")
        axes.set_title(subjects.label(name))
        axes.set_xlabel("|a - a'|")
        axes.set_ylabel("error of dE (nats)")
    for axes in flat[len(names) :]:
        axes.remove()
    point.legend(drawn, flat[0])
    return drawn

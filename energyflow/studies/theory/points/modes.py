"""Separated modes: the table, figure and sentences."""

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
from energyflow.studies.theory.points.subjects import SIGMA
from energyflow.studies.theory.points.verdicts import VERDICT, band, judged, read_rows
from energyflow.studies.theory.sections import VerdictParams

VALUES = ("slope", "slope_exact", "order", "rms")
SMOOTHED = "smoothed"  # the exact energy, read alike, is no nearer to slope 1: nothing is asked of the model
READERS = {"single": "Energy at sigma", "average": "Mean of the levels above", "flow": "Flow from sigma up"}
TITLE = "Where it breaks: separated modes"
CLAIM = (
    "Theorem 3.3 holds for the exact score. Score matching at a small sigma sees almost no action between two separated"
    " modes, so it fixes the energy around each mode and not their difference. Predicted by Theorem 3.3: the energy gap"
    " between the modes follows the true log ratio of their densities over states with slope 1 (smoothing lowers it at"
    " large sigma by a known amount). Two remedies: the mean energy over all noise levels from sigma up, and the log"
    " likelihood along the probability flow, which reads the score at every level and the energy at the highest."
)


def build(paths: Sequence[Path], params: VerdictParams) -> Point:
    """The point of the page."""
    rows = read_rows(paths, "modes")
    rows = rows.assign(order=100 * rows["order"])
    frame = judgements(rows, params)
    return Point(TITLE, CLAIM, sentences(frame), table(frame), frame, draw(frame, params))


def judgements(rows: pd.DataFrame, params: VerdictParams) -> pd.DataFrame:
    """Estimates, and a verdict on slope 1 where the exact energy, read alike, has it."""
    frame = over_seeds(rows, ("subject", "separation", "reader", "sigma"), VALUES, params.confidence)
    frame = judged(frame, "slope", 1.0, params.tolerance)
    reach = (frame["slope_exact"] - 1.0).abs() <= params.tolerance
    return frame.assign(verdict=frame["verdict"].where(reach, SMOOTHED))


def sentences(frame: pd.DataFrame) -> list[str]:
    """What was measured."""
    asked = frame[frame["verdict"] != SMOOTHED]
    found = ["Slope 1, where the exact energy read alike has it: " + "; ".join(_count(asked, r) for r in READERS) + "."]
    for reader, text in READERS.items():
        parts = [
            f"{separation:g} widths apart {extent(part['slope'])} (heavier mode preferred in"
            f" {extent(part['order'], 0)} % of the states)"
            for separation, part in asked[asked["reader"] == reader].groupby("separation", sort=True)
        ]
        if parts:
            found.append(f"{text}, slopes in these settings: {'; '.join(parts)}.")
    best = frame.loc[frame.groupby(["separation", "reader"])["rms"].idxmin()]
    lines = []
    for separation, part in best.groupby("separation", sort=True):
        each = (f"{READERS[r['reader']].lower()} {r['rms']:.2f} (at sigma {r['sigma']:g})" for _, r in part.iterrows())
        lines.append(f"{separation:g} widths: {', '.join(each)}")
    return [*found, f"Smallest RMS error of the gap in nats, over read-out levels: {'; '.join(lines)}."]


def _count(asked: pd.DataFrame, reader: str) -> str:
    """How many settings (separation and noise level) of a reader got which verdict."""
    verdicts = asked.loc[asked["reader"] == reader, "verdict"].value_counts()
    if verdicts.empty:
        return f"{READERS[reader].lower()} nowhere, as even the exact energy does not have it"
    described = ", ".join(f"{word} in {n}" for word, n in verdicts.items())
    return f"{READERS[reader].lower()} {described} of {verdicts.sum()} settings"


def table(frame: pd.DataFrame) -> Table:
    """One row a separation, reader and noise level."""
    shown = frame.sort_values(["separation", "reader", "sigma"], key=_order, kind="stable")
    return Table(
        title="Energy gap between two modes",
        caption="Measured gap against the true log density ratio of the two modes, over states.",
        frame=shown,
        columns=(
            Column("Separation", general("separation")),
            Column("Reader", lambda row: READERS[row["reader"]], numeric=False),
            SIGMA,
            Column("Slope", with_interval("slope", 2)),
            Column("exact energy", fixed("slope_exact", 2)),
            Column("Heavier preferred (%)", with_interval("order", 0)),
            Column("RMS error (nats)", with_interval("rms", 2)),
            VERDICT,
        ),
        groups="separation",
        notes=(
            "Separation: in widths of one mode. Exact energy: what the same reading of the exact density gives.",
            "Slope, predicted: 1. Smoothed: the exact energy does not have it either at this noise level.",
        ),
    )


def _order(column: pd.Series) -> pd.Series:
    return column.map(list(READERS).index) if column.name == "reader" else column


def draw(frame: pd.DataFrame, params: VerdictParams) -> Figure:
    """Slope of the gap against the noise level, one panel a reader."""
    figure, flat = drawing.panels(len(READERS), x="read-out sigma", y="slope of the gap")
    for axes, (reader, text) in zip(flat, READERS.items(), strict=True):
        band(axes, 1.0, params.tolerance, frame["slope"], -0.5, 2.0)
        own = frame[frame["reader"] == reader]
        for i, (separation, part) in enumerate(own.groupby("separation", sort=True)):
            look, ordered = nth_look(i, params.palette), part.sort_values("sigma")
            drawing.estimates(axes, part, "sigma", "slope", look, f"{separation:g} widths")
            drawing.predicted(axes, ordered["sigma"], ordered["slope_exact"], linestyle=":", color=look.colour)
        drawing.predicted(axes, [], [], "exact energy, read alike", linestyle=":")  # each in the colour of its line
        drawing.measured_axis(axes, frame["sigma"])
        axes.set_title(text)
    drawing.legend_below(figure)
    return figure

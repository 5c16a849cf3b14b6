"""Weighted score matching: the slope of E' on E, over noise levels."""

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
from energyflow.studies.rows import read_rows
from energyflow.studies.theory.points import subjects
from energyflow.studies.verdicts import Estimate, by_seed, every, near
from energyflow.studies.weighting.resolve import NAME
from energyflow.studies.weighting.sections import PointParams

CHECK = "rescaling"
VALUES = ("slope", "slope_exact", "correlation")
TITLE = "Weighted score matching rescales the energy"
CLAIM = (
    "Trained on the expert's data under the weight exp(-beta E), an energy E' should be (1 + beta) E + c(s). That holds"
    " of sharp laws. Score matching sees noised actions, and tilting and smoothing do not commute: the slope of the"
    " energies of the noised laws (dashed) is 1 + beta as sigma -> 0 and 1 as sigma grows."
)


def read(paths: Sequence[Path]) -> pd.DataFrame:
    """The rows, with the slope `over_law` and `over_exact`, relative to both predictions."""
    rows = read_rows(NAME, paths, CHECK)
    return rows.assign(over_law=rows["slope"] / rows["law"], over_exact=rows["slope"] / rows["slope_exact"])


def judged(rows: pd.DataFrame, ratio: str, params: PointParams) -> tuple[Estimate, str]:
    """The setting farthest from a prediction, and whether all follow it; the law is one of the least noise level."""
    own = rows[rows["sigma"] == rows["sigma"].min()] if ratio == "over_law" else rows
    parts = [part for _, part in own.groupby(["subject", "beta", "sigma"])]
    values = [by_seed(part[ratio], part["seed"], params.report.confidence) for part in parts]
    worst = max(values, key=lambda value: abs(value.mean - 1.0))
    return worst, every(*(near(value, 1.0, params.rules.slope) for value in values))


def build(paths: Sequence[Path], params: PointParams) -> Point:
    """The point of the page."""
    rows = read(paths)
    frame = over_seeds(rows, ("subject", "dim", "beta", "sigma", "law"), VALUES, params.report.confidence)
    least, most = rows["sigma"].min(), frame[frame["sigma"] == frame["sigma"].max()]
    (law, of_law), (exact, of_exact) = (judged(rows, ratio, params) for ratio in ("over_law", "over_exact"))
    sentences = [
        f"At sigma = {least:g} the slope is 1 + beta: {of_law}; the setting farthest from it is at {law.said()} of it"
        f" (tolerance {params.rules.slope:g}).",
        f"At every noise level it is that of the noised laws: {of_exact}; the farthest is at {exact.said()} of it.",
        f"At sigma = {most['sigma'].max():g} the slopes are {extent(most['slope'])} where smoothing predicts"
        f" {extent(most['slope_exact'])}, and 1 + beta would be {extent(most['law'], 1)}.",
    ]
    table = Table(
        title=TITLE,
        caption="Slope of the weighted on the unweighted energy within states, both learned, at one noise level.",
        frame=frame,
        columns=(
            subjects.column("Expert"),
            Column("beta", general("beta")),
            subjects.SIGMA,
            Column("Slope", with_interval("slope", 2)),
            Column("noised laws", fixed("slope_exact", 2)),
            Column("1 + beta", general("law")),
            Column("Correlation", with_interval("correlation", 3)),
        ),
        groups="subject",
    )
    return Point(TITLE, CLAIM, sentences, table, frame, draw(frame, params))


def draw(frame: pd.DataFrame, params: PointParams) -> Figure:
    """A panel an expert: the slope against the noise level by beta, and both predictions."""
    experts = list(dict.fromkeys(frame["subject"]))
    figure, panels = drawing.panels(len(experts), 3, x="sigma", y="slope of E' on E")
    for axes, name in zip(panels, experts, strict=True):
        own = frame[frame["subject"] == name]
        for place, (beta, part) in enumerate(own.groupby("beta")):
            look, ordered = nth_look(place, params.palette), part.sort_values("sigma")
            drawing.estimates(axes, part, "sigma", "slope", look, f"beta {beta:g}", joined=False)
            drawing.predicted(axes, ordered["sigma"], ordered["slope_exact"], color=look.colour)
            axes.axhline(1.0 + float(beta), color=look.colour, lw=0.8, ls=":")
        drawing.predicted(axes, [], [], "noised laws")
        drawing.predicted(axes, [], [], "1 + beta", linestyle=":")
        drawing.measured_axis(axes, frame["sigma"])
        axes.set_title(subjects.label(name))
    drawing.legend_below(figure, columns=5)
    return figure

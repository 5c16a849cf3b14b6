"""Theorem 3.3 and Corollary 3.4: the table, figure and sentences."""

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
from energyflow.report.wording import extent, grouped
from energyflow.studies.theory.points import subjects
from energyflow.studies.theory.points.verdicts import (
    FAILS,
    GAMMA,
    HOLDS,
    OPEN,
    VERDICT,
    band,
    beside,
    counted,
    judged,
    nearest_sigma,
    read_rows,
)
from energyflow.studies.theory.sections import VerdictParams

VALUES = (
    *("slope", "slope_sharp", "slope_sharp_exact", "correlation", "agreement"),
    *("agreement_sharp", "agreement_sharp_exact", "advantage_error", "offset", "score_error"),
)
TITLE = "Is the energy the soft Q?"
CLAIM = (
    "For a max-ent expert pi = exp(Q*/alpha)/Z the score is the action gradient of Q*/alpha, so E = -Q*/alpha + c(s)"
    " (Theorem 3.3), and E holds the soft advantage Q* - V* (Corollary 3.4). Score matching at noise sigma sees noised"
    " actions, so the prediction is a slope of 1 and a correlation of 1 within states on minus the log density of the"
    " noised actions, which is known exactly; against -Q*/alpha itself smoothing lowers the slope by an amount that is"
    " known as well."
)


def build(paths: Sequence[Path], params: VerdictParams) -> Point:
    """The point of the page."""
    rows = read_rows(paths, "recovery")
    frame = over_seeds(rows, ("subject", "dim", "demos", "steps", "sigma"), VALUES, params.confidence)
    frame = both(frame, params.tolerance)
    base = frame[(frame["demos"] == frame["demos"].max()) & (frame["steps"] == frame["steps"].max())]
    sigma = nearest_sigma(base)
    return Point(
        TITLE, CLAIM, sentences(frame, base, sigma, params), table(base, sigma), frame, draw(frame, base, sigma, params)
    )


def both(frame: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """The verdict: slope and correlation have to be 1; noise can have a slope of 1 as well."""
    parts = [judged(frame, value, 1.0, tolerance)["verdict"] for value in ("slope", "correlation")]
    found = [FAILS if FAILS in pair else OPEN if OPEN in pair else HOLDS for pair in zip(*parts, strict=True)]
    return frame.assign(verdict=found)


def sentences(frame: pd.DataFrame, base: pd.DataFrame, sigma: float, params: VerdictParams) -> list[str]:
    """What was measured."""
    at = base[base["sigma"] == sigma]
    paper = nearest_sigma(base, GAMMA)
    small = base[base["sigma"] == paper]
    bias = (base["slope_sharp"] - base["slope_sharp_exact"]).abs()
    over_n = frame[(frame["sigma"] == sigma) & (frame["steps"] == base["steps"].max())]
    over_n = over_n.assign(error=(over_n["slope"] - 1).abs()).groupby("demos")["error"].mean()
    over_steps = frame[(frame["sigma"] == sigma) & (frame["demos"] == base["demos"].max())]
    over_steps = over_steps.assign(error=(over_steps["slope"] - 1).abs()).groupby("steps")["error"].mean()
    n = grouped(base["demos"].max())
    return [
        f"Slope and correlation 1 within {100 * params.tolerance:g} % at sigma = {sigma:g}, n = {n}:"
        f" {counted(at)}. Slopes {extent(at['slope'])}, correlations {extent(at['correlation'])},"
        f" pairs of actions in the right order {extent(100 * at['agreement'], 1)} %.",
        f"At sigma = {paper:g}, the paper's read-out: {counted(small)}; slopes {extent(small['slope'])},"
        f" correlations {extent(small['correlation'])}, pairs in the right order"
        f" {extent(100 * small['agreement'], 1)} %.",
        f"Against -Q*/alpha itself, at sigma = {sigma:g}: slope {extent(at['slope_sharp'])} where smoothing"
        f" predicts {extent(at['slope_sharp_exact'])}; over all noise levels the two differ by at most"
        f" {bias.max():.2f}.",
        f"The soft advantage, E plus its own log partition function, is off by"
        f" {extent(at['advantage_error'])} standard deviations of log pi. The raw energy is not the advantage:"
        f" the c(s) in E = -A*/alpha + c(s) varies between states by {extent(at['offset'])} times the spread of"
        " A*/alpha within a state.",
        "Mean distance of the slope from 1 over experts: "
        + "; ".join(f"{value:.2f} at n = {grouped(float(n))}" for n, value in over_n.items())
        + ". By training steps: "
        + "; ".join(f"{value:.2f} at {grouped(float(k))}" for k, value in over_steps.items())
        + ".",
    ]


def table(base: pd.DataFrame, sigma: float) -> Table:
    """One row an expert; the CSV holds every n, number of steps and noise level."""
    levels = sorted(base["sigma"].unique())
    wide = base[base["sigma"] == sigma].copy()
    for level in levels:
        beside(wide, f"slope at {level:g}", base[base["sigma"] == level].set_index("subject"), "slope")
    return Table(
        title="Energy against soft Q",
        caption=f"Slope of E on the exact energy within states, predicted 1, by read-out sigma; the rest at {sigma:g}.",
        frame=wide,
        columns=(
            subjects.column("Expert"),
            *(Column(f"Slope, sigma {level:g}", with_interval(f"slope at {level:g}", 2)) for level in levels),
            Column("Correlation", with_interval("correlation", 3)),
            Column("In order", with_interval("agreement", 3)),
            Column("Slope on -Q*/alpha", fixed("slope_sharp", 2)),
            Column("predicted", fixed("slope_sharp_exact", 2)),
            Column("Advantage error", fixed("advantage_error", 2)),
            Column("Spread of c(s)", fixed("offset", 1)),
            VERDICT,
        ),
        notes=(
            "In order: share of pairs of actions of one state that E orders as the exact energy does; chance is 0.5.",
            "Advantage error: in standard deviations of log pi. Spread over states of the c(s) in E = -A*/alpha + c(s):"
            " in standard deviations of A*/alpha within states.",
        ),
    )


def draw(frame: pd.DataFrame, base: pd.DataFrame, sigma: float, params: VerdictParams) -> Figure:
    """Slopes against noise level, n and training steps."""
    figure, (over_sigma, sharp, over_n, over_steps) = drawing.panels(4, 2, y="slope on exact energy")
    at = frame[frame["sigma"] == sigma]
    over = {
        "sigma": (over_sigma, base, "read-out sigma"),
        "demos": (over_n, at[at["steps"] == base["steps"].max()], f"demonstrations n (sigma = {sigma:g})"),
        "steps": (over_steps, at[at["demos"] == base["demos"].max()], f"training steps (sigma = {sigma:g})"),
    }
    for varied, (axes, part, text) in over.items():
        band(axes, 1.0, params.tolerance, part["slope"], 0.0, 1.6)
        subjects.lines(axes, part, varied, "slope", params.palette)
        axes.set_xlabel(text)
        drawing.measured_axis(axes, frame[varied])
    subjects.lines(sharp, base, "sigma", "slope_sharp", params.palette)
    for name, part in base.groupby("subject", sort=False):
        ordered, colour = part.sort_values("sigma"), subjects.look(str(name), params.palette).colour
        drawing.predicted(sharp, ordered["sigma"], ordered["slope_sharp_exact"], color=colour)
    sharp.set_ylabel("slope on -Q*/alpha")
    sharp.set_xlabel("read-out sigma (dashed: predicted)")
    drawing.measured_axis(sharp, frame["sigma"])
    drawing.legend_below(figure, columns=4)
    return figure

"""Figures 1 to 3 of the paper, redrawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report.columns import fixed
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.studies.offline.points.toys import METHODS, SET, look, measured
from energyflow.studies.offline.points.verdicts import BETA, read
from energyflow.studies.offline.sections import OfflineVerdicts

SHOWN = ("exact", "efm", "ed", "cep", "cfg")
REACH = 4.5  # half-width of a panel, as in the paper's figures
PANEL = 1.15  # inches
TITLE = "Samples"
CLAIM = "Figures 1 to 3 of the paper, redrawn: the exact tilted law beside what each method generates."


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    rows = read(paths, "toys")
    drawn = rows[rows["kind"] == "sample"]
    betas = shown(drawn)
    mine = measured(paths)
    mine = mine[(mine["seed"] == drawn["seed"].min()) & mine["method"].isin(SHOWN)]
    off = mine.pivot(index=["subject", "beta"], columns="method", values="off_support").mul(100).reset_index()
    table = Table(
        title="Off-support samples (%)",
        caption="Of the seed that is drawn.",
        frame=off,
        columns=(SET, BETA, *(Column(METHODS[name], fixed(name)) for name in SHOWN)),
        groups="subject",
    )
    worst = mine.groupby("method")["off_support"].mean().mul(100)
    said = ", ".join(f"{METHODS[name]} {worst[name]:.1f} %" for name in SHOWN)
    sentence = f"Samples off the support, mean over sets and betas: {said}."
    return Point(TITLE, CLAIM, [sentence], table, drawn, draw(drawn, betas, params))


def shown(drawn: pd.DataFrame) -> list[float]:
    """The smallest beta above 1, and the largest."""
    betas = sorted(drawn["beta"].unique())
    above = [beta for beta in betas if beta > 1.0] or betas
    return list(dict.fromkeys((above[0], above[-1])))


def draw(drawn: pd.DataFrame, betas: Sequence[float], params: OfflineVerdicts) -> Figure:
    """A row a set, a column a beta and method."""
    names = list(dict.fromkeys(drawn["subject"]))
    columns = [(beta, method) for beta in betas for method in SHOWN]
    figure = Figure(figsize=(PANEL * len(columns), PANEL * len(names) + 0.4), layout="constrained")
    grid = figure.subplots(len(names), len(columns), squeeze=False)
    for place, (row, name) in enumerate(zip(grid, names, strict=True)):
        for axes, (beta, method) in zip(row, columns, strict=True):
            own = drawn[(drawn["subject"] == name) & (drawn["beta"] == beta) & (drawn["method"] == method)]
            axes.plot(own["x"], own["y"], ".", color=look(method, params.palette).colour, markersize=1.5)
            axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=[], yticks=[], aspect="equal")
            if place == 0:
                axes.set_title(f"{METHODS[method]}\nbeta {beta:g}", fontsize=7)
        row[0].set_ylabel(name, fontsize=8)
    return figure

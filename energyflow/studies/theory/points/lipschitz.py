"""The constants of Theorem 3.6: the table, figure and sentences."""

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
from energyflow.report.seeds import interval, over_seeds
from energyflow.report.wording import spelled
from energyflow.studies.theory.points import subjects
from energyflow.studies.theory.points.subjects import ENERGY
from energyflow.studies.theory.points.verdicts import exponent, judge, read_rows
from energyflow.studies.theory.sections import VerdictParams

VALUES = ("energy", "component", "field", "ratio")
TITLE = "How large are the Lipschitz constants, with and without spectral norm?"
CLAIM = (
    "The advantage of Theorem 3.6 is L / (B sqrt(d)): L, the Lipschitz constant of the energy, is the largest norm of"
    " its field, B the largest component of a field. It is an advantage that grows with d only if L does not grow like"
    " sqrt(d) itself (predicted exponent 0). At noised actions the exact field times sigma is minus the noise plus what"
    " the density adds, and the norm of the noise grows like sqrt(d): the exact density is drawn beside the models. The"
    " paper limits L by spectral norm on the scalar head, and does not measure it; here L and B are largest values over"
    " thousands of actions (from below, hence), times sigma, as in the loss."
)


def build(paths: Sequence[Path], params: VerdictParams) -> Point:
    """The point of the page."""
    rows = read_rows(paths, "lipschitz")
    rows = rows.assign(ratio=rows["energy"] / (rows["component"] * np.sqrt(rows["dim"])))
    frame = over_seeds(rows, ("subject", "dim", "model"), VALUES, params.confidence)
    return Point(TITLE, CLAIM, sentences(rows, params), table(frame), frame, draw(frame, params))


def growth(rows: pd.DataFrame, model: str) -> list[float]:
    """Exponents p of L ~ d^p, one a seed."""
    return [exponent(part, "dim", "energy") for _, part in rows[rows["model"] == model].groupby("seed", sort=False)]


def sentences(rows: pd.DataFrame, params: VerdictParams) -> list[str]:
    """What was measured."""
    parts, verdict = {}, ""
    for model in dict.fromkeys(rows["model"]):
        mean, low, high = interval(growth(rows, model), params.confidence)
        if model == ENERGY:
            verdict = judge(low, high, 0.0, params.tolerance)
        parts[model] = "in an unknown way" if np.isnan(mean) else f"as d^{spelled(mean, low, high)}"
    by = ["subject", "seed"]
    norms = {model: rows[rows["model"] == model].set_index(by)["energy"] for model in dict.fromkeys(rows["model"])}
    lowered = norms["energyflow_paper"] / norms["energyflow_paper_free"]
    ratio = rows.loc[rows["model"] == ENERGY].groupby("dim")["ratio"].mean()
    return [
        f"L that does not grow with d (exponent 0, for the energy): {verdict}; L grows {parts[ENERGY]}.",
        "The others: "
        + "; ".join(f"{subjects.MODELS[m].lower()} {text}" for m, text in parts.items() if m != ENERGY)
        + ".",
        "L / (B sqrt(d)), the ratio of the two bounds, for the energy: "
        + ", ".join(f"{value:.2f} at d = {dim}" for dim, value in ratio.items())
        + ". It is the worth of the constraint in the bound; 1 is none.",
        f"Spectral norm on the head of the paper's form multiplies L by {lowered.mean():.2f}"
        f" ({lowered.min():.2f} to {lowered.max():.2f} over experts and seeds).",
    ]


def table(frame: pd.DataFrame) -> Table:
    """One row a dimension and model."""
    return Table(
        title="Lipschitz constants",
        caption="Largest values over noised demonstrations and N(0, I) actions, times sigma (the field's: sigma^2).",
        frame=frame,
        columns=(
            subjects.column("Expert"),
            subjects.MODEL,
            Column("L", with_interval("energy", 2)),
            Column("B", with_interval("component", 2)),
            Column("L / (B sqrt(d))", with_interval("ratio", 2)),
            Column("Lipschitz constant of the field", fixed("field", 2)),
        ),
        groups="subject",
    )


def draw(frame: pd.DataFrame, params: VerdictParams) -> Figure:
    """L and the ratio of the bounds against d."""
    figure, (steep, ratio) = drawing.panels(2, x="action dimension d")
    for model, part in frame.groupby("model", sort=False):
        look, name = subjects.model_look(str(model), params.palette), subjects.MODELS[str(model)]
        drawing.estimates(steep, part, "dim", "energy", look, name)
        drawing.estimates(ratio, part, "dim", "ratio", look, name)
    dims = np.sort(frame["dim"].unique())
    first = frame.loc[(frame["model"] == ENERGY) & (frame["dim"] == dims[0]), "energy"].iloc[0]
    drawing.predicted(steep, dims, np.full(len(dims), first), "predicted")
    drawing.predicted(ratio, dims, 1.0 / np.sqrt(dims), "predicted")
    for axes, text in ((steep, "L (times sigma)"), (ratio, "L / (B sqrt(d))")):
        drawing.measured_axis(axes, frame["dim"])
        drawing.log_axis(axes, "y")
        axes.set_ylabel(text)
    drawing.legend_below(figure, columns=2)
    return figure

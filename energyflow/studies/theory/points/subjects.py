"""What a reader sees for each expert and model: its name, its column, its fixed colour and marker."""

from __future__ import annotations

import re

import pandas as pd
from matplotlib.axes import Axes

from energyflow.report import drawing, names
from energyflow.report.render import Column
from energyflow.report.style import MARKERS, REFERENCE_COLOUR, Look, nth_look

ENERGY, VECTOR = "energyflow", "unconstrained"  # the pair that differs by the conservative constraint alone
FAMILIES = {"gaussian": "Gaussian", "mixture": "Mixture", "modes": "Modes"}
SINGLE = {
    "control": "Linear-quadratic",
    "navigation": "Navigation",
    "sound": "Sound (max-ent)",
    "hot": "Four times the temperature",
    "biased": "Biased by one deviation",
    "contaminated": "A fifth uniform",
    "trimmed": "A fifth uniform (trimmed)",
    "mixed": "Two demonstrators",
    "labelled": "Two demonstrators (labelled)",
    "deterministic": "Deterministic",
    "jittered": "Deterministic (noise 0.1)",
}
MODELS = {
    ENERGY: "Energy",
    VECTOR: "Unconstrained field",
    "energyflow_paper": "Paper's form (spectral norm)",
    "energyflow_paper_free": "Paper's form (no spectral norm)",
    "exact": "Exact",
}
COLOURS = ("gaussian", "mixture", "control", "navigation")  # a family has one
DIMENSIONS = (1, 2, 8, 16)  # one has a marker

SIGMA = Column("sigma", lambda row: f"{row['sigma']:g}")
MODEL = Column("Model", lambda row: MODELS[row["model"]], numeric=False)


def column(header: str) -> Column:
    """The column that says which expert, demonstrator or task a row is about."""
    return Column(header, lambda row: label(row["subject"]), numeric=False)


def split(name: str) -> tuple[str, int | None]:
    """Family and number of an expert: (gaussian, 8) of gaussian8, (control, None) of control."""
    match = re.fullmatch(r"([a-z_]+?)(\d+)?", name)
    if match is None or match[2] is None:
        return name, None
    return match[1], int(match[2])


def family(name: str) -> str:
    """Display name of a family."""
    return FAMILIES.get(name, name)


def label(name: str) -> str:
    """Display name of an expert, or of a task."""
    if "/" in name:
        return names.task_name(name)
    first, number = split(name)
    if first not in FAMILIES or number is None:
        return SINGLE.get(name, name)
    return f"{family(first)} ({'separation' if first == 'modes' else 'd ='} {number})"


def model_look(model: str, palette: str) -> Look:
    """Look of a model of the theory."""
    look = nth_look(list(MODELS).index(model), palette)
    return look._replace(colour=REFERENCE_COLOUR) if model == "exact" else look


def look(name: str, palette: str) -> Look:
    """Look of an expert: the colour is its family's, the marker its dimension's."""
    name, number = split(name)
    place = COLOURS.index(name) if name in COLOURS else len(COLOURS)
    dimension = number or 2
    mark = DIMENSIONS.index(dimension) if dimension in DIMENSIONS else len(DIMENSIONS)
    return Look(nth_look(place, palette).colour, MARKERS[mark])


def lines(axes: Axes, frame: pd.DataFrame, at: str, value: str, palette: str) -> None:
    """One line an expert."""
    for name, part in frame.groupby("subject", sort=False):
        drawing.estimates(axes, part, at, value, look(str(name), palette), label(str(name)))

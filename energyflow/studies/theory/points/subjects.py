"""What a reader sees for each expert, and its fixed colour, marker and line."""

from __future__ import annotations

import re

from energyflow.report import names

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
    "energyflow": "Energy",
    "unconstrained": "Unconstrained field",
    "energyflow_paper": "Paper's form (spectral norm)",
    "energyflow_paper_free": "Paper's form (no spectral norm)",
    "exact": "Exact",
}
COLOURS = ("gaussian", "mixture", "control", "navigation", "modes")
MARKERS = {1: "o", 2: "s", 8: "^", 16: "D"}


def split(name: str) -> tuple[str, int | None]:
    """Family and number of an expert: (gaussian, 8) of gaussian8, (control, None) of control."""
    match = re.fullmatch(r"([a-z_]+?)(\d+)?", name)
    if match is None or match[2] is None:
        return name, None
    return match[1], int(match[2])


def label(name: str) -> str:
    """Display name of an expert, or of a task."""
    if "/" in name:
        return names.task_name(name)
    family, number = split(name)
    if family not in FAMILIES or number is None:
        return SINGLE.get(name, name)
    return f"{FAMILIES[family]} ({'separation' if family == 'modes' else 'd ='} {number})"


def family(name: str) -> str:
    """Display name of a family."""
    return FAMILIES.get(name, name)


def colour_index(name: str) -> int:
    """Place of an expert's family in the palette."""
    family, _ = split(name)
    return COLOURS.index(family) if family in COLOURS else len(COLOURS)


def marker(name: str) -> str:
    """Marker of an expert: its dimension."""
    _, number = split(name)
    return MARKERS.get(number or 2, "P")


def grouped(value: float) -> str:
    """An integer with a space between groups of three digits."""
    return f"{int(value):,}".replace(",", " ")

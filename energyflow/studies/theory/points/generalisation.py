"""Theorem 3.6 and Lemma 3.8: the table, figure and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import difference, over_seeds
from energyflow.report.style import MARKERS, Look
from energyflow.report.wording import grouped, number
from energyflow.studies.theory.points import subjects
from energyflow.studies.theory.points.subjects import ENERGY, VECTOR, family
from energyflow.studies.theory.points.verdicts import VERDICT, exponent, judged, read_rows, told_apart
from energyflow.studies.theory.sections import VerdictParams

VALUES = ("train", "held_out", "shifted", "gap", "gap_shifted")
NETWORKS = {"energy": ENERGY, "vector": VECTOR}
ADVANTAGE = 0.5  # sqrt(d): the exponent by which the two bounds differ
GUIDE = "predicted: field / energy ~ sqrt(d) (least n); n^-1/2"
TITLE = "Do energies generalise better than vector fields?"
CLAIM = (
    "The Rademacher complexity of unconstrained fields is bounded by Lambda B sqrt(d / n), that of conservative ones by"
    " Lambda L / sqrt(n) (Theorem 3.6), and the loss off the training distribution alike (Lemma 3.8). These are upper"
    " bounds; taken as predictions, the gap between held-out and training loss shrinks as n^-1/2, and that of vector"
    " networks grows by a factor sqrt(d) more with the action dimension d than that of energies of equal size."
    " The difference of the two exponents of d does not depend on whether the loss is a sum or a mean over coordinates."
)


def build(paths: Sequence[Path], params: VerdictParams) -> Point:
    """The point of the page."""
    rows = read_rows(paths, "generalisation")
    rows = rows.assign(family=[subjects.split(name)[0] for name in rows["subject"]])
    frame = over_seeds(rows, ("family", "subject", "dim", "model", "demos", "parameters"), VALUES, params.confidence)
    powers = over_seeds(exponents(rows), ("family", "demos"), ("energy", "vector", "difference"), params.confidence)
    powers = judged(powers, "difference", ADVANTAGE, params.tolerance)
    return Point(TITLE, CLAIM, sentences(rows, powers, params), table(powers), frame, draw(frame, params))


def exponents(rows: pd.DataFrame) -> pd.DataFrame:
    """By family, n and seed: p of gap ~ d^p of either network, and the difference; NaN where a gap is not positive."""
    found = []
    for (name, demos, seed), part in rows.groupby(["family", "demos", "seed"], sort=False):
        powers = {each: exponent(part[part["model"] == model], "dim", "gap") for each, model in NETWORKS.items()}
        found.append({"family": name, "demos": demos, "seed": seed, **powers})
    return pd.DataFrame(found).assign(difference=lambda frame: frame["vector"] - frame["energy"])


def decay(rows: pd.DataFrame, model: str) -> pd.Series:
    """Exponents q of gap ~ n^q, one a subject and seed."""
    parts = rows[rows["model"] == model].groupby(["subject", "seed"], sort=False)
    return pd.Series([exponent(part, "demos", "gap") for _, part in parts], dtype=np.float64).dropna()


def sentences(rows: pd.DataFrame, powers: pd.DataFrame, params: VerdictParams) -> list[str]:
    """What was measured."""
    known = powers.dropna(subset=["difference_low"])
    counts = known["verdict"].value_counts()
    described = [f"{word} in {n}" for word, n in counts.items()]
    if unknown := len(powers) - len(known):
        described.append(f"no exponent in {unknown}, as a gap is not positive")
    found = [
        f"Vector networks lose sqrt(d) more (exponents differ by {ADVANTAGE:g}), of {len(powers)} settings (family and"
        f" n): {'; '.join(described)}."
    ]
    for _, row in known.iterrows():
        found.append(
            f"{family(row['family'])}, n = {grouped(row['demos'])}: the gap grows as d^{number(row, 'energy')} for the"
            f" energy and as d^{number(row, 'vector')} for the vector network; difference {number(row, 'difference')}."
        )
    rates = {name: decay(rows, model) for name, model in NETWORKS.items()}
    if all(len(rate) for rate in rates.values()):
        found.append(
            "With n the gap falls as n^q, predicted q = -0.5; median over experts and seeds: "
            + ", ".join(
                f"{name} {rate.median():.2f} ({rate.min():.2f} to {rate.max():.2f})" for name, rate in rates.items()
            )
            + "."
        )
    vector, energy = (rows[rows["model"] == model] for model in (VECTOR, ENERGY))
    for value, text in (("gap", "The gap"), ("gap_shifted", "Beyond the training range (Lemma 3.8) the gap")):
        better, worse, alike = told_apart(difference(vector, energy, ("subject", "demos"), value, params.confidence))
        found.append(
            f"{text} of the energy is smaller than the vector network's in {better} of"
            f" {better + worse + alike} settings, larger in {worse}, not told apart in {alike}."
        )
    return found


def table(powers: pd.DataFrame) -> Table:
    """Exponents of the gap in d."""
    return Table(
        title="Growth of the generalisation gap with the action dimension",
        caption="Exponent p of gap ~ d^p, loss as a mean over coordinates (as a sum: p + 1), and vector minus energy.",
        frame=powers,
        columns=(
            Column("Experts", lambda row: family(row["family"]), numeric=False),
            Column("n", lambda row: grouped(row["demos"])),
            Column("Energy", with_interval("energy", 2)),
            Column("Vector", with_interval("vector", 2)),
            Column("Difference", with_interval("difference", 2, "+")),
            Column("predicted", lambda _row: f"+{ADVANTAGE:g}"),
            VERDICT,
        ),
        notes=("The losses and gaps themselves, in and beyond the training range, are in the CSV file.",),
    )


def predicted(frame: pd.DataFrame, value: str) -> pd.Series:
    """Gap of the vector network by d, as far above the energy's as the bounds say: by sqrt(d) more than at the least d.

    Empty where a gap is not positive: there is no ratio then.
    """
    energy, vector = (frame[frame["model"] == model].set_index("dim")[value].sort_index() for model in (ENERGY, VECTOR))
    if min(energy.min(), vector.min()) <= 0:
        return pd.Series(dtype=np.float64)
    growth = np.sqrt(energy.index.to_numpy() / energy.index[0])
    found: pd.Series = energy * (vector / energy).iloc[0] * growth
    return found


def draw(frame: pd.DataFrame, params: VerdictParams) -> Figure:
    """Gap against d at each n, and against n at each d, in and beyond the training range; families side by side."""
    families = list(dict.fromkeys(frame["family"]))
    figure, flat = drawing.panels(3 * len(families))
    sizes, dims = sorted(frame["demos"].unique()), sorted(frame["dim"].unique())
    for row, name in enumerate(families):
        over_d, over_n, shifted = flat[3 * row : 3 * row + 3]
        own = frame[frame["family"] == name]
        for model in NETWORKS.values():
            part, (colour, _) = own[own["model"] == model], subjects.model_look(model, params.palette)
            for i, n in enumerate(sizes):
                at, look = part[part["demos"] == n], Look(colour, MARKERS[i])
                label = f"{subjects.MODELS[model]}, n = {grouped(n)}"
                drawing.estimates(over_d, at[at["gap"] > 0], "dim", "gap", look, label)
                drawing.estimates(shifted, at[at["gap_shifted"] > 0], "dim", "gap_shifted", look, label)
            for d in dims:  # the markers of the legend say n
                at = part[(part["dim"] == d) & (part["gap"] > 0)]
                drawing.estimates(over_n, at, "demos", "gap", Look(colour, "."))
        fewest = own[own["demos"] == sizes[0]]
        for axes, value in ((over_d, "gap"), (shifted, "gap_shifted")):
            ahead = predicted(fewest, value)
            drawing.predicted(axes, ahead.index, ahead, GUIDE)
        start = fewest.loc[fewest["dim"] == dims[0], "gap"].max()
        if start > 0:
            drawing.predicted(over_n, sizes, start * np.sqrt(sizes[0] / np.array(sizes)), GUIDE)
        for axes, values, x, y in (
            (over_d, "dim", "action dimension d", f"{family(name)}: gap"),
            (over_n, "demos", "demonstrations n", "gap (one line a d)"),
            (shifted, "dim", "action dimension d", "gap beyond the range"),
        ):
            drawing.measured_axis(axes, frame[values])
            drawing.log_axis(axes, "y")
            axes.set_xlabel(x)
            axes.set_ylabel(y)
    drawing.legend_below(figure)
    return figure

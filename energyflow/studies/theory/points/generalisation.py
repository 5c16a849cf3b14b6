"""Theorem 3.6 and Lemma 3.8: the table, figure and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import style
from energyflow.report.render import Column, Table, with_interval
from energyflow.studies.theory.points import point, subjects
from energyflow.studies.theory.points.estimates import exponent, judged, over_seeds, paired, read_rows
from energyflow.studies.theory.points.point import Point
from energyflow.studies.theory.sections import VerdictParams

VALUES = ("train", "held_out", "shifted", "gap", "gap_shifted")
ENERGY, VECTOR = "energyflow", "unconstrained"
ADVANTAGE = 0.5  # sqrt(d): the exponent by which the two bounds differ
GUIDE = "predicted: field / energy ~ sqrt(d) (least n); n^-1/2"
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
    return Point(
        title="Do energies generalise better than vector fields?",
        claim=CLAIM,
        sentences=sentences(rows, powers, params),
        table=table(powers),
        rows=frame,
        figure=figure(frame, params),
    )


def exponents(rows: pd.DataFrame) -> pd.DataFrame:
    """By family, n and seed: p of gap ~ d^p of either network, and the difference; NaN where a gap is not positive."""
    found = []
    for (family, demos, seed), part in rows.groupby(["family", "demos", "seed"], sort=False):
        powers = {}
        for name, model in (("energy", ENERGY), ("vector", VECTOR)):
            own = part[part["model"] == model].sort_values("dim")
            powers[name] = exponent(own["dim"].tolist(), own["gap"].tolist())
        found.append({"family": family, "demos": demos, "seed": seed, **powers})
    return pd.DataFrame(found).assign(difference=lambda frame: frame["vector"] - frame["energy"])


def decay(rows: pd.DataFrame, model: str) -> pd.Series:
    """Exponents q of gap ~ n^q, one a subject and seed."""
    found = {}
    for key, part in rows[rows["model"] == model].groupby(["subject", "seed"], sort=False):
        ordered = part.sort_values("demos")
        found[key] = exponent(ordered["demos"].tolist(), ordered["gap"].tolist())
    return pd.Series(found, dtype=np.float64).dropna()


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
        family, n = subjects.family(row["family"]), subjects.grouped(row["demos"])
        found.append(
            f"{family}, n = {n}: the gap grows as d^{point.number(row, 'energy')} for the energy and as"
            f" d^{point.number(row, 'vector')} for the vector network; difference {point.number(row, 'difference')}."
        )
    rates = {name: decay(rows, model) for name, model in (("energy", ENERGY), ("vector", VECTOR))}
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
        pairs = paired(vector, energy, ("subject", "demos"), value, params.confidence)
        better, worse = int((pairs["difference_low"] > 0).sum()), int((pairs["difference_high"] < 0).sum())
        found.append(
            f"{text} of the energy is smaller than the vector network's in {better} of {len(pairs)} settings, larger in"
            f" {worse}, not told apart in {len(pairs) - better - worse}."
        )
    return found


def table(powers: pd.DataFrame) -> Table:
    """Exponents of the gap in d."""
    return Table(
        title="Growth of the generalisation gap with the action dimension",
        caption="Exponent p of gap ~ d^p, loss as a mean over coordinates (as a sum: p + 1), and vector minus energy.",
        frame=powers,
        columns=(
            Column("Experts", lambda row: subjects.family(row["family"]), numeric=False),
            Column("n", lambda row: subjects.grouped(row["demos"])),
            Column("Energy", with_interval("energy", 2)),
            Column("Vector", with_interval("vector", 2)),
            Column("Difference", with_interval("difference", 2, "+")),
            Column("predicted", lambda _row: f"+{ADVANTAGE:g}"),
            point.VERDICT,
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


def figure(frame: pd.DataFrame, params: VerdictParams) -> Figure:
    """Gap against d at each n, and against n at each d, in and beyond the training range; families side by side."""
    families = list(dict.fromkeys(frame["family"]))
    drawn, flat = point.panels(len(families), 3)
    colours = point.palette(params)
    sizes, dims = sorted(frame["demos"].unique()), sorted(frame["dim"].unique())
    for row, family in enumerate(families):
        over_d, over_n, shifted = flat[3 * row : 3 * row + 3]
        own = frame[frame["family"] == family]
        for model, colour in ((ENERGY, colours[0]), (VECTOR, colours[3])):
            part = own[own["model"] == model]
            name = subjects.MODELS[model]
            for i, n in enumerate(sizes):
                at = part[part["demos"] == n]
                mark = ("o", "s", "^", "D")[i % 4]
                label = f"{name}, n = {subjects.grouped(n)}"
                point.line(over_d, at[at["gap"] > 0], "dim", "gap", colour=colour, marker=mark, label=label)
                point.line(shifted, at[at["gap_shifted"] > 0], "dim", "gap_shifted", colour=colour, marker=mark)
            for d in dims:  # the markers of the legend say n
                point.line(
                    over_n, part[(part["dim"] == d) & (part["gap"] > 0)], "demos", "gap", colour=colour, marker="."
                )
        fewest = own[own["demos"] == sizes[0]]
        for axes, value in ((over_d, "gap"), (shifted, "gap_shifted")):
            ahead = predicted(fewest, value)
            axes.plot(ahead.index, ahead, "--", color=point.PREDICTED, lw=1, label=GUIDE)
        start = fewest.loc[fewest["dim"] == dims[0], "gap"].max()
        if start > 0:
            over_n.plot(sizes, start * np.sqrt(sizes[0] / np.array(sizes)), "--", color=point.PREDICTED, lw=1)
        title = subjects.family(family)
        for axes, values, x, y in (
            (over_d, "dim", "action dimension d", f"{title}: gap"),
            (over_n, "demos", "demonstrations n", "gap (one line a d)"),
            (shifted, "dim", "action dimension d", "gap beyond the range"),
        ):
            point.log_x(axes, frame[values])
            style.log_axis(axes, "y")
            axes.set_xlabel(x)
            axes.set_ylabel(y)
    point.legend(drawn, flat[0], columns=3)
    return drawn

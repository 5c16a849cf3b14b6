"""Theorem 4.1: the guided field."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import over_seeds
from energyflow.report.style import nth_look
from energyflow.studies.offline.points.verdicts import BETA, PATH, PATH_NAMES, read
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.verdicts import FAILS, HOLDS, Estimate, Judged, at_most, by_seed, every

FLOOR = 1e-17  # drawn in place of a difference of zero
TITLE = "The guided field"
CLAIM = (
    "Theorem 4.1: a field, written with the data's own posterior and the weights exp(-beta E), generates"
    " q ~ p exp(-beta E). Then it is the marginal field of plain flow matching on q. Both are known in closed form on a"
    " mixture of Gaussians under a linear energy; and samples of the guided field must have the law q."
)


def judged(paths: Sequence[Path], params: OfflineVerdicts) -> Judged:
    """Claim qi01."""
    rows, limits = read(paths, "field"), params.tolerances
    worst = float(rows["error"].max())
    law = law_ratio(rows, params.confidence)
    verdict = every(HOLDS if worst <= limits.field else FAILS, at_most(law, limits.law))
    return Judged(
        "qi01",
        "the guided field of Theorem 4.1 generates q ~ p exp(-beta E)",
        "sliced W2 of its samples to exact ones, over that of exact samples",
        law,
        f"at most {limits.law:g}, and fields that differ by at most {limits.field:g}",
        verdict,
    )


def law_ratio(rows: pd.DataFrame, confidence: float) -> Estimate:
    """Distance of samples over the floor, both averaged over paths and betas in each seed."""
    law = rows[rows["kind"] == "law"]
    mean = law.groupby("seed")[["distance", "floor"]].mean().reset_index()
    return by_seed(mean["distance"] / mean["floor"], mean["seed"], confidence)


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    rows, claim = read(paths, "field"), judged(paths, params)
    worst = rows["error"].max()
    sentences = [
        f"Theorem 4.1: {claim.verdict}. The two fields differ by at most {worst:.1e} of the largest value (tolerance"
        f" {params.tolerances.field:g}).",
        f"Samples of the guided field are {claim.value.said()} times as far from exact samples as exact samples are"
        f" from each other (limit {params.tolerances.law:g}).",
    ]
    worst_of = rows[rows["kind"] == "field"].groupby(["path", "beta", "seed"], sort=False)["error"].max().reset_index()
    law = over_seeds(rows[rows["kind"] == "law"], ("path", "beta"), ("distance", "floor"), params.confidence)
    frame = worst_of.groupby(["path", "beta"], sort=False)["error"].max().reset_index().merge(law)
    table = Table(
        title="Guided field against the marginal field of the tilted law",
        caption="Largest difference over times, points and seeds; sliced W2 of samples to exact ones.",
        frame=frame,
        columns=(
            PATH,
            BETA,
            Column("Difference", lambda row: f"{row['error']:.1e}"),
            Column("W2 of samples", with_interval("distance", 3)),
            Column("of exact samples", with_interval("floor", 3)),
        ),
        groups="path",
    )
    return Point(TITLE, CLAIM, sentences, table, frame, draw(rows, params))


def draw(rows: pd.DataFrame, params: OfflineVerdicts) -> Figure:
    """The difference against time, a panel a path."""
    kept = rows[rows["kind"] == "field"]
    names = list(dict.fromkeys(kept["path"]))
    figure, panels = drawing.panels(len(names), 2, shared=True, x="time", y="largest difference")
    for axes, name in zip(panels, names, strict=True):
        own = kept[kept["path"] == name].groupby(["beta", "time"])["error"].max().clip(lower=FLOOR).reset_index()
        for place, (beta, part) in enumerate(own.groupby("beta")):
            look = nth_look(place, params.palette)
            axes.plot(part["time"], part["error"], color=look.colour, marker=look.marker, label=f"beta {beta:g}")
        drawing.predicted(axes, [0.0, 1.0], [params.tolerances.field] * 2, "tolerance")
        axes.set_yscale("log")
        axes.set_title(PATH_NAMES[name])
    drawing.legend_below(figure, columns=4)
    return figure

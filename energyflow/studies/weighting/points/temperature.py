"""The temperature after renewals on the expert's own data."""

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
from energyflow.studies.rows import read_rows
from energyflow.studies.theory.points import subjects
from energyflow.studies.verdicts import Estimate, by_seed, every, near
from energyflow.studies.weighting.resolve import NAME
from energyflow.studies.weighting.sections import PointParams

CHECK = "temperature"
KINDS = {
    "closed": "weights alone, exact energy",
    "exact": "QIPO, exact energy",
    "learned": "QIPO, E_phi",
    "coarse": "QIPO, exact energy, few solver steps",
}
TITLE = "The temperature of renewals"
CLAIM = (
    "E_phi = -Q*/alpha + c(s), so on the expert's own data a weight exp(-beta E_phi) leads to pi_E^(1 + beta), and l"
    " renewals to pi_E^(1 + l beta): the temperature falls from alpha to alpha / (1 + l beta). The temperature of a"
    " policy is that of the expert's law with the same mean log density."
)


def read(paths: Sequence[Path]) -> pd.DataFrame:
    """The rows, with `ratio`, the temperature over the law."""
    rows = read_rows(NAME, paths, CHECK)
    return rows.assign(ratio=rows["temperature"] / rows["law"])


def judged(rows: pd.DataFrame, kind: str, params: PointParams) -> tuple[Estimate, str]:
    """The expert farthest from the law after the last renewal, and whether each expert follows it."""
    own = rows[(rows["kind"] == kind) & (rows["renewals"] == rows["renewals"].max())]
    values = [by_seed(part["ratio"], part["seed"], params.report.confidence) for _, part in own.groupby("subject")]
    worst = max(values, key=lambda value: abs(value.mean - 1.0))
    return worst, every(*(near(value, 1.0, params.rules.temperature) for value in values))


def build(paths: Sequence[Path], params: PointParams) -> Point:
    """The point of the page."""
    rows = read(paths)
    by = ("subject", "dim", "kind", "renewals", "beta", "law")
    frame = over_seeds(rows, by, ("temperature", "ratio"), params.report.confidence)
    sentences = []
    for kind, words in KINDS.items():
        value, verdict = judged(rows, kind, params)
        sentences.append(
            f"{words[0].upper()}{words[1:]}: alpha / (1 + l beta) {verdict}; after {rows['renewals'].max()} renewals of"
            f" beta {rows['beta'].max():g} the expert farthest from the law is at {value.said()} of it (tolerance"
            f" {params.rules.temperature:g})."
        )
    table = Table(
        title=TITLE,
        caption="Temperature over that of the expert, mean over seeds with its interval, and over the law.",
        frame=frame,
        columns=(
            subjects.column("Expert"),
            Column("Kind", lambda row: KINDS[row["kind"]], numeric=False),
            Column("Renewals l", general("renewals")),
            Column("beta", general("beta")),
            Column("Temperature / alpha", with_interval("temperature", 3)),
            Column("predicted", fixed("law", 3)),
            Column("Over the law", with_interval("ratio", 3)),
        ),
        groups="subject",
    )
    return Point(TITLE, CLAIM, sentences, table, frame, draw(frame, params))


def draw(frame: pd.DataFrame, params: PointParams) -> Figure:
    """A panel an expert: temperature against the number of renewals, and the law."""
    experts = list(dict.fromkeys(frame["subject"]))
    figure, panels = drawing.panels(len(experts), 3, x="renewals l", y="temperature / alpha")
    for axes, name in zip(panels, experts, strict=True):
        own = frame[frame["subject"] == name]
        for place, (kind, words) in enumerate(KINDS.items()):
            part = own[own["kind"] == kind]
            drawing.estimates(axes, part, "renewals", "temperature", nth_look(place, params.palette), words)
        law = own.drop_duplicates("renewals").sort_values("renewals")
        drawing.predicted(axes, law["renewals"], law["law"], "1 / (1 + l beta)")
        axes.set_title(subjects.label(name))
    drawing.legend_below(figure, columns=2)
    return figure

"""Figure 4: the time of one action against QGPO's, whose guidance QIPO does without."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import NONE, whole, with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import over_seeds
from energyflow.report.style import nth_look
from energyflow.report.wording import listed, number
from energyflow.studies.offline.points.verdicts import read
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.verdicts import Estimate, Judged, at_least, every

METHODS = {
    "qgpo": "QGPO (CEP guidance)",
    "qipo_diff": "QIPO-Diff",
    "qipo_ot": "QIPO-OT",
    "energyflow": "EnergyFlow",
    "energyflow_frozen": "EnergyFlow, NumPy",
}
SIZES = {"published": "Published widths", "ours": "Widths of the pilot"}
PUBLISHED = {"qipo_diff": 25.57, "qipo_ot": 63.68}  # % below QGPO's time: averages of the paper's figure 4
DECIDES = "published"
LIMIT = "at least the published 63.7 % (OT) and 25.6 % (Diff), with the published widths; says nothing of equal success"
TITLE = "Time of one action"
CLAIM = (
    "Figure 4: QIPO acts faster than QGPO, which differentiates an intermediate energy at each step of its solver: by"
    " 63.7 % on the straight path and by 25.6 % as a diffusion. Milliseconds and number of steps were not found."
    " Networks have fresh weights, on which the time does not depend; so equal success is not shown here. EnergyFlow,"
    " which differentiates its energy too, stands beside them with the same widths."
)


def estimates(paths: Sequence[Path], params: OfflineVerdicts) -> pd.DataFrame:
    """One row a size and method: means over the widths of environments, intervals over repetitions; per cent."""
    rows = read(paths, "acting")
    rows = rows.assign(faster=100.0 * rows["faster"])
    values = ["ms", "faster", "passes", "parameters"]
    each = rows.groupby(["size", "method", "seed"], sort=False)[values].mean().reset_index()
    found = over_seeds(each, ("size", "method"), values, params.confidence)
    order = {name: place for place, name in enumerate(METHODS)}
    found = found.sort_values("method", key=lambda names: names.map(order), kind="stable")
    found = found.sort_values("size", key=lambda names: names.map(list(SIZES).index), kind="stable")
    return found.assign(published=found["method"].map(PUBLISHED)).reset_index(drop=True)


def reductions(frame: pd.DataFrame, size: str) -> dict[str, Estimate]:
    """How much faster than QGPO each method with a published number is, per cent."""
    own = {row["method"]: row for _, row in frame[frame["size"] == size].iterrows()}
    return {name: Estimate(*(float(own[name][f"faster{end}"]) for end in ("", "_low", "_high"))) for name in PUBLISHED}


def judged(paths: Sequence[Path], params: OfflineVerdicts) -> Judged:
    """Claim qi10: both reductions, at the sizes that the paper is said to share with QGPO."""
    found = reductions(estimates(paths, params), DECIDES)
    return Judged(
        "qi10",
        "action selection is 63.7 % (OT) and 25.6 % (Diff) faster than QGPO",
        "CPU time of an action of QIPO-OT below QGPO's, %",
        found["qipo_ot"],
        LIMIT,
        every(*(at_least(value, PUBLISHED[name]) for name, value in found.items())),
    )


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    frame, claim, rows = estimates(paths, params), judged(paths, params), read(paths, "acting")
    found = {size: reductions(frame, size) for size in SIZES}
    said = [
        f"{METHODS[name]} by {value.said(1)} % (published {PUBLISHED[name]:.1f})"
        for name, value in found[DECIDES].items()
    ]
    above, below = (
        [METHODS[name] for name, value in found[DECIDES].items() if sign * (value.mean - PUBLISHED[name]) > 0.0]
        for sign in (1.0, -1.0)
    )
    ours = [f"{METHODS[name]} by {value.said(1)} %" for name, value in found["ours"].items()]
    apart = rows[rows["method"].isin(PUBLISHED)]
    sentences = [
        f"An action takes so much less time than QGPO's, at least as published: {claim.verdict}. {' and '.join(said)}.",
        f"More than the published number is gained by {listed(above)}, less by {listed(below)}.",
        f"With the widths of the pilot: {' and '.join(ours)}.",
        f"From round to round of one run a reduction varies by up to"
        f" {100 * (apart['faster_high'] - apart['faster_low']).max():.0f} percentage points, with whatever"
        " else the machine did. Medians are taken over rounds in which all act in turn.",
    ]
    energyflow = frame[frame["method"] == "energyflow"]
    times = [f"{number(row, 'ms')} ms with the {SIZES[row['size']].lower()}" for _, row in energyflow.iterrows()]
    sentences.append(f"EnergyFlow takes {' and '.join(times)}.")
    faster = with_interval("faster", 1)
    table = Table(
        title="CPU time of one action in one state",
        caption="One thread; means over the widths of Hopper, Walker2d and AntMaze, intervals over repetitions.",
        frame=frame,
        columns=(
            Column("Networks", lambda row: SIZES[row["size"]], numeric=False),
            Column("Method", lambda row: METHODS[row["method"]], numeric=False),
            Column("Time (ms)", with_interval("ms", 2)),
            Column("Below QGPO's (%)", lambda row: NONE if row["method"] == "qgpo" else faster(row)),
            Column("Published (%)", lambda row: NONE if row["published"] is None else f"{row['published']:.1f}"),
            Column("Passes", whole("passes")),
            Column("Parameters", whole("parameters")),
        ),
        groups="size",
        notes=(
            "Passes: of networks, for one action; the gradient of an energy counts as two.",
            "QIPO-Diff and QGPO have the same solver and steps. HalfCheetah has the widths of Walker2d.",
            "The energy of QGPO has the widths of its field: those of the code's were not found.",
            "A step of a diffusion also computes times and scales of its path, a good part of it in networks so small.",
            "EnergyFlow sees one observation and plans one action. In NumPy: its weights frozen, as it acts when it is"
            " served.",
        ),
    )
    return Point(TITLE, CLAIM, sentences, table, frame, draw(frame, params))


def draw(frame: pd.DataFrame, params: OfflineVerdicts) -> Figure:
    """Milliseconds of each method, and how far they lie below QGPO's."""
    figure, panels = drawing.panels(2, 2)
    methods = list(METHODS)
    for axes, (value, label) in zip(panels, (("ms", "ms an action"), ("faster", "below QGPO's (%)")), strict=True):
        for place, (size, name) in enumerate(SIZES.items()):
            part = frame[frame["size"] == size]
            part = part.assign(place=part["method"].map(methods.index) + 0.24 * place - 0.12)
            look = nth_look(place, params.palette)
            drawing.estimates(axes, part, "place", value, look, name, joined=False, along="y")
        drawing.category_axis(axes, list(METHODS.values()), "y")
        axes.set_xlabel(label)
    panels[0].set_xscale("log")
    places = [methods.index(name) for name in PUBLISHED]
    panels[1].plot(
        list(PUBLISHED.values()), places, "|", color="0.25", markersize=14, markeredgewidth=1.6, label="Paper"
    )
    panels[1].set_yticklabels([])
    drawing.legend_below(figure)
    return figure

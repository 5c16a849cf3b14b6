"""Offline reinforcement learning on data sets made here: every method on the same critic, returns by seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.offline.methods.registry import METHODS
from energyflow.report import drawing
from energyflow.report.columns import fixed, plain, with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.rows import read_table
from energyflow.report.seeds import difference, over_seeds
from energyflow.report.style import nth_look
from energyflow.studies.offline.sections import OfflineVerdicts

TITLE = "In environments"
CLAIM = (
    "Table 2: QIPO ends above behaviour cloning, one-shot weighting, guidance and IQL. The data sets of the paper are"
    " not here: these are made by a rule of our own after D4RL's recipe, so that no number can be held against a"
    " published one. Methods differ in their improvement alone; those with the softmax critic have the same one."
)
COLUMNS = ("task", "method", "seed", "dataset", "return")
SCALES = ("normalised_own", "normalised_d4rl")
CLONE, SUBJECT = "bc", "qipo_ot"


def seed_means(paths: Sequence[Path]) -> pd.DataFrame:
    """One row a data set, method and seed: means over episodes.

    Raises:
        UserError: a file is missing, damaged, or lacks a column.
    """
    rows = pd.concat([read_table(path, (*COLUMNS, SCALES[0])) for path in paths], ignore_index=True)
    rows = rows if SCALES[1] in rows else rows.assign(**{SCALES[1]: float("nan")})
    quality = rows["dataset"].str.rsplit("/", n=1).str[-1].str.replace(r"-v\d+$", "", regex=True)
    found = rows.assign(quality=quality).groupby(["task", "quality", "method", "seed"], sort=False)
    return found[[*SCALES, "return"]].mean().reset_index()


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    each = seed_means(paths)
    frame = over_seeds(each, ("task", "quality", "method"), [*SCALES, "return"], params.confidence)
    table = Table(
        title="Returns on data sets made here",
        caption="Means over seeds with intervals; 0 and 100: the random and the expert return of the data's own run.",
        frame=frame,
        columns=(
            Column("Environment", plain("task"), numeric=False),
            Column("Data", plain("quality"), numeric=False),
            Column("Method", lambda row: METHODS[row["method"]].title, numeric=False),
            Column("Return (own scale)", with_interval(SCALES[0], 1)),
            Column("Return (D4RL's scale)", with_interval(SCALES[1], 1)),
            Column("Seeds", fixed("seeds", 0)),
        ),
        groups="task",
        notes=("D4RL's scale: its references for the environment, of another version of it and of other data.",),
    )
    return Point(TITLE, CLAIM, sentences(each, frame, params), table, frame, draw(frame, params))


def sentences(each: pd.DataFrame, frame: pd.DataFrame, params: OfflineVerdicts) -> list[str]:
    """How QIPO-OT stands to each other method, by data set."""
    found = []
    own = each[each["method"] == SUBJECT]
    for method in (name for name in dict.fromkeys(frame["method"]) if name != SUBJECT):
        other = each[each["method"] == method]
        if own.empty:
            break
        apart = difference(own, other, ("task", "quality"), SCALES[0], params.confidence)
        above, below = (int(part.sum()) for part in (apart["difference_low"] > 0, apart["difference_high"] < 0))
        found.append(
            f"QIPO-OT returns more than {METHODS[method].title} in {above} of {len(apart)} data sets and less in"
            f" {below}; in the others the interval over seeds holds both."
        )
    mean = frame.groupby("method", sort=False)[SCALES[0]].mean()
    said = ", ".join(f"{METHODS[str(name)].title} {value:.1f}" for name, value in mean.items())
    return [*found, f"Mean over data sets, own scale: {said}."]


def draw(frame: pd.DataFrame, params: OfflineVerdicts) -> Figure:
    """Normalised return of each method, a panel a data set."""
    sets = list(dict.fromkeys(zip(frame["task"], frame["quality"], strict=True)))
    methods = list(dict.fromkeys(frame["method"]))
    figure, panels = drawing.panels(len(sets), 2, x="return, own scale")
    for axes, (task, quality) in zip(panels, sets, strict=True):
        part = frame[(frame["task"] == task) & (frame["quality"] == quality)]
        for place, method in enumerate(methods):
            own = part[part["method"] == method].assign(place=place)
            drawing.estimates(axes, own, "place", SCALES[0], nth_look(place, params.palette), joined=False, along="y")
        drawing.category_axis(axes, [METHODS[name].title for name in methods], "y")
        axes.set_title(f"{task} {quality}")
    return figure

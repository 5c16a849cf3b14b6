"""Offline reinforcement learning on data sets made here: every method on the same critic, returns by seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import drawing
from energyflow.report.columns import fixed, plain, with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.seeds import difference, over_seeds
from energyflow.report.style import nth_look
from energyflow.studies.offline.points.returns import SCALES, SUBJECT, ceilings, judged, seed_means, title
from energyflow.studies.offline.sections import OfflineVerdicts

TITLE = "In environments"
CLAIM = (
    "Table 2: QIPO ends above behaviour cloning, one-shot weighting, guidance and IQL. The data sets of the paper are"
    " not here: these are made by a rule of our own after D4RL's recipe, or by a script, so that no number can be held"
    " against a published one. Methods differ in their improvement alone; those with the softmax critic have the same"
    " one. A data set counts for a verdict where some learner comes up to its ceiling, the mean return of the best"
    " tenth of its episodes; differences are paired by seed."
)


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    each, limit = seed_means(paths), ceilings(paths)
    frame = over_seeds(each, ("env", "quality", "learner"), [*SCALES, "return"], params.confidence)
    keys = zip(frame["env"], frame["quality"], strict=True)
    frame = frame.assign(ceiling=[limit[key] for key in keys])
    table = Table(
        title="Returns on data sets made here",
        caption="Means over seeds with intervals; 0 and 100: the random and the expert return of the data's own run.",
        frame=frame,
        columns=(
            Column("Environment", plain("env"), numeric=False),
            Column("Data", plain("quality"), numeric=False),
            Column("Method", lambda row: title(row["learner"]), numeric=False),
            Column("Return (own scale)", with_interval(SCALES[0], 1)),
            Column("Data's ceiling", fixed("ceiling", 1)),
            Column("Return (D4RL's scale)", with_interval(SCALES[1], 1)),
            Column("Seeds", fixed("seeds", 0)),
        ),
        groups="env",
        notes=("D4RL's scale: its references for the environment, of another version of it and of other data.",),
    )
    claims = [f"{one.text} ({one.claim}): {one.verdict}" for one in judged(paths, params)]
    sentences = [f"Verdicts: {'; '.join(claims)}.", *compared(each, frame, params)]
    return Point(TITLE, CLAIM, sentences, table, frame, draw(frame, params))


def compared(each: pd.DataFrame, frame: pd.DataFrame, params: OfflineVerdicts) -> list[str]:
    """How QIPO-OT stands to each other learner, by data set."""
    found = []
    own = each[each["learner"] == SUBJECT]
    for learner in (name for name in dict.fromkeys(frame["learner"]) if name != SUBJECT):
        other = each[each["learner"] == learner]
        if own.empty:
            break
        apart = difference(own, other, ("env", "quality"), SCALES[0], params.confidence)
        above, below = (int(part.sum()) for part in (apart["difference_low"] > 0, apart["difference_high"] < 0))
        found.append(
            f"{title(SUBJECT)} returns more than {title(learner)} in {above} of {len(apart)} data sets and less in"
            f" {below}; in the others the interval over seeds holds both."
        )
    mean = frame.groupby("learner", sort=False)[SCALES[0]].mean()
    said = ", ".join(f"{title(str(name))} {value:.1f}" for name, value in mean.items())
    return [*found, f"Mean over data sets, own scale: {said}."]


def draw(frame: pd.DataFrame, params: OfflineVerdicts) -> Figure:
    """Normalised return of each learner, a panel a data set, with the ceiling of the data."""
    sets = list(dict.fromkeys(zip(frame["env"], frame["quality"], strict=True)))
    learners = list(dict.fromkeys(frame["learner"]))
    figure, panels = drawing.panels(len(sets), 2, x="return, own scale")
    for axes, (env, quality) in zip(panels, sets, strict=True):
        part = frame[(frame["env"] == env) & (frame["quality"] == quality)]
        for place, learner in enumerate(learners):
            own = part[part["learner"] == learner].assign(place=place)
            drawing.estimates(axes, own, "place", SCALES[0], nth_look(place, params.palette), joined=False, along="y")
        drawing.predicted(axes, [part["ceiling"].iloc[0]] * 2, [-0.5, len(learners) - 0.5], "best tenth of the data")
        drawing.category_axis(axes, [title(name) for name in learners], "y")
        axes.set_title(f"{env} {quality}")
    drawing.legend_below(figure)
    return figure

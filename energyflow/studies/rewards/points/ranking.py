"""Which reward ranks: each source against the soft advantage of an agent trained on the dense reward."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import columns, drawing, names
from energyflow.report.columns import with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table, records
from energyflow.report.style import look_of
from energyflow.report.summaries import overall, scopes
from energyflow.report.wording import listed
from energyflow.studies import rows
from energyflow.studies.rewards.points.training import TESTS
from energyflow.studies.rewards.resolve import CONTROL, JUDGE, ORACLE
from energyflow.studies.rewards.sections import PointParams
from energyflow.studies.rewards.study import NAME, RANKING
from energyflow.studies.verdicts import Estimate, by_seed

MEASURES = {  # measure -> what a reader sees, and what no order at all gives
    "within": ("Within a state", 0.0),
    "uniform": ("Of uniform actions", 0.0),
    "across": ("Across states", 0.0),
    "demonstrated": ("Demonstrated preferred", 0.5),
    "trajectories": ("Episodes by success", 0.0),
}
TITLE = "Which reward ranks"
CLAIM = (
    "The other half of the claim, without an agent on each source: does a reward order what is done as the soft"
    " advantage of an agent trained on the dense reward does, which none of the sources was told? Proposition 3.9 has"
    " the raw energy rank actions within a state and not across states, and centring repair that. Within a state, and"
    " for demonstrated against uniform actions, only sources can be asked that read nothing but observation and action."
    " The judge is no oracle about actions that it would not take: what it says of itself stands beside."
)


def read(paths: Sequence[Path]) -> pd.DataFrame:
    """Rows of every job."""
    return rows.read_rows(NAME, paths, RANKING)


def testable(found: pd.DataFrame, params: PointParams) -> list[str]:
    """Tasks whose judges have learnt them."""
    success = found[found["measure"] == "success"].groupby("subject", sort=False)["value"].mean()
    return [str(task) for task, value in success.items() if value >= params.rules.solved - 1e-9]


def measured(
    found: pd.DataFrame, tasks: Sequence[str], source: str, measure: str, confidence: float
) -> Estimate | None:
    """A measure of a source over tasks, of which it has all: the mean over seeds with a Student-t interval."""
    own = found[(found["source"] == source) & (found["measure"] == measure) & found["subject"].isin(tasks)]
    if own.empty or set(own["subject"]) != set(tasks):
        return None
    return by_seed(own["value"], own["seed"], confidence)


def centring(found: pd.DataFrame, tasks: Sequence[str], first: str, second: str, confidence: float) -> Estimate:
    """Rank correlation across states, first less second, paired by seed."""
    keys, wanted = ["subject", "seed"], found[(found["measure"] == "across") & found["subject"].isin(tasks)]
    pair = [wanted[wanted["source"] == source].set_index(keys)["value"] for source in (first, second)]
    apart = (pair[0] - pair[1]).dropna().reset_index()
    return by_seed(apart["value"], apart["seed"], confidence)


def table_rows(found: pd.DataFrame, params: PointParams) -> pd.DataFrame:
    """One row a task (and the average over those that test) and source: each measure that it has, with its interval."""
    tested = testable(found, params)
    averages = {scope: tasks for scope, tasks in scopes(tested).items() if names.is_average(scope)}
    every = {task: [task] for task in dict.fromkeys(found["subject"])} | averages
    out = []
    for scope, tasks in every.items():
        part = found[found["subject"].isin(tasks)]
        for source in names.in_order(part["source"], "source"):
            own = part[(part["source"] == source) & part["measure"].isin(MEASURES)]
            row: dict[str, Any] = {"task": scope, "source": source, "testable": all(task in tested for task in tasks)}
            row |= {"seeds": part["seed"].nunique(), "n": int(own.groupby(["subject", "seed"])["n"].max().sum())}
            for name in MEASURES:
                value = measured(part, tasks, source, name, params.report.confidence) or (None, None, None)
                row |= dict(zip((name, f"{name}_low", f"{name}_high"), value, strict=True))
            out.append(row)
    return pd.DataFrame(out)


def build(paths: Sequence[Path], params: PointParams) -> Point:
    """The point of the page."""
    found = read(paths)
    frame = table_rows(found, params)
    table = Table(
        title=TITLE,
        caption=(
            "Rank correlation with the soft advantage among actions of a state, of the judge and uniform ones,"
            " among the uniform ones alone, and across states; probability that a demonstrated action is rewarded more"
            " than a uniform one of its state (judge: is valued more); rank correlation of the mean reward of an"
            " episode with its success. n: states, of all seeds. Tests: whether the judges have learnt the task."
            f" Student-t intervals over seeds: {100 * params.report.confidence:g} %."
        ),
        frame=frame,
        columns=(
            *(columns.TASK, columns.SOURCE, TESTS, columns.N, columns.SEEDS),
            *(Column(header, with_interval(name, 2)) for name, (header, _) in MEASURES.items()),
        ),
        groups="task",
    )
    return Point(TITLE, CLAIM, sentences(found, frame, params), table, frame, draw(frame, params))


def sentences(found: pd.DataFrame, frame: pd.DataFrame, params: PointParams) -> list[str]:
    """How well the judges do, what they say of their own actions, and which sources rank in either sense."""
    judges = found[found["source"] == JUDGE].groupby(["measure", "subject"], sort=False)["value"].mean()

    def of_judges(measure: str) -> str:
        return listed(f"{names.task_name(str(task))} {100 * value:.0f} %" for task, value in judges[measure].items())

    tested = testable(found, params)
    if not tested:
        return [f"No task tests the ranking: the judges end at {of_judges('success')}."]
    said = [
        f"The judges end at {of_judges('success')}. They value actions of their own above uniform ones in"
        f" {of_judges('drawn')} of pairs, demonstrated ones above uniform ones in {of_judges('demonstrated')}, and"
        f" actions of their own above demonstrated ones in {of_judges('surpassed')}."
    ]
    for name in ("within", "uniform", "across"):
        rows = [row for row in records(overall(frame[frame["testable"]])) if row[name] is not None]
        best = sorted((row for row in rows if row["source"] not in (ORACLE, CONTROL)), key=lambda row: -row[name])
        order = listed(f"{names.source_name(row['source'])} {row[name]:.2f}" for row in best)
        said.append(f"{MEASURES[name][0]}, from the best: {order}.")
    return said


def draw(frame: pd.DataFrame, params: PointParams) -> Figure:
    """A row a task, a panel a measure: every source that has it; a line where there is no order at all."""
    tasks = [task for task in dict.fromkeys(frame["task"]) if not names.is_average(task)]
    figure, panels = drawing.panels(len(tasks) * len(MEASURES), len(MEASURES))
    figure.set_size_inches(10.5, (0.22 * frame["source"].nunique() + 1.0) * len(tasks))
    for index, axes in enumerate(panels):
        task, name = tasks[index // len(MEASURES)], list(MEASURES)[index % len(MEASURES)]
        own, (title, nothing) = frame[frame["task"] == task].reset_index(drop=True), MEASURES[name]
        for place, source in enumerate(own["source"]):
            part = own.iloc[[place]].assign(place=place)
            if part[name].notna().all():
                look = look_of(source, "source", params.palette)
                drawing.estimates(axes, part, "place", name, look, joined=False, along="y")
        axes.axvline(nothing, color="0.6", lw=0.9, ls=":")
        drawing.category_axis(axes, [names.source_name(source) for source in own["source"]], "y")
        axes.tick_params(labelleft=index % len(MEASURES) == 0)
        axes.set_title(fill(title, 14))
        axes.set_ylabel("" if index % len(MEASURES) else names.task_label(task))
        axes.set_xlim((-0.05, 1.05) if nothing else (-1.05, 1.05))
    return figure

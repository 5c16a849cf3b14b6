"""Success on robot tasks, method by method: the imitation from mixed data, and the chain of rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import columns, drawing, names
from energyflow.report.columns import NONE, with_interval
from energyflow.report.comparisons import paired
from energyflow.report.point import Point
from energyflow.report.render import Column, Row, Table, records
from energyflow.report.statistics import Cell, cell, estimate, measured
from energyflow.report.style import nth_look
from energyflow.report.summaries import scopes
from energyflow.report.wording import listed
from energyflow.studies.rows import read_rows
from energyflow.studies.verdicts import Estimate
from energyflow.studies.weighting.resolve import NAME
from energyflow.studies.weighting.sections import PointParams, WeightingRules

FLOOR = "clone"  # a flow on all of the mixture
TESTS = Column("Tests", lambda row: "yes" if row["testable"] else "no", numeric=False)
WEIGHTS = ("ess", "expert_weight")


@dataclass(frozen=True)
class Trial:
    """A check on robot tasks.

    Attributes:
        check: its name.
        title: of the point.
        claim: what it is about.
        methods: what readers see of each, in the order of table and figure.
        ceiling: the method that is told what the others are not.
    """

    check: str
    title: str
    claim: str
    methods: Mapping[str, str]
    ceiling: str


IMITATION = Trial(
    "imitation",
    "Imitation from mixed data",
    "A few demonstrations say what the expert is like; a mixture of the expert, of the same expert under much noise and"
    " of random actions says what can be done, and where. E_phi of the demonstrations weighs the mixture, mu exp(-beta"
    " E_phi) ~ mu pi_E^b: imitation within the support of the data. All flows have one network, recipe, number of steps"
    " and decoder; they differ by which transitions they draw.",
    {
        FLOOR: "Cloning of all",
        "demonstrations": "The demonstrations alone",
        "discriminator": "Discriminator weights",
        "best_of": "Best of M by E_phi",
        "reference": "Energy weights, centred by N(0, I)",
        "energy": "Energy weights",
        "renewed": "QIPO, Q = -E_phi",
        "expert_share": "The expert's share",
    },
    "expert_share",
)
CHAIN = Trial(
    "chain",
    "From demonstrations to QIPO",
    "Demonstrations -> E_phi -> centred reward of the mixture, whose own rewards nobody reads -> Q -> QIPO. Beside it"
    " the same on the simulator's dense reward.",
    {FLOOR: "Cloning of all", "centred": "QIPO, centred energy", "dense": "QIPO, dense reward"},
    "dense",
)


@dataclass(frozen=True)
class Outcomes:
    """Episodes of a trial by task and method, and how intervals and verdicts follow from them."""

    trial: Trial
    found: Mapping[tuple[str, str], Cell]
    params: PointParams

    @property
    def tasks(self) -> list[str]:
        """As they appear."""
        return list(dict.fromkeys(task for task, _ in self.found))

    def testable(self) -> list[str]:
        """Tasks that test a claim: the ceiling solves them, and cloning everything leaves room below it."""
        return [task for task in self.tasks if self._tests(task, self.params.rules)]

    def _tests(self, task: str, rules: WeightingRules) -> bool:
        ceiling, floor = (self.found[task, name].seed_means.mean() for name in (self.trial.ceiling, FLOOR))
        return bool(ceiling >= rules.solved - 1e-9 and ceiling - floor >= rules.room - 1e-9)

    def gap(self, first: str, second: str, tasks: Sequence[str]) -> Estimate:
        """First less second in percentage points, paired by seed and initial state."""
        pairs = [(self.found[task, first], self.found[task, second]) for task in tasks]
        purpose = f"{self.trial.check} {' '.join(tasks)} {first} - {second}"
        value = paired(pairs, self.params.report, purpose, same_seeds=True).scaled(100)
        return Estimate(value.mean, value.low, value.high)


def outcomes(trial: Trial, rows: pd.DataFrame, params: PointParams) -> Outcomes:
    """Arrange the rows of a trial."""
    grouped = rows.groupby(["subject", "method"], sort=False)
    return Outcomes(trial, {(str(task), str(method)): cell(part) for (task, method), part in grouped}, params)


def read(trial: Trial, paths: Sequence[Path], params: PointParams) -> Outcomes:
    """The outcomes of a trial.

    Raises:
        UserError: none of the files is of it, or one is damaged.
    """
    return outcomes(trial, read_rows(NAME, paths, trial.check), params)


def table_rows(found: Outcomes, rows: pd.DataFrame) -> pd.DataFrame:
    """One row a task (and the average over those that test) and method, in percent.

    `success`; `gain`: less that of cloning; `behind`: less that of the ceiling; `ess` and `expert_weight`, means over
    seeds, of methods that weigh; `testable`.
    """
    tested, trial, out = found.testable(), found.trial, []
    averages = {scope: tasks for scope, tasks in scopes(tested).items() if names.is_average(scope)}
    for scope, tasks in ({task: [task] for task in found.tasks} | averages).items():
        for method in trial.methods:
            row: dict[str, Any] = {"task": scope, "method": method}
            row |= {"testable": all(task in tested for task in tasks)}
            cells = [found.found[task, method] for task in tasks]
            row |= measured("success", estimate(cells, found.params.report, f"{trial.check} {scope} {method}"))
            for name, rival in (("gain", FLOOR), ("behind", trial.ceiling)):
                gap = (None, None, None) if method == rival else found.gap(method, rival, tasks)
                row |= dict(zip((name, f"{name}_low", f"{name}_high"), gap, strict=True))
            own = rows[(rows["method"] == method) & rows["subject"].isin(tasks)]
            row |= {name: 100 * own[name].mean() for name in WEIGHTS if name in rows}
            out.append(row)
    return pd.DataFrame(out)


def _share(name: str) -> Any:
    def text(row: Row) -> str:
        return NONE if row[name] is None else f"{row[name]:.1f}"

    return text


def build(trial: Trial, paths: Sequence[Path], params: PointParams) -> Point:
    """The point of a trial."""
    rows = read_rows(NAME, paths, trial.check)
    found = outcomes(trial, rows, params)
    frame = table_rows(found, rows)
    weighed = {"ess": "Effective share of the rows", "expert_weight": "Weight on the expert's"}
    table = Table(
        title=trial.title,
        caption=(
            "Success in percent; over cloning, and behind the ceiling: differences paired by seed and initial state. n:"
            " episodes. Tests: whether the task tests a claim by the rules. Intervals:"
            f" {100 * params.report.confidence:g} %, over seeds and initial states."
        ),
        frame=frame,
        columns=(
            *(columns.TASK, Column("Method", lambda row: trial.methods[row["method"]], numeric=False), TESTS),
            *(columns.N, columns.SEEDS),
            Column("Success", with_interval("success")),
            Column("Over cloning", with_interval("gain", sign="+")),
            Column("Behind the ceiling", with_interval("behind", sign="+")),
            *(Column(f"{header} (%)", _share(name)) for name, header in weighed.items() if name in frame),
        ),
        groups="task",
    )
    return Point(trial.title, trial.claim, sentences(found, frame), table, frame, draw(found, frame, params))


def sentences(found: Outcomes, frame: pd.DataFrame) -> list[str]:
    """Which tasks test anything, and which methods stand out over them."""
    trial, tested = found.trial, found.testable()
    single = frame[~frame["task"].map(names.is_average)]
    ends = single[single["method"].isin([FLOOR, trial.ceiling])].pivot(index="task", columns="method", values="success")
    reached = listed(
        f"{names.task_name(str(task))} {row[FLOOR]:.0f} and {row[trial.ceiling]:.0f} %" for task, row in ends.iterrows()
    )
    bounds = f"{trial.methods[FLOOR]} and {trial.methods[trial.ceiling]} reach: {reached}."
    if not tested:
        return [f"No task tests a claim. {bounds}"]
    averages = frame[frame["task"].map(names.is_average)]
    shown = records(averages if len(averages) else single[single["testable"]])
    told = [row for row in shown if row["method"] not in (FLOOR, trial.ceiling)]
    ahead = listed(trial.methods[row["method"]] for row in told if row["gain_low"] > 0)
    behind = listed(trial.methods[row["method"]] for row in told if row["behind_high"] < 0)
    return [
        f"Claims are tested on {listed(map(names.task_name, tested))}. Clearly ahead of cloning: {ahead}. Clearly"
        f" behind the ceiling: {behind}.",
        bounds,
    ]


def draw(found: Outcomes, frame: pd.DataFrame, params: PointParams) -> Figure:
    """A panel a task: success of each method with its interval, and a line where cloning stands."""
    methods = list(found.trial.methods)
    figure, panels = drawing.panels(len(found.tasks), 3, x="Success (%)")
    width, _ = figure.get_size_inches()
    figure.set_size_inches(width + 1.5, (0.24 * len(methods) + 0.9) * -(-len(found.tasks) // 3))
    for index, (task, axes) in enumerate(zip(found.tasks, panels, strict=True)):
        own = frame[frame["task"] == task].reset_index(drop=True)
        for place in range(len(own)):
            part = own.iloc[[place]].assign(place=place)
            drawing.estimates(axes, part, "place", "success", nth_look(place, params.palette), joined=False, along="y")
        axes.axvline(float(own.loc[own["method"] == FLOOR, "success"].iloc[0]), color="0.6", lw=0.9, ls=":")
        drawing.category_axis(axes, [found.trial.methods[name] for name in methods], "y")
        axes.tick_params(labelleft=index % 3 == 0)
        drawing.percent_axis(axes, "x")
        axes.set_title(names.task_label(task))
    return figure

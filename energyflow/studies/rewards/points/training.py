"""Which reward trains an agent: from scratch, and with demonstrations in the replay."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from energyflow.report import columns, drawing, names
from energyflow.report.columns import with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table, records
from energyflow.report.style import look_of
from energyflow.report.wording import listed
from energyflow.studies.rewards.points.curves import COVERAGE, Regime, table_rows
from energyflow.studies.rewards.resolve import BOUNDED, CONTROL, COST, ORACLE
from energyflow.studies.rewards.sections import PointParams

TESTS = Column("Tests", lambda row: "yes" if row["testable"] else "no", numeric=False)


def regime_column(regimes: Sequence[Regime]) -> Column:
    """The agent of a row."""
    titles = {regime.name: regime.title for regime in regimes}
    return Column("Agent", lambda row: titles[row["regime"]], numeric=False)


def build(title: str, claim: str, regimes: Sequence[Regime], params: PointParams) -> Point:
    """A point of some regimes."""
    frame = table_rows(regimes)
    table = Table(
        title=title,
        caption=(
            "Final success and area under the curve, the success averaged over the steps covered, in percent; behind"
            " the oracle, and over no reward: differences in area, paired by seed. n: episodes of the final success."
            f" Tests: whether the task tests a claim by the rules. Intervals: {100 * params.report.confidence:g} %,"
            f" over seeds and initial states. {COVERAGE}"
        ),
        frame=frame,
        columns=(
            *(regime_column(regimes), columns.TASK, columns.SOURCE, TESTS, columns.N, columns.SEEDS),
            Column("Final success", with_interval("final")),
            Column("Area", with_interval("area")),
            Column("Behind the oracle", with_interval("behind", sign="+")),
            Column("Over no reward", with_interval("gain", sign="+")),
        ),
        groups="task",
    )
    return Point(title, claim, [sentence(frame, regime) for regime in regimes], table, frame, draw(frame, regimes))


def sentence(frame: pd.DataFrame, regime: Regime) -> str:
    """Which tasks test anything, and which sources stand out over them."""
    own = frame[frame["regime"] == regime.name]
    oracle = own[(own["source"] == ORACLE) & ~own["task"].map(names.is_average)]
    reached = listed(f"{names.task_name(row['task'])} {row['final']:.0f} %" for row in records(oracle))
    tested = regime.testable()
    if not tested:
        return f"{regime.title}: no task tests a claim; the oracle ends at {reached}."
    averages = [row for row in records(own) if names.is_average(row["task"])]
    rows = averages or [row for row in records(own) if row["task"] in tested]
    where = ", on average" if averages else ""
    told = [row for row in rows if row["source"] not in (ORACLE, CONTROL)]
    behind = listed(_named(row) for row in told if row["behind_high"] is not None and row["behind_high"] < 0)
    ahead = listed(_named(row) for row in told if row["gain_low"] is not None and row["gain_low"] > 0)
    return (
        f"{regime.title}: claims are tested on {listed(map(names.task_name, tested))}; the oracle ends at {reached}."
        f" Clearly behind the oracle in area{where}: {behind}. Clearly ahead of no reward: {ahead}."
        f"{_bounded(regime, tested)}"
    )


def _bounded(regime: Regime, tasks: Sequence[str]) -> str:
    """What the bounded energy adds to what its episodes, which end at success, say by themselves."""
    if not (regime.has(BOUNDED, tasks) and regime.has(COST, tasks)):
        return ""
    told = [f"{names.task_name(task)} {regime.gap(BOUNDED, COST, [task]).said(1)}" for task in tasks]
    if len(tasks) > 1:
        told.append(f"on average {regime.gap(BOUNDED, COST, tasks).said(1)}")
    return f" {names.source_name(BOUNDED)}, less {names.source_name(COST).lower()}, in area: {listed(told)}."


def _named(row: dict[str, str]) -> str:
    return names.source_name(row["source"])


def draw(frame: pd.DataFrame, regimes: Sequence[Regime]) -> Figure:
    """A row a regime and task: mean curves, and areas with their intervals."""
    places = [(regime, task) for regime in regimes for task in regime.tasks]
    most = max(len({source for at, source in regime.found if at == task}) for regime, task in places)
    figure, panels = drawing.panels(2 * len(places), 2)
    figure.set_size_inches(8.6, max(2.8, 0.22 * most + 0.8) * len(places))
    for (regime, task), left, right in zip(places, panels[::2], panels[1::2], strict=True):
        palette = regime.params.palette
        rows = frame[(frame["regime"] == regime.name) & (frame["task"] == task)].reset_index(drop=True)
        for source in rows["source"]:
            curve, look = regime.found[task, source], look_of(source, "source", palette)
            mean = 100 * curve.scores.mean(axis=(1, 2))
            left.plot(curve.steps, mean, marker=look.marker, color=look.colour, ms=3.5, label=names.source_name(source))
        left.set_title(f"{regime.title}\n{names.task_label(task)}")
        left.set(xlabel="Environment steps", ylabel="Success (%)")
        drawing.step_axis(left)
        drawing.percent_axis(left)
        _areas(right, rows, palette)
    drawing.legend_below(figure, columns=4)
    return figure


def _areas(axes: Axes, rows: pd.DataFrame, palette: str) -> None:
    for place, source in enumerate(rows["source"]):
        own = rows[rows["source"] == source].assign(place=place)
        look = look_of(source, "source", palette)
        drawing.estimates(axes, own, "place", "area", look, joined=False, along="y")
    control = rows.loc[rows["source"] == CONTROL, "area"]
    if len(control):
        axes.axvline(float(control.iloc[0]), color="0.6", lw=0.9, ls=":")
    drawing.category_axis(axes, [names.source_name(source) for source in rows["source"]], "y")
    drawing.percent_axis(axes, "x")
    axes.set_xlabel("Area under the curve (%)")

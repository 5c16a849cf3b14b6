"""Does an agent keep what it has learnt? Success at its peak and at its end."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import columns, drawing, names
from energyflow.report.columns import with_interval
from energyflow.report.point import Point
from energyflow.report.render import Column, Table, records
from energyflow.report.statistics import measured, numbers
from energyflow.report.style import Look, look_of
from energyflow.report.wording import listed
from energyflow.rewards.registry import SOURCES
from energyflow.studies.rewards.points.curves import CENTRED, COVERAGE, Regime, against, drift, final, peak
from energyflow.studies.rewards.points.training import TESTS, regime_column
from energyflow.studies.rewards.resolve import ORACLE
from energyflow.studies.rewards.sections import PointParams

TITLE = "Drift"
CLAIM = (
    "The paper's limitation: a bias that depends on the state alone leaves the order of actions within a state as it is"
    " and may still change what is best in the long run. An agent then learns the task and lets go of it again."
)


def read_from(source: str) -> bool:
    """Whether a source is the oracle, or reads the energy as the centred one does."""
    return source == ORACLE or SOURCES.module(source) == SOURCES.module(CENTRED)


def build(regimes: Sequence[Regime], params: PointParams) -> Point:
    """The point of the page."""
    frame = table_rows(regimes)
    table = Table(
        title=TITLE,
        caption=(
            "Success in percent at the mark that is best on average over seeds, and at the end; drift: the one less the"
            " other. The best of several marks is high by chance as well, of the oracle too: the last column is the"
            " drift less the oracle's, paired by seed. Tests: whether the task tests a claim by the rules. Intervals:"
            f" {100 * params.report.confidence:g} %. {COVERAGE}"
        ),
        frame=frame,
        columns=(
            *(regime_column(regimes), columns.TASK, columns.SOURCE, TESTS, columns.N, columns.SEEDS),
            *(Column(name.capitalize(), with_interval(name)) for name in ("peak", "final", "drift")),
            Column("More than the oracle", with_interval("more", sign="+")),
        ),
        groups="task",
    )
    return Point(TITLE, CLAIM, [sentence(frame, regime) for regime in regimes], table, frame, draw(frame, regimes))


def table_rows(regimes: Sequence[Regime]) -> pd.DataFrame:
    """One row a regime, task and source."""
    found = []
    for regime in regimes:
        tested = regime.testable()
        for task, source in (at for at in regime.found if read_from(at[1])):
            row: dict[str, Any] = {"regime": regime.name, "task": task, "source": source, "testable": task in tested}
            row |= measured("peak", regime.value(source, [task], peak))
            for pick in (final, drift):
                row |= numbers(pick.__name__, regime.value(source, [task], pick))
            found.append(row | against(regime, "more", source, ORACLE, [task], drift))
    return pd.DataFrame(found)


def sentence(frame: pd.DataFrame, regime: Regime) -> str:
    """Which sources lose clearly more than the oracle."""
    own = [row for row in records(frame[frame["regime"] == regime.name]) if row["more_low"] is not None]
    lost = [
        f"{names.source_name(row['source'])} on {names.task_name(row['task'])}" for row in own if row["more_low"] > 0
    ]
    return f"{regime.title}: clearly more lost after the peak than by the oracle: {listed(lost)}."


def draw(frame: pd.DataFrame, regimes: Sequence[Regime]) -> Figure:
    """A panel a regime and task: filled at the peak, hollow at the end."""
    places = [(regime, task) for regime in regimes for task in regime.tasks]
    figure, panels = drawing.panels(len(places), 2, x="Success (%)")
    figure.set_size_inches(9.0, 2.6 * ceil(len(places) / 2))
    for axes, (regime, task) in zip(panels, places, strict=True):
        own = frame[(frame["regime"] == regime.name) & (frame["task"] == task)].reset_index(drop=True)
        for place, row in enumerate(records(own)):
            look = look_of(row["source"], "source", regime.params.palette)
            for name, hollow, shift in (("peak", False, -0.12), ("final", True, 0.12)):
                placed = own.iloc[[place]].assign(place=place + shift)
                drawing.estimates(axes, placed, "place", name, look, joined=False, along="y", hollow=hollow)
        drawing.category_axis(axes, [names.source_name(source) for source in own["source"]], "y")
        drawing.percent_axis(axes, "x")
        axes.set_title(f"{regime.title}\n{names.task_label(task)}")
    for label, hollow in (("At the peak", False), ("At the end", True)):
        panels[0].plot(
            [], [], "o", color="0.4", markersize=4.5, label=label, **drawing.inside(Look("0.4", "o"), hollow)
        )
    drawing.legend_below(figure)
    return figure

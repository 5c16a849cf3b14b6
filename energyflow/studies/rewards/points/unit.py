"""What a reward of 1 means to the agent: half and double the unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import columns, drawing, names
from energyflow.report.columns import general, with_interval
from energyflow.report.comparisons import paired
from energyflow.report.point import Point
from energyflow.report.render import Column, Table, records
from energyflow.report.statistics import measured, numbers
from energyflow.report.style import look_of
from energyflow.report.wording import listed
from energyflow.studies.rewards.points.curves import COVERAGE, Regime, area, final
from energyflow.studies.rewards.sections import PointParams

TITLE = "The unit of the reward"
CLAIM = (
    "The paper gives no scale of its reward, and soft actor-critic is not indifferent to it: its entropy has a weight."
    " All sources are therefore measured in one unit, demonstrated actions 1 above random ones, and `shape.unit`"
    " multiplies it: here by other factors, all else the same."
)


def build(scratch: Regime, scaled: Sequence[Regime], params: PointParams) -> Point:
    """The point of the page."""
    frame = table_rows(scratch, scaled, params)
    table = Table(
        title=TITLE,
        caption=(
            "Difference: area less that in the preset's unit, paired by seed. In percent; intervals:"
            f" {100 * params.report.confidence:g} %. {COVERAGE}"
        ),
        frame=frame,
        columns=(
            *(columns.TASK, columns.SOURCE, Column("Unit", general("unit")), columns.N, columns.SEEDS),
            Column("Final success", with_interval("final")),
            Column("Area", with_interval("area")),
            columns.DIFFERENCE,
        ),
        groups="task",
    )
    return Point(TITLE, CLAIM, [sentence(frame)], table, frame, draw(frame, params))


def table_rows(scratch: Regime, scaled: Sequence[Regime], params: PointParams) -> pd.DataFrame:
    """One row a task, source and unit, of the sources that were run in more than one."""
    found = []
    units = [(params.unit, scratch), *((float(params.changes[each.name]["unit"]), each) for each in scaled)]
    for task, source in dict.fromkeys(at for each in scaled for at in each.found if at in scratch.found):
        for unit, regime in sorted(units, key=lambda pair: pair[0]):
            if (task, source) not in regime.found:
                continue
            row: dict[str, Any] = {"task": task, "source": source, "unit": unit, "preset": regime is scratch}
            row |= measured("final", regime.value(source, [task], final))
            row |= numbers("area", regime.value(source, [task], area))
            pair = area(regime.found[task, source]), area(scratch.found[task, source])
            about = f"unit {task} {source} {unit:g}"
            change = None if regime is scratch else paired([pair], params.report, about, same_seeds=True)
            found.append(row | numbers("difference", change))
    return pd.DataFrame(found)


def sentence(frame: pd.DataFrame) -> str:
    """Which units make a clear difference."""
    changed = [row for row in records(frame) if not row["preset"]]
    clear = [row for row in changed if row["difference_low"] > 0 or row["difference_high"] < 0]
    said = listed(
        f"{names.source_name(row['source'])} on {names.task_name(row['task'])} at unit {row['unit']:g}"
        f" {columns.signed(row)}"
        for row in clear
    )
    return f"Area against the preset's unit, in percentage points: of {len(changed)} comparisons clear: {said}."


def draw(frame: pd.DataFrame, params: PointParams) -> Figure:
    """A panel a task: area against the unit, a line a source; a ring marks the preset's."""
    tasks, units = list(dict.fromkeys(frame["task"])), sorted(set(frame["unit"]))
    figure, panels = drawing.panels(len(tasks), y="Area under the curve (%)", x="Unit")
    sources = names.in_order(frame["source"], "source")
    lines = {each: (names.source_name(each), look_of(each, "source", params.palette)) for each in sources}
    for axes, task in zip(panels, tasks, strict=True):
        own = frame[frame["task"] == task]
        drawing.side_by_side(axes, own, "unit", units, "area", "source", lines, ringed="preset")
        axes.set_xticklabels([f"{unit:g}" for unit in units])
        axes.set_title(names.task_label(task))
    drawing.legend_below(figure)
    return figure

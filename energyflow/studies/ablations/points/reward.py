"""Axes of a reward's read-out, judged by SAC: area under the success curve and final success."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from energyflow.report import names
from energyflow.report.learning import Curve, curves
from energyflow.report.point import Point
from energyflow.report.render import Column, Table, whole, with_interval
from energyflow.report.rows import CURVE_COLUMNS
from energyflow.report.statistics import Cell
from energyflow.studies.ablations.points import drawing, effects, runs
from energyflow.studies.ablations.points.runs import item_name, value_name
from energyflow.studies.ablations.sections import PointParams

COLUMNS = [column for column in CURVE_COLUMNS if column not in ("task", "source", "seed")]
TITLE = "At which noise level, and against how many references, should the reward be read?"
CLAIM = (
    "The paper reads the reward at gamma = 1e-3 (sigma 0.0101) with M = 16 references, reports that gamma from 1e-4"
    " to 1e-2 is stable and 0.1 or more is not, and leaves the variance of the baseline open. Varied here: `sigma`,"
    " of which 0.01001, 0.01007, 0.01072 and 0.01995 are gamma = 1e-4 to 1e-1 of its noise schedule, and"
    " `references`, M. Judged by SAC on the centred energy: the area under its success curve. A read-out rescales"
    " itself by the demonstrations, so sigma changes the shape of the reward, not its size."
)


def build(paths: Sequence[Path], params: PointParams) -> Point:
    """The point of the page."""
    frame = table_rows(runs.read(paths, COLUMNS, params), params)
    return Point(
        title=TITLE,
        claim=CLAIM,
        sentences=effects.axes_sentence(frame, params, "area under the curve"),
        table=table(frame, params),
        rows=frame,
        figure=drawing.draw(frame, params, "reward", "area", "Area under the curve (%)"),
    )


def table_rows(rows: pd.DataFrame, params: PointParams) -> pd.DataFrame:
    """One row an axis, source, task and value: `area` and `final`, and the difference in area."""
    found = []
    for axis, section in params.axes.items():
        for item in section.reference:
            part = rows[(rows["axis"] == axis) & (rows["item"] == item)]
            if part.empty:
                continue
            learnt = curves(part.assign(source=part["value"]))  # a value plays the part of a source
            tasks = list(dict.fromkeys(part["task"]))

            def area(task: str, value: str, learnt: dict[tuple[str, str], Curve] = learnt) -> Cell:
                return learnt[task, value].area

            def final(task: str, value: str, learnt: dict[tuple[str, str], Curve] = learnt) -> Cell:
                return learnt[task, value].at(-1)

            areas = effects.beside(area, tasks, section, item, "area", params.report, f"{axis} area")
            finals = effects.beside(final, tasks, section, item, "final", params.report, f"{axis} final")
            for row, last in zip(areas, finals, strict=True):
                ends = {key: value for key, value in last.items() if key.startswith("final")}
                found.append({"axis": axis, "nfe": None} | row | ends)
    return pd.DataFrame(found)


def table(frame: pd.DataFrame, params: PointParams) -> Table:
    """Area, final success and difference of each value."""
    return Table(
        title=TITLE,
        caption=(
            "SAC on each read-out. Area: success averaged over the steps covered, in percent. Difference: area minus"
            f" that of the preset's value. Intervals: {100 * params.report.confidence:g} %."
        ),
        frame=frame.assign(key=[params.axes[axis].key for axis in frame["axis"]]),
        columns=(
            Column("Task", lambda row: names.task_name(row["task"]), numeric=False),
            Column("Source", lambda row: item_name(row["item"]), numeric=False),
            Column("Key", lambda row: row["key"], numeric=False),
            Column("Value", lambda row: value_name(row["value"]), numeric=False),
            Column("Seeds", whole("seeds")),
            Column("Area", with_interval("area")),
            Column("Final success", with_interval("final")),
            Column("Difference in area", with_interval("difference", sign="+")),
        ),
        groups="axis",
    )

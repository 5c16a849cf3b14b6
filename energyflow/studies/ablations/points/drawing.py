"""The figure of an axis: success against its values, a panel a task, one line a method (or a sampler)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from energyflow.report import names, point, style
from energyflow.studies.ablations.points.runs import item_name, published, value_name
from energyflow.studies.ablations.sections import PointParams

MARKS = ("o", "s", "^", "D", "P")
SHIFT = 0.07  # of a category's width, between lines
CROWDED = 30  # characters of all labels of one axis, from which they are written aslant


def draw(frame: pd.DataFrame, params: PointParams, name: str, measure: str, label: str) -> Figure:
    """A row of panels an axis, a panel a task (and one for the average)."""
    tasks = list(dict.fromkeys(frame["task"]))
    figure, flat = point.panels(len(params.axes), len(tasks))
    for index, axis in enumerate(params.axes):
        for axes, task in zip(flat[index * len(tasks) :], tasks, strict=False):
            part = frame[(frame["axis"] == axis) & (frame["task"] == task)]
            if part.empty:
                continue
            _panel(axes, part, params, name, measure)
            swept = part["nfe"].notna().any()
            axes.set_xlabel("NFE per plan" if swept else params.axes[axis].key.replace("_", " "))
            axes.set_ylabel(label)
            axes.set_title(names.task_label(task))
    point.legend(figure, flat[len(tasks) - 1], 4)
    return figure


def _panel(axes: Axes, part: pd.DataFrame, params: PointParams, name: str, measure: str) -> None:
    colours = point.palette(params.palette)
    swept = part["nfe"].notna().any()
    x, lines = ("nfe", "value") if swept else ("value", "item")
    marks = list(dict.fromkeys(part.sort_values("nfe")[x] if swept else part[x]))
    ordered = swept or all(_is_number(mark) for mark in marks)
    if ordered:
        marks.sort(key=float)
    for index, (line, rows) in enumerate(part.groupby(lines, sort=False)):
        placed = rows.assign(place=[marks.index(mark) + SHIFT * index for mark in rows[x]])
        text = value_name(str(line)) if swept else item_name(str(line))
        mark = MARKS[index % len(MARKS)]
        point.line(axes, placed, "place", measure, colour=colours[index % 10], marker=mark, label=text)
        if not ordered:  # nothing lies between two names
            axes.containers[-1].get_children()[0].set(linestyle="none")
        if not swept:
            own = placed[placed["reference"]]
            axes.plot(own["place"], own[measure], "o", mfc="none", mec=colours[index % 10], ms=9, mew=0.8)
    if not swept:
        _published(axes, name, [str(mark) for mark in marks])
    labels = [value_name(f"{mark:g}" if swept else str(mark)) for mark in marks]
    axes.set_xticks(range(len(marks)), labels)
    if sum(map(len, labels)) > CROWDED:
        axes.tick_params(axis="x", labelrotation=30)
    axes.grid(axis="x", visible=False)
    style.percent_axis(axes)


def _published(axes: Axes, name: str, marks: list[str]) -> None:
    """The paper's number, a grey dash at the value that it was reported for."""
    rows = published()
    for row in rows[rows["point"] == name].itertuples():
        if str(row.value) in marks:
            axes.plot(
                [marks.index(str(row.value))], [float(str(row.number))], linestyle="none", marker="_", markersize=14,
                markeredgewidth=1.6, color="0.4", label=str(row.label),
            )  # fmt: skip


def _is_number(text: object) -> bool:
    try:
        float(str(text))
    except ValueError:
        return False
    return True

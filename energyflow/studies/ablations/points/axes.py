"""Axes: rows of rollouts, or of SAC on a reward -> table, figure and sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from energyflow.report import columns, drawing, names, published
from energyflow.report.columns import with_interval
from energyflow.report.learning import Curve, curves
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.report.rows import CURVE_COLUMNS, EPISODE_COLUMNS
from energyflow.report.statistics import Cell, cell
from energyflow.report.style import look_of, nth_look
from energyflow.studies.ablations.points import effects, runs
from energyflow.studies.ablations.points.effects import kind_of, value_name
from energyflow.studies.ablations.sections import PointParams

More = Callable[[pd.DataFrame, Sequence[Path], PointParams], list[str]]
FILES = {"method": ("episodes.csv", EPISODE_COLUMNS), "source": ("curve.csv", CURVE_COLUMNS)}
MEASURES = {"method": ("success", "success"), "source": ("area", "area under the curve")}  # column, words
CROWDED = 40  # characters of all labels of one axis, from which they stand upright


def build(title: str, claim: str, paths: Sequence[Path], params: PointParams, more: Sequence[More] = ()) -> Point:
    """The point of some axes.

    Args:
        title: heading.
        claim: what the paper says, and what was varied.
        paths: rows of every run of the axes, those of the preset included; `more` may read others.
        params: the section.
        more: further sentences from the rows of the table and the inputs.
    """
    kind = kind_of(params)
    file, every = FILES[kind]
    own = [column for column in every if column not in ("task", "method", "source", "seed")]
    rows = runs.read([path for path in paths if path.name == file], own, params)
    frame = table_rows(rows, params)
    sentences = effects.sentences(frame, params, MEASURES[kind][1])
    for extra in more:
        sentences += extra(frame, paths, params)
    return Point(title, claim, sentences, table(title, frame, params), frame, draw(frame, params))


def table_rows(rows: pd.DataFrame, params: PointParams) -> pd.DataFrame:
    """One row an axis, method (or source), task, value and, where it was swept, number of evaluations."""
    found = []
    for axis, section in params.axes.items():
        for item, own in section.reference.items():
            part = rows[(rows["axis"] == axis) & (rows["item"] == item)]
            if part.empty:
                continue
            swept = sorted(part.loc[part["value"] == own, "nfe"].unique()) if "nfe" in part else []
            for nfe in swept if len(swept) > 1 else [None]:
                here, about = (part, axis) if nfe is None else (part[part["nfe"] == nfe], f"{axis} {nfe}")
                compared = effects.beside(outcomes(here, about), section, item, params.report)
                found += [{"axis": axis, "nfe": nfe} | row for row in compared]
    return pd.DataFrame(found)


def outcomes(part: pd.DataFrame, about: str) -> dict[str, tuple[str, effects.Outcomes]]:
    """What values are judged by: success in rollouts, or the area under the curve of SAC, and where it ends."""
    if "step" in part:
        learnt = curves(part.assign(source=part["value"]))  # a value plays the part of a source
        areas, finals = ({at: pick(curve) for at, curve in learnt.items()} for pick in (_area, _final))
        return {"area": (f"{about} area", areas), "final": (f"{about} final", finals)}
    rollouts = part[part["level"] == names.BASE_LEVEL].groupby(["task", "value"], sort=False)
    return {"success": (about, {(str(task), str(value)): cell(rows) for (task, value), rows in rollouts})}


def _area(curve: Curve) -> Cell:
    return curve.area


def _final(curve: Curve) -> Cell:
    return curve.at(-1)


def table(title: str, frame: pd.DataFrame, params: PointParams) -> Table:
    """What each value of each axis came to, and its difference."""
    kind, keys = kind_of(params), {axis: section.key.replace("_", " ") for axis, section in params.axes.items()}
    key = Column("Key", lambda row: keys[row["axis"]], numeric=False)
    item = Column(kind.capitalize(), lambda row: names.item_name(row["item"], kind), numeric=False)
    about = [columns.TASK, item] + ([key] if kind == "source" or len(keys) > 1 else [])
    header = "Value" if key in about else next(iter(keys.values())).capitalize()
    about += [Column(header, lambda row: value_name(row["value"]), numeric=False)]
    about += [columns.NFE] if frame["nfe"].notna().any() else []
    level = f"{100 * params.report.confidence:g} %"
    if kind == "source":
        caption = (
            "SAC on each read-out. Area: success averaged over the steps covered, in percent. Difference: area minus"
            f" that of the preset's value. Intervals: {level}."
        )
        measured = [
            columns.SEEDS,
            Column("Area", with_interval("area")),
            Column("Final success", with_interval("final")),
        ]
        measured += [Column("Difference in area", columns.signed)]
        return Table(title, caption, frame, about + measured, "axis")
    caption = (
        f"Success at level {names.BASE_LEVEL} in percent; n: episodes. Difference: minus the preset's value (its row"
        f" has none), paired on initial states. Intervals: {level}."
    )
    measured = [columns.N, columns.SEEDS, columns.SUCCESS, columns.interval_column(params.report, "success")]
    return Table(title, caption, frame, [*about, *measured, columns.DIFFERENCE], "task")


def draw(frame: pd.DataFrame, params: PointParams) -> Figure:
    """A row of panels an axis, a panel a task (and one for the average): the measure against the axis's values."""
    tasks, (measure, words) = list(dict.fromkeys(frame["task"])), MEASURES[kind_of(params)]
    label = f"{words.capitalize()} (%)"
    figure, flat = drawing.panels(len(params.axes) * len(tasks), len(tasks), y=label)
    for row, axis in enumerate(params.axes):
        for axes, task in zip(flat[row * len(tasks) :], tasks, strict=False):
            part = frame[(frame["axis"] == axis) & (frame["task"] == task)]
            if not part.empty:
                _panel(axes, part, params, axis, measure)
            axes.set_title(names.task_label(task))
    drawing.legend_below(figure)
    return figure


def _panel(axes: Axes, part: pd.DataFrame, params: PointParams, axis: str, measure: str) -> None:
    """A line a method (or source) over the values; of a sweep, a line a value over the numbers of evaluations."""
    kind, key, palette = kind_of(params), params.axes[axis].key, params.palette
    part = part.assign(value=part["value"].map(value_name))
    if part["nfe"].notna().any():
        lines = {value: (value, nth_look(i, palette)) for i, value in enumerate(dict.fromkeys(part["value"]))}
        part = part.assign(nfe=part["nfe"].astype(int))
        drawing.side_by_side(axes, part, "nfe", sorted(set(part["nfe"])), measure, "value", lines)
        axes.set_xlabel("NFE per plan")
        return
    lines = {i: (names.item_name(i, kind), look_of(i, kind, palette)) for i in dict.fromkeys(part["item"])}
    values = list(dict.fromkeys(part["value"]))
    ordered = all(_is_number(value) for value in values)  # nothing lies between two names
    values = sorted(values, key=float) if ordered else values
    drawing.side_by_side(axes, part, "value", values, measure, "item", lines, joined=ordered, ringed="reference")
    for row in published.settings(key):
        if row["setting"] in values:
            label = f"Published ({names.suite_name(row['suite'])} {names.plain(row['task'])})"
            drawing.published(axes, [values.index(row["setting"])], [row["value"]], "0.4", label)
    axes.set_xlabel(key.replace("_", " "))
    if sum(map(len, values)) > CROWDED:
        axes.tick_params(axis="x", labelrotation=90)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

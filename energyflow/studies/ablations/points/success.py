"""Axes whose values are judged by success: rows of episodes -> table, figure and sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from energyflow.core.errors import UserError
from energyflow.report import names
from energyflow.report.point import Point
from energyflow.report.render import Column, Table, fixed, interval, whole, with_interval
from energyflow.report.rows import EPISODE_COLUMNS
from energyflow.report.statistics import Cell, cell
from energyflow.studies.ablations.points import drawing, effects, runs
from energyflow.studies.ablations.points.runs import item_name, value_name
from energyflow.studies.ablations.sections import PointParams

COLUMNS = [column for column in EPISODE_COLUMNS if column not in ("task", "method", "seed")]
More = Callable[[pd.DataFrame, Sequence[Path], PointParams], list[str]]


def build(
    name: str, title: str, claim: str, paths: Sequence[Path], params: PointParams, more: Sequence[More] = ()
) -> Point:
    """The point of some axes.

    Args:
        name: of the point.
        title: heading.
        claim: what the paper says, and what was varied.
        paths: episodes.csv of every run of the axes, those of the preset included; `more` may read others.
        params: the section.
        more: further sentences from the rows of the table and the inputs.
    """
    rows = runs.read([path for path in paths if path.name == "episodes.csv"], COLUMNS, params)
    frame = table_rows(rows[rows["level"] == names.BASE_LEVEL], params)
    sentences = effects.axes_sentence(frame, params)
    for extra in more:
        sentences += extra(frame, paths, params)
    return Point(
        title=title,
        claim=claim,
        sentences=sentences,
        table=table(title, frame, params),
        rows=frame,
        figure=drawing.draw(frame, params, name, "success", "Success (%)"),
    )


def table_rows(rows: pd.DataFrame, params: PointParams) -> pd.DataFrame:
    """One row an axis, method, task, value and, where it was swept, number of evaluations."""
    found = []
    for axis, section in params.axes.items():
        for item, own in section.reference.items():
            part = rows[(rows["axis"] == axis) & (rows["item"] == item)]
            if part.empty:
                continue
            swept = sorted(part.loc[part["value"] == own, "nfe"].unique())
            for nfe in swept if len(swept) > 1 else [None]:
                here = part if nfe is None else part[part["nfe"] == nfe]
                about = axis if nfe is None else f"{axis} {nfe}"
                compared = effects.beside(
                    _picker(here), list(dict.fromkeys(part["task"])), section, item, "success", params.report, about
                )
                found += [{"axis": axis, "nfe": nfe} | row for row in compared]
    return pd.DataFrame(found)


def _picker(rows: pd.DataFrame) -> effects.Pick:
    cells = {(str(task), str(value)): cell(part) for (task, value), part in rows.groupby(["task", "value"])}

    def pick(task: str, value: str) -> Cell:
        if (task, value) not in cells:
            raise UserError(f"no rows of {value} on {task} among the inputs")
        return cells[task, value]

    return pick


def table(title: str, frame: pd.DataFrame, params: PointParams) -> Table:
    """Success and difference of each value."""
    several, swept = len(params.axes) > 1, frame["nfe"].notna().any()
    keys = {axis: section.key.replace("_", " ") for axis, section in params.axes.items()}
    (first, *_) = keys.values()
    return Table(
        title=title,
        caption=(
            f"Success at level {names.BASE_LEVEL} in percent; n: episodes. Difference: minus the preset's value (its"
            f" row has none), paired on initial states. Intervals: {100 * params.report.confidence:g} %."
        ),
        frame=frame,
        columns=(
            Column("Task", lambda row: names.task_name(row["task"]), numeric=False),
            Column("Method", lambda row: item_name(row["item"]), numeric=False),
            *([Column("Key", lambda row: keys[row["axis"]], numeric=False)] if several else []),
            Column("Value" if several else first.capitalize(), lambda row: value_name(row["value"]), numeric=False),
            *([Column("NFE", whole("nfe"))] if swept else []),
            Column("n", whole("n")),
            Column("Seeds", whole("seeds")),
            Column("Success (%)", fixed("success")),
            Column(f"{100 * params.report.confidence:g} % interval", interval("success")),
            Column("Difference", with_interval("difference", sign="+")),
        ),
        groups="task",
    )

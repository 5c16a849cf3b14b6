"""Perturbation levels with and without the conservative constraint, from the rows of the preset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import names, point, style, summaries
from energyflow.report.point import Point, listed
from energyflow.report.render import Column, Table, plain, records, whole, with_interval
from energyflow.report.statistics import Cell, estimate, paired
from energyflow.studies.ablations.points.effects import is_clear, scopes, signed
from energyflow.studies.ablations.sections import PointParams
from energyflow.studies.ablations.study import FIELDS

TITLE = "Does the conservative constraint help out of distribution?"
CLAIM = (
    "The paper claims that a conservative field generalises better (Theorem 3.6, Lemma 3.8) and degrades more slowly"
    " as the initial state leaves the training range. Here the same network and preconditioning with and without the"
    " constraint (`energyflow` and `unconstrained`) meet the same perturbed initial states on every task of the"
    " preset. Nothing is run for this: the rows are those of the main results."
)


def build(paths: Sequence[Path], params: PointParams) -> Point:
    """The point of the page."""
    frame = table_rows(summaries.episodes(paths, "ablation levels"), params)
    return Point(TITLE, CLAIM, sentences(frame), table(frame, params), frame, figure(frame, params))


def table_rows(rows: pd.DataFrame, params: PointParams) -> pd.DataFrame:
    """One row a task (and the average) and level: success of each field, and conservative minus unconstrained."""
    grid = summaries.cells(rows)
    ran = {field: {task for task, method, _ in grid if method == field} for field in FIELDS}
    both = [task for task, _, _ in grid if all(task in tasks for tasks in ran.values())]
    found = []
    for scope, members in scopes(both).items():
        for level in summaries.levels(grid):
            fields = [[grid[task, field, level] for task in members] for field in FIELDS]
            row: dict[str, Any] = {"task": scope, "level": level, "n": sum(cell.n for cell in fields[0])}
            row["seeds"] = len({seed for cell in fields[0] for seed in cell.seeds})
            for field, cells in zip(FIELDS, fields, strict=True):
                # named as in the tables of the preset, so that both show the same interval
                row |= summaries.numbers(field, estimate(cells, params.report, f"{scope} {field} {level}"))
            pairs = list(zip(*fields, strict=True))
            found.append(row | _difference(pairs, params, f"{scope} {level}"))
    return pd.DataFrame(found)


def _difference(pairs: list[tuple[Cell, Cell]], params: PointParams, about: str) -> dict[str, float | None]:
    return summaries.numbers("difference", paired(pairs, params.report, f"conservative or not {about}"))


def sentences(frame: pd.DataFrame) -> list[str]:
    """Whether the constraint makes a clear difference at any level."""
    last = records(frame[frame["task"] == frame["task"].iloc[-1]])  # the average, or the only task
    gains = listed(f"{signed(row)} at level {row['level']}" for row in last)
    clear = [row for row in last if is_clear(row)]
    word = "no level shows a clear one" if not clear else f"clear at level {listed(str(row['level']) for row in clear)}"
    tasks = [row for row in records(frame) if not row["task"].endswith(f"/{names.AVERAGE}") and is_clear(row)]
    each = [f"{names.task_name(row['task'])} at {row['level']} {signed(row)}" for row in tasks]
    return [
        f"Success of the conservative field minus the unconstrained one, in percentage points: {gains}; {word}.",
        f"Single tasks with a clear difference: {listed(each)}.",
    ]


def table(frame: pd.DataFrame, params: PointParams) -> Table:
    """Success of both fields and their difference."""
    return Table(
        title=TITLE,
        caption=f"Success in percent. Intervals: {100 * params.report.confidence:g} %.",
        frame=frame,
        columns=(
            Column("Task", lambda row: names.task_name(row["task"]), numeric=False),
            Column("Level", plain("level"), numeric=False),
            Column("n", whole("n")),
            Column("Seeds", whole("seeds")),
            *(Column(names.method_name(field), with_interval(field)) for field in FIELDS),
            Column("Difference", with_interval("difference", sign="+")),
        ),
        groups="task",
    )


def figure(frame: pd.DataFrame, params: PointParams) -> Figure:
    """Success and difference on the average over tasks, by level."""
    drawn, (success, change) = point.panels(1, 2)
    part = frame[frame["task"] == frame["task"].iloc[-1]]
    colours = point.palette(params.palette)
    for index, field in enumerate(FIELDS):
        placed = part.assign(place=np.arange(len(part)) + 0.07 * index)
        label = names.method_name(field)
        point.line(success, placed, "place", field, colour=colours[index], marker="os"[index], label=label)
    point.line(change, part.assign(place=np.arange(len(part))), "place", "difference", colour="0.3")
    change.axhline(0.0, color="0.6", lw=0.8)
    style.percent_axis(success)
    for axes, text in ((success, "Success (%)"), (change, "Difference (points)")):
        axes.set_xticks(range(len(part)), list(part["level"]))
        axes.set_xlabel("Perturbation level")
        axes.set_ylabel(text)
        axes.grid(axis="x", visible=False)
        axes.set_title(names.task_label(str(part["task"].iloc[0])))
    point.legend(drawn, success)
    return drawn

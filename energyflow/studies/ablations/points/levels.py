"""Perturbation levels with and without the conservative constraint, from the rows of the preset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from energyflow.report import columns, drawing, names, summaries
from energyflow.report.columns import signed, with_interval
from energyflow.report.comparisons import paired
from energyflow.report.point import Point
from energyflow.report.render import Column, Table, records
from energyflow.report.statistics import estimate, numbers
from energyflow.report.style import REFERENCE_COLOUR, Look, look_of
from energyflow.report.wording import listed
from energyflow.studies.ablations.points.effects import is_clear
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
    return Point(TITLE, CLAIM, sentences(frame), table(frame, params), frame, draw(frame, params))


def table_rows(rows: pd.DataFrame, params: PointParams) -> pd.DataFrame:
    """One row a task (and the average) and level: success of each field by sample, and their difference."""
    grid = summaries.cells(summaries.decoded(rows, names.SAMPLE))
    ran = [{task for task, method, _ in grid if method == field} for field in FIELDS]
    found = []
    for scope, members in summaries.scopes(
        task for task in summaries.tasks_of(grid) if all(task in r for r in ran)
    ).items():
        for level in summaries.levels(grid):
            fields = [[grid[task, field, level] for task in members] for field in FIELDS]
            row: dict[str, Any] = {"task": scope, "level": level, "n": sum(cell.n for cell in fields[0])}
            row["seeds"] = len({seed for cell in fields[0] for seed in cell.seeds})
            for field, cells in zip(FIELDS, fields, strict=True):
                # named as in the tables of the preset, so that both show the same interval
                row |= numbers(field, estimate(cells, params.report, f"{scope} {field} {level}"))
            pairs, about = list(zip(*fields, strict=True)), f"conservative or not {scope} {level}"
            found.append(row | numbers("difference", paired(pairs, params.report, about)))
    return pd.DataFrame(found)


def sentences(frame: pd.DataFrame) -> list[str]:
    """Whether the constraint makes a clear difference at any level."""
    last = records(summaries.overall(frame))
    gains = listed(f"{signed(row)} at level {row['level']}" for row in last)
    clear = [row for row in last if is_clear(row)]
    word = "no level shows a clear one" if not clear else f"clear at level {listed(str(row['level']) for row in clear)}"
    tasks = [row for row in records(frame) if not names.is_average(row["task"]) and is_clear(row)]
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
            *(columns.TASK, columns.LEVEL, columns.N, columns.SEEDS),
            *(Column(names.method_name(field), with_interval(field)) for field in FIELDS),
            columns.DIFFERENCE,
        ),
        groups="task",
    )


def draw(frame: pd.DataFrame, params: PointParams) -> Figure:
    """Success and difference on the average over tasks, by level."""
    part = summaries.overall(frame)
    figure, (success, change) = drawing.panels(2, x="Perturbation level")
    levels = list(part["level"])
    for field, shift in zip(FIELDS, (-0.05, 0.05), strict=True):
        placed = part.assign(place=[i + shift for i in range(len(levels))])
        look = look_of(field, "method", params.palette)
        drawing.estimates(success, placed, "place", field, look, names.method_name(field))
    drawing.estimates(change, part.assign(place=range(len(levels))), "place", "difference", Look(REFERENCE_COLOUR, "o"))
    change.axhline(0.0, color="0.6", lw=0.8)
    for axes, text in ((success, "Success (%)"), (change, "Difference (points)")):
        drawing.category_axis(axes, levels)
        axes.set_ylabel(text)
        axes.set_title(names.task_label(str(part["task"].iloc[0])))
    drawing.percent_axis(success)
    drawing.legend_below(figure)
    return figure

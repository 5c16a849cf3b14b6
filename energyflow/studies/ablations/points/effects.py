"""Each value of an axis beside the preset's: estimates, paired differences, and the words for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.report import names
from energyflow.report.point import listed
from energyflow.report.render import records
from energyflow.report.statistics import Cell, estimate, paired
from energyflow.report.summaries import numbers
from energyflow.studies.ablations.points.runs import item_name, value_name
from energyflow.studies.ablations.sections import ComparedAxis, PointParams

Pick = Callable[[str, str], Cell]  # (task, value) -> outcomes


def scopes(tasks: Sequence[str]) -> dict[str, list[str]]:
    """Each task by itself, then the average over them."""
    found = {task: [task] for task in dict.fromkeys(tasks)}
    if len(found) > 1:
        found[f"{names.suite(tasks[0])}/{names.AVERAGE}"] = list(found)
    return found


def beside(
    pick: Pick, tasks: Sequence[str], section: ComparedAxis, item: str, measure: str, report: ReportParams, about: str
) -> list[dict[str, Any]]:
    """One row a scope and value: `<measure>` and `difference` with intervals in percent, `n`, `seeds`.

    The difference is to the preset's value, paired on initial states; settings of the sampler share their checkpoints,
    which are then resampled together.
    """
    rows, own = [], section.reference[item]
    for scope, members in scopes(tasks).items():
        reference = [pick(task, own) for task in members]
        for value in section.values[item]:
            cells = [pick(task, value) for task in members]
            purpose = f"{about} {item} {scope}"
            level = estimate(cells, report, f"{purpose} {value}")
            pairs = list(zip(cells, reference, strict=True))
            same = section.kind == "sample"
            change = paired(pairs, report, f"{purpose} {value} against {own}", same_seeds=same)
            row: dict[str, Any] = {"item": item, "task": scope, "value": value, "reference": value == own}
            row |= {"n": level.n, "seeds": level.seeds} | numbers(measure, level)
            rows.append(row | numbers("difference", None if value == own else change))
    return rows


def overall(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of the average over tasks, or of the only task."""
    average = frame["task"].str.endswith(f"/{names.AVERAGE}")
    return frame[average] if average.any() else frame


def signed(row: dict[str, Any], value: str = "difference") -> str:
    """`+1.3 [-4.0, +6.7]`."""
    return f"{row[value]:+.1f} [{row[f'{value}_low']:+.1f}, {row[f'{value}_high']:+.1f}]"


def is_clear(row: dict[str, Any], value: str = "difference") -> bool:
    """Whether the interval leaves out zero."""
    return bool(row[f"{value}_low"] > 0 or row[f"{value}_high"] < 0)


def setting(row: dict[str, Any], *, named: bool) -> str:
    """`relu`, or `relu (EnergyFlow)`; with the number of evaluations where it was swept."""
    where = [f"NFE {int(row['nfe'])}"] if row["nfe"] is not None else []
    where += [item_name(row["item"])] if named else []
    return value_name(row["value"]) + (f" ({', '.join(where)})" if where else "")


def in_words(frame: pd.DataFrame, measure: str = "success") -> str:
    """Which values differ clearly from the preset's, on the average over tasks, and which do not.

    Raises:
        UserError: there is nothing to compare.
    """
    changed = [row for row in records(overall(frame)) if not row["reference"]]
    if not changed:
        raise UserError("no value but the preset's own: add another one to the axis in params.yaml")
    named = frame["item"].nunique() > 1
    worse = [f"{setting(r, named=named)} {signed(r)}" for r in changed if is_clear(r) and r["difference"] < 0]
    better = [f"{setting(r, named=named)} {signed(r)}" for r in changed if is_clear(r) and r["difference"] > 0]
    same = [f"{setting(r, named=named)} {signed(r)}" for r in changed if not is_clear(r)]
    parts = [("clearly lower", worse), ("clearly higher", better), ("no clear difference", same)]
    said = "; ".join(f"{word}: {listed(found)}" for word, found in parts if found)
    return f"{measure.capitalize()} against the preset's value, in percentage points: {said}."


def axes_sentence(frame: pd.DataFrame, params: PointParams, measure: str = "success") -> list[str]:
    """`in_words` for each axis of a point."""
    found = []
    for axis in params.axes:
        text = in_words(frame[frame["axis"] == axis], measure)
        found.append(text if len(params.axes) == 1 else f"`{params.axes[axis].key}`: {text[0].lower()}{text[1:]}")
    return found

"""Each value of an axis beside the preset's: estimates, paired differences, and the words for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.report import names
from energyflow.report.columns import signed
from energyflow.report.comparisons import paired
from energyflow.report.render import records
from energyflow.report.statistics import Cell, estimate, measured, numbers
from energyflow.report.summaries import overall, scopes
from energyflow.report.wording import listed
from energyflow.studies.ablations.sections import ComparedAxis, PointParams

Outcomes = Mapping[tuple[str, str], Cell]  # by task and value


def value_name(value: str) -> str:
    """Display name of a value."""
    return value.replace("_", " ")


def kind_of(params: PointParams) -> names.Kind:
    """What is varied: sources of reward if SAC is the judge, else methods."""
    return "source" if any(axis.kind == "shape" for axis in params.axes.values()) else "method"


def beside(
    measures: Mapping[str, tuple[str, Outcomes]], section: ComparedAxis, item: str, report: ReportParams
) -> list[dict[str, Any]]:
    """One row a scope and value: each measure with its interval in percent, `difference` in the first, `n`, `seeds`.

    The difference is to the preset's value, paired on initial states; settings of the sampler share their checkpoints,
    which are then resampled together.

    Args:
        measures: column -> name of its resamples, and outcomes.
        section: the axis.
        item: method or source.
        report: confidence, number of resamples, seed.
    """
    (first, (about, outcomes)), *others = measures.items()
    rows, own = [], section.reference[item]
    for scope, tasks in scopes(task for task, _ in outcomes).items():
        for value in section.values[item]:
            cells, purpose = _pick(outcomes, tasks, value), f"{about} {item} {scope} {value}"
            level, change = estimate(cells, report, purpose), None
            if value != own:
                pairs = list(zip(cells, _pick(outcomes, tasks, own), strict=True))
                change = paired(pairs, report, f"{purpose} against {own}", same_seeds=section.kind == "sample")
            row: dict[str, Any] = {"item": item, "task": scope, "value": value, "reference": value == own}
            row |= measured(first, level) | numbers("difference", change)
            for name, (what, found) in others:
                row |= numbers(name, estimate(_pick(found, tasks, value), report, f"{what} {item} {scope} {value}"))
            rows.append(row)
    return rows


def _pick(outcomes: Outcomes, tasks: Sequence[str], value: str) -> list[Cell]:
    for task in tasks:
        if (task, value) not in outcomes:
            raise UserError(f"no rows of {value} on {task} among the inputs")
    return [outcomes[task, value] for task in tasks]


def is_clear(row: Mapping[str, Any]) -> bool:
    """Whether the interval of a difference leaves out zero."""
    return bool(row["difference_low"] > 0 or row["difference_high"] < 0)


def sentences(frame: pd.DataFrame, params: PointParams, measure: str) -> list[str]:
    """For each axis: which values differ clearly from the preset's, on the average over tasks, and which do not."""
    kind, found = kind_of(params), []
    for axis, section in params.axes.items():
        text = _compared(frame[frame["axis"] == axis], measure, kind)
        found.append(text if len(params.axes) == 1 else f"`{section.key}`: {text[0].lower()}{text[1:]}")
    return found


def _compared(frame: pd.DataFrame, measure: str, kind: names.Kind) -> str:
    changed = [row for row in records(overall(frame)) if not row["reference"]]
    if not changed:
        raise UserError("no value but the preset's own: add another one to the axis in params.yaml")
    several = frame["item"].nunique() > 1
    groups: dict[str, list[str]] = {"clearly lower": [], "clearly higher": [], "no clear difference": []}
    for row in changed:
        where = [f"NFE {int(row['nfe'])}"] if row["nfe"] is not None else []
        where += [names.item_name(row["item"], kind)] if several else []
        setting = value_name(row["value"]) + (f" ({', '.join(where)})" if where else "")
        clear = "clearly lower" if row["difference"] < 0 else "clearly higher"
        word = clear if is_clear(row) else "no clear difference"
        groups[word].append(f"{setting} {signed(row)}")
    said = "; ".join(f"{word}: {listed(found)}" for word, found in groups.items() if found)
    return f"{measure.capitalize()} against the preset's value, in percentage points: {said}."

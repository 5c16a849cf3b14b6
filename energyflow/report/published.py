"""The paper's numbers, with the grade of each source.

published.csv holds results, told apart by `kind` (success on a task; latency in milliseconds; ablation: success at one
setting), protocol.csv the budgets behind them. Grades: *primary* (official README or code), *secondary* (quoted by
third parties), *derived* (implied by another quoted number), *range* (`low` to `high`: what a summary of the paper says
of several methods together).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd

from energyflow.envs.registry import SUITES
from energyflow.report import names
from energyflow.report.statistics import Estimate

ROUNDING = 0.05  # published percentages have one decimal


@dataclass(frozen=True)
class Published:
    """One published success, in percent: a number, a range, or both, from two sources.

    Attributes:
        value: the number, where one is given.
        std: its standard deviation, where one is given.
        low: lower end of the range, where one is given.
        high: its upper end.
        grade: of the source.
        source: where it stands.
        demonstrations: what the paper's policies were trained on; ours may be trained on something else: then the
            numbers are not comparable.
    """

    value: float | None
    std: float | None
    low: float | None
    high: float | None
    grade: str
    source: str
    demonstrations: str

    @property
    def ends(self) -> tuple[float, float]:
        """The number, to its rounding; where there is none, the range."""
        if self.value is not None:
            return self.value - ROUNDING, self.value + ROUNDING
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    def overlaps(self, ours: Estimate) -> bool:
        """Whether an interval of ours, in percent, has a point in common with it."""
        low, high = self.ends
        return ours.low <= high and low <= ours.high


def columns(paper: Published | None) -> dict[str, Any]:
    """Columns `published`, `published_std`, `_low`, `_high`, `_on`, `grade`, `published_source`; empty for None."""
    keys = {"": "value", "_std": "std", "_low": "low", "_high": "high", "_on": "demonstrations", "_source": "source"}
    found = {f"published{end}": getattr(paper, key, None) for end, key in keys.items()}
    return found | {"grade": getattr(paper, "grade", None)}


@cache
def _table(name: str) -> pd.DataFrame:
    with resources.files("energyflow.report").joinpath(name).open() as file:
        return pd.read_csv(file, dtype={"setting": str})


def _rows(kind: str, **where: str) -> pd.DataFrame:
    """Numbers of one kind, of which some columns have the values given."""
    table = _table("published.csv")
    for column, value in {"kind": kind, **where}.items():
        table = table[table[column] == value]
    return table


def find(task: str, method: str, tasks: Iterable[str]) -> Published | None:
    """Published success of a method on a task.

    Args:
        task: `suite/task`, or `suite/average`.
        method: name in params.yaml.
        tasks: the tasks that were run; an average is comparable only if they are exactly those of the paper's
            table.

    Returns:
        The number, or None where the paper gives none.
    """
    suite, _, short = task.rpartition("/")
    rows = _rows("success", suite=suite)
    papers = {f"{suite}/{t}" for t in rows["task"] if t != names.AVERAGE}
    if names.is_average(task) and papers != {t for t in tasks if t.startswith(f"{suite}/")}:
        return None
    own = rows[(rows["task"] == short) & (rows["method"] == names.published_as(method))]
    if own.empty:
        return None
    known = own[["value", "std", "low", "high"]].apply(lambda column: column.dropna().max())  # one row has each
    told = {key: None if pd.isna(value) else float(value) for key, value in known.items()}
    grade, source = (told_by(own[key]) for key in ("grade", "source"))
    return Published(**told, grade=grade, source=source, demonstrations=SUITES[suite].published_on)


def over(tasks: Sequence[str], method: str) -> Published | None:
    """What the paper has for a method over tasks of one suite: the mean of its numbers, or its own average.

    Returns:
        None where a task has no number, unless the tasks are exactly the paper's and their average has.
    """
    paper = [each for task in tasks if (each := find(task, method, tasks)) is not None]
    if len(paper) < len(tasks):
        return find(f"{names.suite(tasks[0])}/{names.AVERAGE}", method, tasks)
    exact = all(each.value is not None for each in paper)
    low, high = (sum(end) / len(paper) for end in zip(*(each.ends for each in paper), strict=True))
    return Published(
        value=sum(each.value or 0.0 for each in paper) / len(paper) if exact else None,
        std=None,
        low=None if exact else low,
        high=None if exact else high,
        grade=told_by(each.grade for each in paper),
        source=told_by(each.source for each in paper),
        demonstrations=paper[0].demonstrations,
    )


def told_by(texts: Iterable[str]) -> str:
    """Distinct grades or sources, in their order."""
    return "; ".join(dict.fromkeys(texts))


def latency() -> dict[str, float]:
    """Published milliseconds by method."""
    rows = _rows("latency")
    return {str(method): float(value) for method, value in zip(rows["method"], rows["value"], strict=True)}


def settings(key: str) -> list[dict[str, Any]]:
    """Success at single settings of one number: suite, task, method, setting, value, grade, source."""
    return [{str(k): v for k, v in row.items()} for row in _rows("ablation", key=key).to_dict("records")]


def protocol(table: str) -> dict[str, int]:
    """The paper's budgets for one suite, or for `sac`: seeds, episodes, train_steps, ..."""
    rows = _table("protocol.csv")
    rows = rows[rows["table"] == table]
    return {str(key): int(value) for key, value in zip(rows["key"], rows["value"], strict=True)}

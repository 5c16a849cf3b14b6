"""The paper's numbers, with the grade of each source.

published.csv holds results, told apart by `kind` (success on a task; latency in milliseconds; ablation: success at one
setting), protocol.csv the budgets behind them. Grades: *primary* (official README or code), *secondary* (quoted by
third parties), *derived* (implied by another quoted number).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd

from energyflow.envs.registry import SUITES
from energyflow.report import names

ROUNDING = 0.05  # published percentages have one decimal


@dataclass(frozen=True)
class Published:
    """One published success, in percent.

    Attributes:
        value: the number.
        std: its standard deviation, where one is given.
        grade: of the source.
        source: where it stands.
        demonstrations: what the paper's policies were trained on; ours may be trained on something else: then the
            numbers are not comparable.
    """

    value: float
    std: float | None
    grade: str
    source: str
    demonstrations: str


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
    row = rows[(rows["task"] == short) & (rows["method"] == names.published_as(method))]
    if row.empty:
        return None
    first = row.iloc[0]
    std = None if pd.isna(first["std"]) else float(first["std"])
    return Published(float(first["value"]), std, str(first["grade"]), str(first["source"]), SUITES[suite].published_on)


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

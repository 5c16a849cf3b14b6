"""The paper's numbers, with the grade of each source, and how ours are compared with them.

published.csv holds results, protocol.csv the budgets behind them. Grades: *primary* (official README or
code), *secondary* (quoted by third parties), *derived* (implied by another quoted number).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

import pandas as pd

from energyflow.report.names import AVERAGE

ROUNDING = 0.05  # published percentages have one decimal
# What the paper's policies were trained on. Ours may be trained on something else: then the numbers are not comparable.
DEMONSTRATIONS = {"metaworld": "scripted experts", "robomimic": "human demonstrations"}
# Where two rows of ours stand for one of the paper's, both are measured against the one number that it gives.
PUBLISHED_AS = {"energyflow_paper": "energyflow", "iq_learn_offline": "iq_learn"}


@dataclass(frozen=True)
class Published:
    """One published number, in percent, and the demonstrations behind it."""

    value: float
    std: float | None
    grade: str
    source: str
    demonstrations: str


@cache
def _table(name: str) -> pd.DataFrame:
    with resources.files("energyflow.report").joinpath(name).open() as file:
        return pd.read_csv(file)


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
    table = _table("published.csv")
    suite, _, short = task.rpartition("/")
    rows = table[(table["table"] == suite) & (table["metric"] == "success")]
    if short == AVERAGE and {f"{suite}/{t}" for t in rows["task"] if t != AVERAGE} != {
        t for t in tasks if t.startswith(f"{suite}/")
    }:
        return None
    row = rows[(rows["task"] == short) & (rows["method"] == PUBLISHED_AS.get(method, method))]
    if row.empty:
        return None
    first = row.iloc[0]
    std = None if pd.isna(first["std"]) else float(first["std"])
    return Published(float(first["value"]), std, str(first["grade"]), str(first["source"]), DEMONSTRATIONS[suite])


def protocol(table: str) -> dict[str, int]:
    """The paper's budgets for one suite, or for `sac`: seeds, episodes, train_steps, ..."""
    rows = _table("protocol.csv")
    rows = rows[rows["table"] == table]
    return {str(key): int(value) for key, value in zip(rows["key"], rows["value"], strict=True)}

"""Rows of a check, and verdicts: what an interval over seeds says about a prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from energyflow.report import drawing
from energyflow.report.render import Column
from energyflow.report.wording import listed
from energyflow.studies import rows
from energyflow.studies.theory.points import subjects
from energyflow.studies.theory.study import NAME

HOLDS, FAILS, OPEN = "holds", "fails", "open"
READOUT = 0.1  # where one noise level is to stand for all: that of `theory.baseline`
GAMMA = 0.01  # noise level at the paper's gamma = 1e-3
VERDICT = Column("Verdict", lambda row: str(row["verdict"]), numeric=False)


def of_check(paths: Sequence[Path], check: str) -> list[Path]:
    """Those of the files that are rows of one check."""
    return rows.of_check(NAME, paths, check)


def read_rows(paths: Sequence[Path], check: str) -> pd.DataFrame:
    """All rows of one check; see `studies.rows.read_rows`."""
    return rows.read_rows(NAME, paths, check)


def judge(low: float, high: float, target: float, tolerance: float) -> str:
    """`holds`: the whole interval lies within `tolerance` of the target; `fails`: none of it does; else `open`."""
    if target - tolerance <= low and high <= target + tolerance:
        return HOLDS
    if high < target - tolerance or low > target + tolerance:
        return FAILS
    return OPEN


def judged(frame: pd.DataFrame, value: str, target: float, tolerance: float) -> pd.DataFrame:
    """The frame with a column `verdict` on one of its values."""
    pairs = zip(frame[f"{value}_low"], frame[f"{value}_high"], strict=True)
    return frame.assign(verdict=[judge(low, high, target, tolerance) for low, high in pairs])


def counted(frame: pd.DataFrame) -> str:
    """`holds for 8 of 10 experts; fails for X; open for Y`, from the columns `verdict` and `subject`."""
    named = {word: frame.loc[frame["verdict"] == word, "subject"].map(subjects.label) for word in (HOLDS, FAILS, OPEN)}
    text = f"holds for {len(named.pop(HOLDS))} of {len(frame)} expert{'' if len(frame) == 1 else 's'}"
    return "; ".join([text, *(f"{word} for {listed(found)}" for word, found in named.items() if len(found))])


def told_apart(difference: pd.DataFrame) -> tuple[int, int, int]:
    """In how many rows a paired difference is positive, negative, or neither, with its whole interval."""
    more, less = int((difference["difference_low"] > 0).sum()), int((difference["difference_high"] < 0).sum())
    return more, less, len(difference) - more - less


def nearest_sigma(rows: pd.DataFrame, wanted: float = READOUT) -> float:
    """The noise level of the rows that is nearest to the wanted one."""
    levels = rows["sigma"].dropna().unique()
    return float(min(levels, key=lambda level: abs(math.log(level / wanted))))


def exponent(rows: pd.DataFrame, x: str, y: str) -> float:
    """Slope p of log y on log x, as in y ~ x^p; NaN where some y is not positive or there are too few."""
    if len(rows) < 2 or rows[y].min() <= 0:
        return math.nan
    return float(np.polyfit(np.log(rows[x]), np.log(rows[y]), 1)[0])


def beside(wide: pd.DataFrame, name: str, estimates: pd.DataFrame, value: str) -> None:
    """Add a value's estimates, a frame by subject, to a table of one row a subject, under a name of their own."""
    for end in ("", "_low", "_high"):
        wide[f"{name}{end}"] = wide["subject"].map(estimates[f"{value}{end}"])


def band(axes: Axes, target: float, tolerance: float, values: pd.Series, low: float, high: float) -> None:
    """A prediction and the tolerance within which it counts as met, on a vertical axis that cuts no value off.

    Args:
        axes: where.
        target: the prediction.
        tolerance: around it.
        values: everything that is drawn.
        low: lower end of the axis, unless a value lies below.
        high: upper end.
    """
    axes.axhspan(target - tolerance, target + tolerance, color="0.9", zorder=0)
    axes.axhline(target, color=drawing.PREDICTED, ls="--", lw=1, label="predicted")
    margin = 0.05 * (high - low)
    axes.set_ylim(min(low, values.min() - margin), max(high, values.max() + margin))

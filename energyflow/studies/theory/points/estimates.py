"""From rows of seeds to a mean with an interval, and from an interval and a prediction to a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from energyflow.core.errors import UserError

HOLDS, FAILS, OPEN = "holds", "fails", "open"
READOUT = 0.1  # noise level of the project's own rewards (shape.sigma), where one level is to stand for all
GAMMA = 0.01  # noise level at the paper's gamma = 1e-3


def of_check(paths: Sequence[Path], check: str) -> list[Path]:
    """Those of the files .../theory/check/<check>/<subject>/seed<n>/rows.csv that are of one check."""
    return [path for path in paths if f"/theory/check/{check}/" in path.as_posix()]


def read_rows(paths: Sequence[Path], check: str) -> pd.DataFrame:
    """All rows of one check.

    Raises:
        UserError: none of the files is of that check.
    """
    found = [pd.read_csv(path) for path in of_check(paths, check)]
    if not found:
        raise UserError(f"no rows of the check '{check}' among the inputs")
    return pd.concat(found, ignore_index=True)


def interval(values: Sequence[float], confidence: float) -> tuple[float, float, float]:
    """Mean and Student-t interval over seeds; of one seed, or if a seed has no value, the interval is NaN."""
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean()) if len(array) else math.nan
    if len(array) < 2 or not np.isfinite(array).all():
        return mean, math.nan, math.nan
    half = float(stats.t.ppf(0.5 + confidence / 2, len(array) - 1) * array.std(ddof=1) / math.sqrt(len(array)))
    return mean, mean - half, mean + half


def over_seeds(rows: pd.DataFrame, by: Sequence[str], values: Sequence[str], confidence: float) -> pd.DataFrame:
    """One row a group: `seeds`, and `<value>`, `<value>_low`, `<value>_high` of each value.

    Raises:
        UserError: a group holds two rows of one seed.
    """
    found = []
    for key, part in rows.groupby(list(by), sort=False, dropna=False):
        if part["seed"].duplicated().any():
            raise UserError(f"two rows of one seed for {dict(zip(by, key, strict=True))}")
        row: dict[str, object] = {**dict(zip(by, key, strict=True)), "seeds": len(part)}
        for value in values:
            numbers = interval(part[value].tolist(), confidence)
            row |= dict(zip((value, f"{value}_low", f"{value}_high"), numbers, strict=True))
        found.append(row)
    return pd.DataFrame(found)


def paired(first: pd.DataFrame, second: pd.DataFrame, by: Sequence[str], value: str, confidence: float) -> pd.DataFrame:
    """`difference`, first minus second on the same seeds, by group: what both share, states and actions, cancels."""
    keys = [*by, "seed"]
    both = first[[*keys, value]].merge(second[[*keys, value]], on=keys, validate="one_to_one", suffixes=("", "_second"))
    both = both.assign(difference=both[value] - both[f"{value}_second"])
    return over_seeds(both, by, ("difference",), confidence)


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


def nearest_sigma(rows: pd.DataFrame, wanted: float = READOUT) -> float:
    """The noise level of the rows that is nearest to the wanted one."""
    levels = rows["sigma"].dropna().unique()
    return float(min(levels, key=lambda level: abs(math.log(level / wanted))))


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """Slope p of log y on log x, as in y ~ x^p; NaN where some y is not positive or there are too few."""
    if len(x) < 2 or min(y) <= 0:
        return math.nan
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])

"""Estimates where each training seed gives one number: Student-t intervals over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from energyflow.core.errors import UserError


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


def difference(
    first: pd.DataFrame, second: pd.DataFrame, by: Sequence[str], value: str, confidence: float
) -> pd.DataFrame:
    """`difference`, first minus second on the same seeds, by group: what both share, states and actions, cancels."""
    keys = [*by, "seed"]
    both = first[[*keys, value]].merge(second[[*keys, value]], on=keys, validate="one_to_one", suffixes=("", "_second"))
    both = both.assign(difference=both[value] - both[f"{value}_second"])
    return over_seeds(both, by, ("difference",), confidence)

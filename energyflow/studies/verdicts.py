"""Verdicts on the claims of a paper: an interval against a limit that was fixed before any run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from energyflow.report.columns import plain
from energyflow.report.render import Column
from energyflow.report.seeds import interval
from energyflow.report.wording import spelled

HOLDS, FAILS, OPEN, UNTESTED = "holds", "does not hold", "undecided", "not testable here"
VERDICTS = (HOLDS, FAILS, OPEN, UNTESTED)
VERDICT = Column("Verdict", plain("verdict"), numeric=False)


class Estimate(NamedTuple):
    """A mean over seeds with its interval, which of one seed is NaN."""

    mean: float
    low: float
    high: float

    def said(self, digits: int = 2) -> str:
        """`mean [low, high]`."""
        return spelled(*self, digits)


@dataclass(frozen=True)
class Judged:
    """A claim of a paper.

    Attributes:
        claim: its number, such as qi01.
        text: what it says.
        quantity: what was measured.
        value: the measurement.
        limit: what it is held against, in words.
        verdict: one of `VERDICTS`.
    """

    claim: str
    text: str
    quantity: str
    value: Estimate
    limit: str
    verdict: str


def by_seed(values: pd.Series, seeds: pd.Series, confidence: float) -> Estimate:
    """The mean over seeds of each seed's own mean."""
    return Estimate(*interval(values.groupby(seeds).mean().tolist(), confidence))


def at_most(value: Estimate, limit: float) -> str:
    """Whether the whole interval lies below a limit, or above it."""
    return HOLDS if value.high <= limit else FAILS if value.low > limit else OPEN


def at_least(value: Estimate, limit: float) -> str:
    """Whether the whole interval lies above a limit, or below it."""
    return HOLDS if value.low >= limit else FAILS if value.high < limit else OPEN


def near(value: Estimate, target: float, tolerance: float) -> str:
    """Whether the whole interval lies within a tolerance of the target, or none of it does."""
    if target - tolerance <= value.low and value.high <= target + tolerance:
        return HOLDS
    return FAILS if value.high < target - tolerance or value.low > target + tolerance else OPEN


def every(*found: str) -> str:
    """Of several conditions: all hold, one does not, or it is undecided."""
    return FAILS if FAILS in found else HOLDS if set(found) == {HOLDS} else OPEN

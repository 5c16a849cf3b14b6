"""Estimates with honest intervals from the outcomes of single episodes.

One *cell* (a method on a task at a level) is a matrix `scores[S, E]`: S training seeds that meet the same E initial
states. The two factors are crossed, so both are resampled: seeds with replacement, and initial states with replacement,
the same states for all seeds (the two-way bootstrap of Owen 2007, "The pigeonhole bootstrap", Ann. Appl. Stat. 1(2)).
Tasks are strata: resampled each on its own, then averaged. The interval is the percentile interval. What it speaks
about is therefore *new training seeds and new initial states of the same tasks*; with one seed it can only speak about
that seed.

A percentile interval collapses where (nearly) all rows agree: 75 successes in 75 episodes would read [100, 100]. Binary
outcomes are therefore never given an interval narrower than the Wilson score interval of their pooled episodes; other
bounded scores get it only where all rows are equal. Comparisons of two cells: comparisons.py.

How honest that is, by simulation of 25 states with log-odds that vary between states (standard deviation 1.5): 95 %
intervals cover the truth in 98 % of cases if seeds do not differ, in 97 % if they differ by 0.6 (three seeds; 95 % with
five), but only in 88 % if they differ by as much as 1.5: a few seeds cannot say how much seeds differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.core.seeding import generator

Array = NDArray[np.float64]
Statistic = Literal["mean", "iqm"]
ROUNDING = 1e-12  # far below the weight of an episode


@dataclass(frozen=True)
class Estimate:
    """A number that may be reported: value, interval, and what it rests on."""

    mean: float
    low: float
    high: float
    n: int  # rows (episodes, or curves)
    seeds: int

    def scaled(self, factor: float) -> Estimate:
        """The same estimate in another unit, e.g. percent."""
        return Estimate(self.mean * factor, self.low * factor, self.high * factor, self.n, self.seeds)


@dataclass(frozen=True)
class Cell:
    """Outcomes of one cell: `scores[S, E]` in [0, 1], NaN where a seed did not meet a state."""

    scores: Array
    seeds: tuple[int, ...]
    states: tuple[int, ...]

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(np.isfinite(self.scores).sum())

    @property
    def seed_means(self) -> Array:
        """Score of each seed, [S]."""
        return np.asarray(np.nanmean(self.scores, axis=1))

    def at(self, states: Sequence[int]) -> Cell:
        """The same cell on some of its states."""
        columns = [self.states.index(state) for state in states]
        return Cell(self.scores[:, columns], self.seeds, tuple(states))


def cell(rows: pd.DataFrame, value: str = "success", state: str = "env_seed") -> Cell:
    """Arrange the rows of one cell as seeds x states.

    Raises:
        UserError: there are no rows, or a seed met a state twice.
    """
    if rows.empty:
        raise UserError("no rows for a cell of the report")
    twice = rows.duplicated(["seed", state])
    if twice.any():
        where = rows[twice].iloc[0].to_dict()
        raise UserError(f"the same episode appears twice: {where}; was one file given two times?")
    table = rows.pivot(index="seed", columns=state, values=value).sort_index().sort_index(axis=1)
    return Cell(table.to_numpy(dtype=np.float64), tuple(map(int, table.index)), tuple(map(int, table.columns)))


def wilson(successes: float, n: int, confidence: float) -> tuple[float, float]:
    """Wilson score interval of a proportion; exactly 0 or 1 at its end where no row disagrees."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)))
    low = 0.0 if successes <= 0 else max(0.0, centre - half)
    high = 1.0 if successes >= n else min(1.0, centre + half)
    return low, high


def iqm(scores: Array) -> Array:
    """Interquartile mean over the last axis: without the floor(n/4) lowest and highest (as in rliable)."""
    n = scores.shape[-1]
    cut = n // 4
    return np.asarray(np.sort(scores, axis=-1)[..., cut : n - cut].mean(axis=-1))


def resampled(
    name: str, values: pd.Series, params: ReportParams, purpose: str, statistic: Callable[..., Any] = np.mean
) -> dict[str, float]:
    """Columns `<name>, <name>_low, <name>_high`: a statistic of single measurements, such as seconds, by bootstrap."""
    data = values.to_numpy(dtype=np.float64)
    index = generator(params.seed, purpose).integers(len(data), size=(params.bootstrap, len(data)))
    low, high = percentiles(statistic(data[index], axis=1), params.confidence)
    return {name: float(statistic(data)), f"{name}_low": low, f"{name}_high": high}


def verdict(holds: bool, contradicted: bool) -> str:
    """What an interval says about a claim: the whole of it for, or against, or neither."""
    return "holds" if holds else "contradicted" if contradicted else "undecided"


def numbers(prefix: str, value: Estimate | None) -> dict[str, float | None]:
    """Columns `<prefix>, <prefix>_low, <prefix>_high` in percent; empty where there is no estimate."""
    v = value.scaled(100) if value is not None else None
    parts = (None, None, None) if v is None else (v.mean, v.low, v.high)
    return dict(zip((prefix, f"{prefix}_low", f"{prefix}_high"), parts, strict=True))


def measured(prefix: str, value: Estimate) -> dict[str, Any]:
    """Columns `n`, `seeds` and those of `numbers`."""
    return {"n": value.n, "seeds": value.seeds} | numbers(prefix, value)


def draw_seeds(n: int, params: ReportParams, purpose: str) -> NDArray[np.int64]:
    """Resampled seed indices, [bootstrap, S]."""
    return generator(params.seed, f"bootstrap seeds {purpose}").integers(n, size=(params.bootstrap, n))


def draw_states(n: int, params: ReportParams, purpose: str) -> Array:
    """How often each state is drawn, [bootstrap, E]; each row sums to E."""
    counts = generator(params.seed, f"bootstrap states {purpose}").multinomial(
        n, np.full(n, 1 / n), size=params.bootstrap
    )
    return counts.astype(np.float64)


def draws(c: Cell, params: ReportParams, purpose: str) -> tuple[NDArray[np.int64], Array]:
    """Resampled seeds and states of a cell."""
    return draw_seeds(len(c.seeds), params, purpose), draw_states(len(c.states), params, purpose)


def replicate(c: Cell, seeds: NDArray[np.int64], states: Array) -> Array:
    """Seed-level scores of every resample, [bootstrap, S].

    A seed whose states were all missed by a resample keeps its own mean (possible only in incomplete cells).
    """
    known = np.isfinite(c.scores)
    weight = states @ known.T.astype(np.float64)
    total = states @ np.where(known, c.scores, 0.0).T
    scores = np.where(weight > 0, total / np.maximum(weight, 1.0), c.seed_means)
    return np.asarray(np.take_along_axis(scores, seeds, axis=1))


def percentiles(samples: Array, confidence: float) -> tuple[float, float]:
    """Percentile interval of bootstrap samples, [bootstrap]."""
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def settled(value: float) -> float:
    """A difference that is 0 but for rounding is 0: verdicts ask on which side of it a bound lies."""
    return 0.0 if abs(value) < ROUNDING else value


def estimate(cells: Sequence[Cell], params: ReportParams, purpose: str, statistic: Statistic = "mean") -> Estimate:
    """Mean (or interquartile mean of seed-level scores) over one cell, or over the cells of several tasks.

    Args:
        cells: one per task; scores in [0, 1].
        params: confidence, number of resamples, seed.
        purpose: name of the cell; makes its resamples independent of what else is in the table.
        statistic: "mean" weighs tasks equally; "iqm" pools the seed-level scores of all tasks.
    """
    samples, points = [], []
    for i, c in enumerate(cells):
        samples.append(replicate(c, *draws(c, params, f"{purpose} {i}")))
        points.append(c.seed_means)
    n, kept = sum(c.n for c in cells), 1.0
    if statistic == "iqm":
        point = float(iqm(np.concatenate(points)))
        means = iqm(np.concatenate(samples, axis=1))
        total = sum(map(len, points))
        kept = (total - 2 * (total // 4)) / total
    else:
        point = float(np.mean([p.mean() for p in points]))
        means = np.mean([s.mean(axis=1) for s in samples], axis=0)
    low, high = percentiles(means, params.confidence)
    if is_binary(cells) or low == high:
        floor = wilson(point * n * kept, max(round(n * kept), 1), params.confidence)
        low, high = min(low, floor[0]), max(high, floor[1])
    return Estimate(point, min(low, point), max(high, point), n, len({s for c in cells for s in c.seeds}))


def is_binary(cells: Sequence[Cell]) -> bool:
    """Whether every outcome is a success or a failure."""
    return all(bool(np.isin(c.scores[np.isfinite(c.scores)], (0.0, 1.0)).all()) for c in cells)

"""Two methods on the same initial states: paired differences, their change, and the probability of improvement.

Initial states are resampled together for both, training seeds of each by themselves (`statistics`). Differences of
binary outcomes are never given an interval narrower than Wilson limits of the two discordant proportions allow (square
and add, Newcombe 1998, Statist. Med. 17); a change of a difference gets the root of the sum of the squares of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.report.statistics import (
    Array,
    Cell,
    Estimate,
    draw_seeds,
    draw_states,
    is_binary,
    percentiles,
    replicate,
    settled,
    wilson,
)


def paired(
    pairs: Sequence[tuple[Cell, Cell]], params: ReportParams, purpose: str, *, same_seeds: bool = False
) -> Estimate:
    """Mean difference first - second over the initial states that both met, averaged over tasks.

    Args:
        pairs: one pair of cells per task.
        params: confidence, number of resamples, seed.
        purpose: name of the comparison.
        same_seeds: the two cells are the same checkpoints (e.g. two levels of one method), resampled
            together; otherwise the seeds of the two are drawn independently, the states together.

    Raises:
        UserError: a pair shares no initial state, or `same_seeds` and it has different seeds.
    """
    samples, points, used = [], [], []
    for a, b, first, second in _resampled(pairs, params, purpose, same_seeds=same_seeds):
        samples.append(first.mean(axis=1) - second.mean(axis=1))
        points.append(float(a.seed_means.mean() - b.seed_means.mean()))
        used.append((a, b))
    low, high = percentiles(np.mean(samples, axis=0), params.confidence)
    point = float(np.mean(points))
    if is_binary([c for pair in pairs for c in pair]) or low == high:
        below, above = _floor(used, params.confidence)
        low, high = min(low, point - below), max(high, point + above)
    n = sum(min(a.n, b.n) for a, b in used)
    point, low, high = map(settled, (point, low, high))
    return Estimate(point, max(min(low, point), -1.0), min(max(high, point), 1.0), n, _seeds(pairs))


def paired_change(
    now: Sequence[tuple[Cell, Cell]], before: Sequence[tuple[Cell, Cell]], params: ReportParams, purpose: str
) -> Estimate:
    """How a difference first - second has changed: (first - second) in `now`, minus the same in `before`.

    The checkpoints of a cell are the same in both, and resampled together, and so are the initial-state seeds; the
    seeds of first and second are drawn independently.

    Args:
        now: one pair of cells per task.
        before: the same, under the condition to compare with.
        params: confidence, number of resamples, seed.
        purpose: name of the comparison.

    Returns:
        The change, between -2 and 2.

    Raises:
        UserError: cells that are compared share no initial state, or have different seeds.
    """
    changes = [(_change(a, c, purpose), _change(b, d, purpose)) for (a, b), (c, d) in zip(now, before, strict=True)]
    samples, points = [], []
    for a, b, first, second in _resampled(changes, params, purpose):
        samples.append(first.mean(axis=1) - second.mean(axis=1))
        points.append(float(a.seed_means.mean() - b.seed_means.mean()))
    low, high = percentiles(np.mean(samples, axis=0), params.confidence)
    point = float(np.mean(points))
    if is_binary([c for pair in (*now, *before) for c in pair]) or low == high:
        # Of x - y, the lower limit is short by what x may be less and y more: both, were they independent.
        (below, above), (base_below, base_above) = (_floor(_alike(pairs), params.confidence) for pairs in (now, before))
        low = min(low, point - float(np.hypot(below, base_above)))
        high = max(high, point + float(np.hypot(above, base_below)))
    n = sum(min(a.n, b.n) for a, b in changes)
    point, low, high = map(settled, (point, low, high))
    return Estimate(point, max(min(low, point), -2.0), min(max(high, point), 2.0), n, _seeds(changes))


def _change(now: Cell, before: Cell, purpose: str) -> Cell:
    """What has changed for each checkpoint and state that both have: -1, 0 or 1 of successes."""
    if now.seeds != before.seeds:
        raise UserError(f"{purpose}: seeds differ: {now.seeds} and {before.seeds}")
    shared = sorted(set(now.states) & set(before.states))
    return Cell(now.at(shared).scores - before.at(shared).scores, now.seeds, tuple(shared))


def _alike(pairs: Sequence[tuple[Cell, Cell]]) -> list[tuple[Cell, Cell]]:
    """Pairs on the states that both cells have."""
    shared = [sorted(set(a.states) & set(b.states)) for a, b in pairs]
    return [(a.at(states), b.at(states)) for (a, b), states in zip(pairs, shared, strict=True)]


def _floor(pairs: Sequence[tuple[Cell, Cell]], confidence: float) -> tuple[float, float]:
    """Least distances from a paired difference to the ends of its interval, of cells on the same states."""
    n = sum(min(a.n, b.n) for a, b in pairs)
    more, less = (float(x) for x in np.mean([_discordance(a, b) for a, b in pairs], axis=0))
    more_low, more_high = wilson(more * n, n, confidence)
    less_low, less_high = wilson(less * n, n, confidence)
    return float(np.hypot(more - more_low, less_high - less)), float(np.hypot(more_high - more, less - less_low))


def wins(first: Array, second: Array) -> Array:
    """Share of pairs (x, y) with x > y, ties counted half: [..., S] and [..., R] -> [...]."""
    x, y = first[..., :, None], second[..., None, :]
    return np.asarray(((x > y) + 0.5 * (x == y)).mean(axis=(-2, -1)))


def improvement(pairs: Sequence[tuple[Cell, Cell]], params: ReportParams, purpose: str) -> Estimate:
    """Probability that a run of the first method scores higher than a run of the second on a task drawn at random.

    As in rliable: over all pairs of runs (training seeds) of a task, ties count half; then the mean over tasks. Runs
    and initial states are resampled as in `paired`. The interval is never narrower than Wilson's for as many runs.

    Args:
        pairs: one pair of cells per task.
        params: confidence, number of resamples, seed.
        purpose: name of the comparison.

    Raises:
        UserError: a pair shares no initial state.
    """
    samples, points, runs = [], [], 0
    for a, b, first, second in _resampled(pairs, params, purpose):
        samples.append(wins(first, second))
        points.append(float(wins(a.seed_means, b.seed_means)))
        runs += min(len(a.seeds), len(b.seeds))
    point = float(np.mean(points))
    low, high = percentiles(np.mean(samples, axis=0), params.confidence)
    floor = wilson(point * runs, runs, params.confidence)
    return Estimate(point, min(low, floor[0], point), max(high, floor[1], point), runs, _seeds(pairs))


def _resampled(
    pairs: Sequence[tuple[Cell, Cell]], params: ReportParams, purpose: str, *, same_seeds: bool = False
) -> Iterator[tuple[Cell, Cell, Array, Array]]:
    """Both cells of each pair on the states that they share, and their seed-level scores in every resample."""
    for i, (a, b) in enumerate(pairs):
        shared = sorted(set(a.states) & set(b.states))
        if not shared:
            raise UserError(f"{purpose}: no initial state in common to pair by; evaluate both on one seed list")
        a, b = a.at(shared), b.at(shared)
        if same_seeds and a.seeds != b.seeds:
            raise UserError(f"{purpose}: seeds differ: {a.seeds} and {b.seeds}")
        states = draw_states(len(shared), params, f"{purpose} {i}")
        first = draw_seeds(len(a.seeds), params, f"{purpose} {i} first")
        second = first if same_seeds else draw_seeds(len(b.seeds), params, f"{purpose} {i} second")
        yield a, b, replicate(a, first, states), replicate(b, second, states)


def _seeds(pairs: Sequence[tuple[Cell, Cell]]) -> int:
    return len({seed for pair in pairs for cell in pair for seed in cell.seeds})


def _discordance(a: Cell, b: Cell) -> tuple[float, float]:
    """Share of pairs in which the first wins, and in which the second wins, over all pairings of seeds."""
    p, q = np.nanmean(a.scores, axis=0), np.nanmean(b.scores, axis=0)
    return float((p * (1 - q)).mean()), float(((1 - p) * q).mean())

"""How far a reward orders what is done as a judge does: rank correlations, in [-1, 1], and a probability.

A reward that is the same everywhere orders nothing: its correlations are NaN, its probability is 1/2.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[Any]


def spearman(first: Array, second: Array) -> Array:
    """Rank correlation [...] over the last axis of [..., N]; NaN where one of the two is constant."""
    ranks = [rankdata(x, axis=-1) for x in (first, second)]
    x, y = (each - each.mean(axis=-1, keepdims=True) for each in ranks)
    spread = np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))
    return np.asarray(np.divide((x * y).sum(axis=-1), spread, out=np.full(spread.shape, np.nan), where=spread > 0))


def within(reward: Array, value: Array) -> float:
    """Mean over states of the rank correlation among the actions of each: [S, K] and [S, K]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of no state in which there is one
        return float(np.nanmean(spearman(reward, value)))


def across(reward: Array, value: Array) -> float:
    """Rank correlation over transitions [N] of as many states."""
    return float(spearman(reward, value))


def preferred(actions: Array, others: Array) -> float:
    """Probability that one of the actions [S, J] is rewarded more than another [S, K] of its state; ties count half."""
    first, second = actions[:, :, None], others[:, None, :]
    return float(((first > second) + 0.5 * (first == second)).mean())

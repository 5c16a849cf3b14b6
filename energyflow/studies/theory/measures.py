"""Numbers that say how well one function of (state, action) follows another: arrays [S states, A actions of each]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def within(values: Array) -> Array:
    """Values minus their mean in each state: what is left of a function known up to c(s)."""
    centred: Array = values - values.mean(axis=1, keepdims=True)
    return centred


def slope(measured: Array, truth: Array) -> float:
    """Least-squares slope of `measured` on `truth` with an intercept of its own in every state."""
    x, y = within(truth), within(measured)
    return float((x * y).sum() / (x * x).sum())


def correlation(measured: Array, truth: Array) -> float:
    """Mean over states of the correlation within a state."""
    x, y = within(truth), within(measured)
    product = (x * y).sum(axis=1) / np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return float(product.mean())


def _agree(first: Array, second: Array) -> Array:
    """1 where two differences have one sign, 0 where they have opposite signs, 1/2 where either is zero."""
    agreement: Array = 0.5 + 0.5 * np.sign(first) * np.sign(second)
    return agreement


def agreement_within(measured: Array, truth: Array) -> float:
    """Share of pairs of actions in one state that both functions put in the same order; 1/2 is chance."""
    first = measured[:, :, None] - measured[:, None, :]
    second = truth[:, :, None] - truth[:, None, :]
    off = ~np.eye(measured.shape[1], dtype=bool)
    return float(_agree(first, second)[:, off].mean())


def agreement_across(measured: Array, truth: Array) -> float:
    """The same for pairs in different states: action j of state s against action j of state t."""
    first = measured[:, None, :] - measured[None, :, :]
    second = truth[:, None, :] - truth[None, :, :]
    off = ~np.eye(len(measured), dtype=bool)
    return float(_agree(first, second)[off].mean())


def relative_spread(offsets: Array, values: Array) -> float:
    """Standard deviation of one number a state [S], in units of the standard deviation of `values` within states."""
    return float(offsets.std() / np.sqrt(np.square(within(values)).mean()))

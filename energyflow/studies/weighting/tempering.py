"""Powers of an expert's law, pi^k / Z_k: their temperature alpha / k, and what noise makes of them.

    pi_l ~ pi exp(l beta A / alpha) = pi^(1 + l beta),    so k = 1 + l beta after l renewals on the expert's own data

The mean of log pi over pi^k grows with k (its slope is the variance of log pi), so a policy's mean of log pi says of
which power it is. Both are sums over many actions of the expert, weighted by pi^(k - 1).
"""

from __future__ import annotations

import torch
from scipy.optimize import brentq
from torch import Tensor

from energyflow.studies.theory.experts.base import Expert

POWERS = (0.05, 50.0)  # beyond them a power is read as the end
CHUNK = 20_000_000  # distances at once


def log_density(expert: Expert, actions: Tensor, states: Tensor) -> Tensor:
    """The log density log pi [S, K] of actions [S, K, Da] in states [S, Do]."""
    rows = states.repeat_interleave(actions.shape[1], dim=0)
    sharp = torch.zeros(actions.shape[2], dtype=actions.dtype)
    return expert.log_prob(actions.flatten(0, 1), rows, sharp).view(actions.shape[:2])


def mean_log_density(own: Tensor, power: float) -> float:
    """Mean over states of E[log pi] under pi^power, from log pi [S, K] of the expert's own actions."""
    weight = torch.softmax((power - 1.0) * own, dim=1)
    return float((weight * own).sum(dim=1).mean())


def power_of(mean: float, own: Tensor) -> float:
    """The power whose mean log density is this one; the ends of `POWERS` beyond them."""
    low, high = (mean_log_density(own, power) - mean for power in POWERS)
    if low >= 0.0 or high <= 0.0:
        return POWERS[0] if low >= 0.0 else POWERS[1]
    return float(brentq(lambda power: mean_log_density(own, power) - mean, *POWERS, xtol=1e-6))


def smoothed_energy(at: Tensor, pool: Tensor, log_weight: Tensor, noise: Tensor) -> Tensor:
    """-log density [S, A], up to a constant a state, of a weighted law under noise.

    Args:
        at: [S, A, Da], where it is wanted.
        pool: [S, K, Da], actions of each state.
        log_weight: [S, K], of them.
        noise: [Da], standard deviations.
    """
    found = []
    step = max(1, CHUNK // (at.shape[1] * pool.shape[1]))
    for here, there, share in zip(*(torch.split(part, step) for part in (at, pool, log_weight)), strict=True):
        square = torch.cdist(here / noise, there / noise).square()
        found.append(-torch.logsumexp(share[:, None] - 0.5 * square, dim=2))
    return torch.cat(found)

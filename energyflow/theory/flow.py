"""Log likelihood along the probability flow: reads the score at every noise level instead of the energy at one.

The flow da/dsigma = -sigma S(a, sigma) carries the noised density at sigma to that at sigma_max, where it is
N(0, (1 + sigma_max^2) I) whatever the modes were; the log density changes by the divergence of the flow along the way
(Song et al., arXiv 2011.13456, appendix D). So the weights of separated modes come from the levels that see both.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from energyflow.theory.experts.base import normal_log_prob

Score = Callable[[Tensor, float], Tensor]  # actions [N, Da] with a graph, sigma -> [N, Da]


def _score_and_divergence(score: Score, actions: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    inputs = actions.detach().requires_grad_()
    with torch.enable_grad():
        values = score(inputs, sigma)
        divergence = torch.zeros(len(actions), dtype=actions.dtype)
        for i in range(actions.shape[1]):
            (row,) = torch.autograd.grad(values[:, i].sum(), inputs, retain_graph=True)
            divergence = divergence + row[:, i]
    return values.detach(), divergence.detach()


def flow_log_prob(score: Score, actions: Tensor, sigma: float, sigma_max: float, steps: int) -> Tensor:
    """Log density [N] of standardised noised actions [N, Da] at `sigma`, by Heun's method in log sigma."""
    ladder = torch.logspace(math.log10(sigma), math.log10(sigma_max), steps + 1, dtype=actions.dtype).tolist()
    position, change = actions, torch.zeros(len(actions), dtype=actions.dtype)
    for now, after in itertools.pairwise(ladder):
        step = math.log(after / now)
        first, first_div = _score_and_divergence(score, position, now)
        guess = position - step * now**2 * first
        second, second_div = _score_and_divergence(score, guess, after)
        position = position - 0.5 * step * (now**2 * first + after**2 * second)
        change = change - 0.5 * step * (now**2 * first_div + after**2 * second_div)
    end = normal_log_prob(position, torch.zeros_like(position), torch.full_like(position, 1.0 + sigma_max**2))
    return end + change

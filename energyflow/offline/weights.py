"""Weights exp(-beta E): normalised over a batch, or over the actions of each state by itself.

All take the log weight, -beta E or beta Q, so that the sign stands in one place: with whoever calls.
"""

from __future__ import annotations

import torch
from torch import Tensor


def batch_softmax(log_weight: Tensor) -> Tensor:
    """Weights [B] of mean 1 from log weights [B]: B times the softmax over the batch (Algorithm 1).

    The mean of weight times loss is then the algorithm's sum of softmax times loss. An offset c(s) of the energy does
    not cancel here; see `support_softmax`.
    """
    return len(log_weight) * torch.softmax(log_weight, dim=0)


def support_softmax(log_weight: Tensor) -> Tensor:
    """Weights [S, M], of sum 1 in each state, from log weights [S, M] of its M support actions (QIPO, Section 5).

    Whatever depends on the state alone cancels.
    """
    return torch.softmax(log_weight, dim=-1)


def effective_sample_size(weight: Tensor) -> Tensor:
    """(sum w)^2 / sum w^2 over the last axis: M where all weights are equal, 1 where one has it all."""
    return weight.sum(dim=-1).square() / weight.square().sum(dim=-1)


def resampled(log_weight: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Indices [count], drawn with probability proportional to exp(log_weight) [N] (Remark 4.6).

    By the inverse of the cumulative sum: `torch.multinomial` takes no more than 2^24 categories.
    """
    edges = torch.softmax(log_weight.double(), dim=0).cumsum(dim=0)
    at = torch.rand(count, generator=generator, dtype=torch.float64, device=log_weight.device)
    return torch.searchsorted(edges, at * edges[-1]).clamp_(max=len(edges) - 1)

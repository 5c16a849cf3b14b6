"""The squashed Gaussian a = tanh(u), u ~ N(mean, std^2), of soft actor-critic: densities in the action box (-1, 1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

LOG_STD = (-20.0, 2.0)  # Stable-Baselines3: range of the log deviation that an agent draws with
EDGE = 1e-3  # actions are moved this far into the box before their density is asked for: at its edge it diverges


def _gaussian(mean: Tensor, log_std: Tensor, raw: Tensor) -> Tensor:
    return -0.5 * ((raw - mean) * (-log_std).exp()).square() - log_std - 0.5 * math.log(2.0 * math.pi)


def log_density(mean: Tensor, log_std: Tensor, action: Tensor) -> Tensor:
    """Log-density [B] of actions [B, Da] under tanh of a Gaussian with `mean` and `log_std` [B, Da].

    Actions beyond 1 - EDGE (a clipped demonstration, a gripper at its stop) are read there: finite, and the same
    for whoever took them.
    """
    inside = action.clamp(-1.0 + EDGE, 1.0 - EDGE)
    density = _gaussian(mean, log_std, torch.atanh(inside)) - torch.log1p(-inside.square())
    return density.sum(dim=-1)


def sample(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Actions [..., Da] of standard normal noise, and their log-density [...]; differentiable in mean and log_std."""
    raw = mean + log_std.exp() * noise
    # log(1 - tanh(u)^2), exact also where tanh rounds to one
    squash = 2.0 * (math.log(2.0) - raw - F.softplus(-2.0 * raw))
    return raw.tanh(), (_gaussian(mean, log_std, raw) - squash).sum(dim=-1)

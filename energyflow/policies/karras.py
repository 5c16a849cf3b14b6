"""EDM preconditioning and the Karras sampler (arXiv 2206.00364), for the conservative and the unconstrained field."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from pydantic import Field
from torch import Tensor

from energyflow.config.sections import Activation
from energyflow.policies.noise import NoiseRange


class KarrasParams(NoiseRange):
    """Noise range and sampler of a preconditioned field."""

    activation: Activation = "silu"  # [ours] C2, as the loss differentiates an energy twice; Mish in the paper's text
    sigma_min: float = Field(0.01, gt=0, le=1e4)  # [code]
    sigma_max: float = Field(10.0, gt=0, le=1e4)  # [code]
    nfe: int = Field(10, ge=1, le=10_000)  # [ours] Karras steps; 20 in the paper, see the NFE figure
    rho: float = Field(7.0, gt=0, le=100)  # [ours] Karras schedule


def log_uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """[count] noise levels, uniform in log sigma over [low, high]."""
    uniform = torch.rand(count, generator=generator, device=generator.device)
    return torch.exp(math.log(low) + uniform * (math.log(high) - math.log(low)))


def coefficients(sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """EDM's c_skip, c_out and c_in for unit-variance data."""
    variance = 1.0 + sigma**2
    return 1.0 / variance, sigma / variance.sqrt(), 1.0 / variance.sqrt()


def noise_feature(sigma: Tensor) -> Tensor:
    """EDM's c_noise: log(sigma) / 4, of order one over the whole range."""
    return sigma.log() / 4.0


def schedule(nfe: int, sigma_min: float, sigma_max: float, rho: float) -> list[float]:
    """Karras noise levels: `nfe` of them from sigma_max down to sigma_min, then zero."""
    if nfe == 1:
        return [sigma_max, 0.0]
    ramp = [i / (nfe - 1) for i in range(nfe)]
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return [*((high + t * (low - high)) ** rho for t in ramp), 0.0]


def euler(denoise: Callable[[Tensor, Tensor], Tensor], start: Tensor, sigmas: list[float]) -> Tensor:
    """Integrate the probability-flow ODE da/dsigma = (a - D(a, sigma)) / sigma with Euler steps.

    Args:
        denoise: (a [B, Tp, Da], sigma [B]) -> D [B, Tp, Da].
        start: [B, Tp, Da], of standard deviation sigmas[0].
        sigmas: decreasing levels; the last may be zero, where the step lands on the denoiser.

    Returns:
        [B, Tp, Da].
    """
    action = start
    for now, after in itertools.pairwise(sigmas):
        denoised = denoise(action, action.new_full((len(action),), now))
        action = denoised + (after / now) * (action - denoised)
    return action

"""EDM preconditioning and the Karras sampler (arXiv 2206.00364), for the conservative and the unconstrained field.

    D(a, s, sigma) = c_skip a + c_out F(c_in a, s, c_noise)

The network F sees inputs and targets of unit variance at every noise level. Decoded by `mean`, D(0, s, sigma_max), one
evaluation: E[a | s] as sigma_max grows, for then a chunk of noise says nothing of a.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from energyflow.config.sections import Activation
from energyflow.networks.blocks import expand
from energyflow.networks.closed_form import Array
from energyflow.policies.base import TransportPolicy
from energyflow.policies.noise import NoiseRange


class KarrasParams(NoiseRange):
    """Noise range, the law of its levels in training, and sampler of a preconditioned field.

    Attributes:
        law: `flow`: sigma = u / (1 - u) with u uniform, clipped to the range: the noise over the signal of a straight
            path at a uniform time; `log_uniform`: uniform in log sigma.
    """

    activation: Activation = "silu"  # [ours] C2, as the loss differentiates an energy twice; Mish in the paper's text
    sigma_min: float = Field(0.01, gt=0, le=1e4)  # [code]
    sigma_max: float = Field(10.0, gt=0, le=1e4)  # [code]
    # [ours] as flow_policy's; log_uniform, as in the paper, spends a third of each batch below sigma 0.1, flow 9 %
    law: Literal["flow", "log_uniform"] = "flow"
    nfe: int = Field(10, ge=1, le=10_000)  # [ours] Karras steps; 20 in the paper, see the NFE figure
    rho: float = Field(7.0, gt=0, le=100)  # [ours] Karras schedule


def log_uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """[count] noise levels, uniform in log sigma over [low, high]."""
    uniform = torch.rand(count, generator=generator, device=generator.device)
    return torch.exp(math.log(low) + uniform * (math.log(high) - math.log(low)))


def flow_levels(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """[count] noise levels u / (1 - u) of a uniform u, clipped: P(sigma < x) = x / (1 + x) between `low` and `high`."""
    uniform = torch.rand(count, generator=generator, device=generator.device)
    return (uniform / (1.0 - uniform)).clamp(low, high)


LAWS = {"flow": flow_levels, "log_uniform": log_uniform}


def coefficients(sigma: Array) -> tuple[Array, Array, Array]:
    """EDM's c_skip, c_out and c_in for unit-variance data, of a number or of any array of noise levels."""
    variance = 1.0 + sigma**2
    return 1.0 / variance, sigma / variance**0.5, 1.0 / variance**0.5


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


def euler(denoise: Callable[[Array, float], Array], start: Array, sigmas: list[float]) -> Array:
    """Integrate the probability-flow ODE da/dsigma = (a - D(a, sigma)) / sigma with Euler steps.

    Args:
        denoise: (a [B, Tp, Da], sigma) -> D [B, Tp, Da].
        start: [B, Tp, Da], of standard deviation sigmas[0].
        sigmas: decreasing levels; the last may be zero, where the step lands on the denoiser.

    Returns:
        [B, Tp, Da].
    """
    action = start
    for now, after in itertools.pairwise(sigmas):
        denoised = denoise(action, now)
        action = denoised + (after / now) * (action - denoised)
    return action


class Preconditioned(TransportPolicy):
    """A denoiser D made of a network F; F is what the loss fits, at noise levels of `KarrasParams.law`."""

    own: KarrasParams

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """EDM's weight (sigma^2 + 1) / sigma^2 on |D - a0|^2: |F - target|^2 with a unit-variance target."""
        sigma = LAWS[self.own.law](len(action), self.own.sigma_min, self.own.sigma_max, generator)
        noised = action + expand(sigma) * self.noise(action, generator)
        c_skip, c_out, c_in = coefficients(expand(sigma))
        target = (action - c_skip * noised) / c_out
        loss: Tensor = (self.vector(c_in * noised, obs, noise_feature(sigma)) - target).square().mean()
        return loss

    def transport(self, vector: Callable[[Array, float], Array], draw: Callable[[], Array], nfe: int) -> Array:
        """Karras schedule, Euler steps; see `TransportPolicy.transport`."""

        def denoise(action: Array, sigma: float) -> Array:
            c_skip, c_out, c_in = coefficients(sigma)
            return c_skip * action + c_out * vector(c_in * action, math.log(sigma) / 4.0)

        return self.integrate(denoise, self.own.sigma_max * draw(), nfe)

    def integrate(self, denoise: Callable[[Array, float], Array], start: Array, nfe: int) -> Array:
        """From noise at sigma_max to chunks, by the denoiser."""
        return euler(denoise, start, schedule(nfe, self.own.sigma_min, self.own.sigma_max, self.own.rho))

    def denoise(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        """D(a, s, sigma) [B, Tp, Da] = E[a0 | a]; of an energy, minus its gradient is (D - a) / sigma^2."""
        c_skip, c_out, c_in = coefficients(expand(sigma))
        denoised: Tensor = c_skip * action + c_out * self.vector(c_in * action, obs, noise_feature(sigma))
        return denoised

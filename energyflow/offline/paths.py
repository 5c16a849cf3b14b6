"""Probability paths between data (t = 0) and noise (t = 1), and what a network learns along them.

    x_t = mu_t x_0 + sigma_t eps,    eps ~ N(0, I)
    u_t0(x_t | x_0) = mu'_t x_0 + sigma'_t eps

`ot` (optimal transport, Lipman et al. 2023): mu = 1 - t, sigma = t; the network predicts the velocity u = eps - x_0.
`vp` (variance preserving, as in CEP's code): mu = exp(-t^2 (b1 - b0) / 4 - t b0 / 2), sigma^2 = 1 - mu^2; the network
predicts v = mu eps - sigma x_0 (Salimans and Ho 2022), of which the noise is eps = sigma x_t + mu v, and the score is
-eps / sigma_t. A loss of v is one of the noise over mu^2: [ours] a network that predicts the noise itself must be right
to a thousandth near t = 1, where sigma / mu is 152 and multiplies its error; with few steps some samples fly away.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor

BETA_0, BETA_1 = 0.1, 20.0  # noise rates at both ends of the variance-preserving path


class Coefficients(NamedTuple):
    """Of a path at times [B]: mu, sigma and their derivatives in t, [B, 1] each."""

    mu: Tensor
    sigma: Tensor
    mu_slope: Tensor
    sigma_slope: Tensor


class ProbabilityPath(ABC):
    """A Gaussian path.

    Attributes:
        t_min: the earliest time that is learned and sampled; below it the targets of some paths diverge.
    """

    t_min = 0.0

    @abstractmethod
    def at(self, t: Tensor) -> Coefficients:
        """Coefficients at times [B]."""

    @abstractmethod
    def target(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """What a network at x_t is to predict, [B, D], of data [B, D], noise [B, D] and times [B]."""

    @abstractmethod
    def velocity(self, predicted: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """dx/dt [B, D] of the probability flow, from what a network predicts at x [B, D] and times [B]."""

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        """Uniform times [count] in [t_min, 1]."""
        device = generator.device
        return self.t_min + (1.0 - self.t_min) * torch.rand(count, generator=generator, device=device)

    def noisy(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t [B, D]."""
        at = self.at(t)
        return at.mu * data + at.sigma * noise

    def conditional_velocity(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """u_t0(x_t | x_0) [B, D], whatever the network predicts."""
        at = self.at(t)
        return at.mu_slope * data + at.sigma_slope * noise


class OT(ProbabilityPath):
    """Straight lines: x_t = (1 - t) x_0 + t eps; networks predict the velocity."""

    def at(self, t: Tensor) -> Coefficients:
        """See the base class."""
        t = t[:, None]
        return Coefficients(1.0 - t, t, -torch.ones_like(t), torch.ones_like(t))

    def target(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """The velocity u = eps - x_0."""
        return self.conditional_velocity(data, noise, t)

    def velocity(self, predicted: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """The prediction itself."""
        return predicted


class VP(ProbabilityPath):
    """Variance preserving; networks predict v = mu eps - sigma x_0."""

    t_min = 1e-3

    def at(self, t: Tensor) -> Coefficients:
        """See the base class; 1 - mu^2 by expm1, which loses no digit at small t."""
        t = t[:, None]
        log_mu = -0.25 * t.square() * (BETA_1 - BETA_0) - 0.5 * t * BETA_0
        rate = BETA_0 + t * (BETA_1 - BETA_0)
        mu, sigma = log_mu.exp(), (-torch.expm1(2.0 * log_mu)).sqrt()
        return Coefficients(mu, sigma, -0.5 * rate * mu, 0.5 * rate * mu.square() / sigma)

    def target(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """V = mu eps - sigma x_0."""
        at = self.at(t)
        return at.mu * noise - at.sigma * data

    def noise(self, predicted: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """The noise [B, D] of a prediction at x [B, D] and times [B]: the score is -eps / sigma_t."""
        at = self.at(t)
        return at.sigma * x + at.mu * predicted

    def velocity(self, predicted: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """mu'/mu x + (sigma' - sigma mu'/mu) eps."""
        at = self.at(t)
        pull = at.mu_slope / at.mu
        return pull * x + (at.sigma_slope - at.sigma * pull) * self.noise(predicted, x, t)

    def time_of(self, ratio: Tensor) -> Tensor:
        """Time at which sigma / mu is `ratio`, any shape: root of a quadratic, as log mu = -log(1 + r^2) / 2."""
        twice = torch.log1p(ratio.square())  # = t^2 (b1 - b0) / 2 + t b0
        rise = BETA_1 - BETA_0
        return 2.0 * twice / (BETA_0 + (BETA_0**2 + 2.0 * rise * twice).sqrt())

    def ratio(self, t: float) -> float:
        """Noise over signal, sigma / mu, at a time."""
        log_mu = -0.25 * t * t * (BETA_1 - BETA_0) - 0.5 * t * BETA_0
        return math.sqrt(math.expm1(-2.0 * log_mu))


PATHS: dict[str, ProbabilityPath] = {"ot": OT(), "vp": VP()}

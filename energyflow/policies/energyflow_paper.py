"""EnergyFlow as published: raw variance-exploding energy, geometric schedule, probability-flow Euler sampler.

sigma(t) = sigma_min^(1-t) sigma_max^t, loss E || sigma(t) S(a0 + sigma(t) eps, s, t) + eps ||^2 with S = -dE/da and
t ~ U[0, 1] (paper section 4; official code diffusion.py). Departures are in DEVIATIONS.md.

Decoded by `mean`, Tweedie's a + sigma^2 S(a, s, t) at a = 0 and t = 1, one evaluation: E[a | s] as sigma_max grows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from pydantic import Field
from torch import Tensor

from energyflow.config.sections import Activation, TrainParams
from energyflow.networks.blocks import expand
from energyflow.networks.build import Potential, ScalarPotential, Spec
from energyflow.networks.closed_form import Array
from energyflow.policies.base import EnergyPolicy, TransportPolicy
from energyflow.policies.noise import NoiseRange
from energyflow.policies.registry import Method


class PaperParams(NoiseRange):
    """Schedule, sampler and head of the published model."""

    activation: Activation = "softplus"  # [code]; the paper's text says Mish
    sigma_min: float = Field(0.01, gt=0, le=1e4)  # [code]
    sigma_max: float = Field(10.0, gt=0, le=1e4)  # [code]
    nfe: int = Field(20, ge=1, le=10_000)  # [paper] K
    gamma: float = Field(1.0e-3, gt=0, lt=1)  # [paper] last time of the probability-flow ODE
    spectral_norm: bool = True  # [code] on the linear layers of the scalar head


METHODS = {
    "energyflow_paper": Method(
        "EnergyFlow (paper's form)",
        PaperParams,
        "EnergyFlowPaper",
        lr={"mlp": 4.0e-3, "unet": 1.0e-4},
        published="energyflow",
    ),
}


class EnergyFlowPaper(TransportPolicy, EnergyPolicy):
    """Raw scalar energy of the noised chunk; no input or output scaling."""

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build the energy network, with spectral norm on its head."""
        super().__init__(spec, params)
        self.own = PaperParams(**params.method_params)
        self.potential = ScalarPotential(
            spec, params.network, self.own.activation, spectral=self.own.spectral_norm, rates="published"
        )

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """Denoising score matching with weight sigma^2."""
        time = torch.rand(len(action), generator=generator, device=action.device)
        sigma, eps = expand(self.sigma(time)), self.noise(action, generator)
        loss: Tensor = (eps - sigma * self.vector(action + sigma * eps, obs, time)).square().mean()
        return loss

    @property
    def network(self) -> Potential:
        """The energy itself."""
        return self.potential

    def transport(self, vector: Callable[[Array, float], Array], draw: Callable[[], Array], nfe: int) -> Array:
        """Probability-flow ODE da/dt = 1/2 d[sigma^2]/dt dE/da, `nfe` uniform Euler steps in t from 1 to gamma."""
        action = self.own.sigma_max * draw()
        times = [1.0 + (self.own.gamma - 1.0) * index / nfe for index in range(nfe + 1)]
        rate = math.log(self.own.sigma_max / self.own.sigma_min)
        for now, after in itertools.pairwise(times):
            # d[sigma^2]/dt = 2 sigma^2 log(sigma_max / sigma_min)
            action = action + (after - now) * rate * self.sigma(now) ** 2 * vector(action, now)
        return action

    def mean_transport(self, vector: Callable[[Array, float], Array], zero: Array, nfe: int) -> Array:
        """Tweedie's formula at the largest noise, in which a chunk of zeros says nothing."""
        return zero - self.own.sigma_max**2 * vector(zero, 1.0)

    def energy(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        """See `EnergyPolicy.energy`; sigma is mapped to the time at which the schedule reaches it."""
        rate = math.log(self.own.sigma_max / self.own.sigma_min)
        energy: Tensor = self.potential(action, obs, (sigma.log() - math.log(self.own.sigma_min)) / rate)
        return energy

    def sigma(self, time: Array) -> Array:
        """Noise level at a time in [0, 1]: of a number or of any array."""
        return self.own.sigma_min ** (1.0 - time) * self.own.sigma_max**time

"""EnergyFlow with a preconditioned energy: the paper's conservative field in EDM's units (our parameterisation).

    E(a, s, sigma) = (1 - c_skip) / (2 sigma^2) |a|^2 - c_out / (sigma^2 c_in) f(c_in a, s, sigma)

so that -dE/da = (D - a) / sigma^2 with the denoiser D = c_skip a + c_out grad f(c_in a): exactly a gradient, while the
network sees inputs and targets of unit variance at every noise level.
"""

from __future__ import annotations

import torch
from torch import Tensor

from energyflow.config.sections import TrainParams
from energyflow.networks.blocks import expand, gradient
from energyflow.networks.build import ScalarPotential, Spec
from energyflow.policies import karras
from energyflow.policies.base import EnergyPolicy
from energyflow.policies.registry import Method

METHODS = {
    "energyflow": Method("EnergyFlow", karras.KarrasParams, "EnergyFlow", lr={"mlp": 2.0e-3, "unet": 1.0e-4}),
}


class EnergyFlow(EnergyPolicy):
    """Scalar energy, EDM-weighted denoising score matching, Karras sampler."""

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build the potential f."""
        super().__init__(spec, params)
        self.own = karras.KarrasParams(**params.method_params)
        self.potential = ScalarPotential(spec, params.network, self.own.activation, spectral=False)

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """EDM's weight (sigma^2 + 1) / sigma^2 on |D - a0|^2: |grad f - target|^2 with a unit-variance target."""
        sigma = karras.log_uniform(len(action), self.own.sigma_min, self.own.sigma_max, generator)
        noised = action + expand(sigma) * self.noise(action, generator)
        c_skip, c_out, c_in = map(expand, karras.coefficients(sigma))
        slope = self._slope(c_in * noised, obs, sigma, create_graph=True)
        return (slope - (action - c_skip * noised) / c_out).square().mean()

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """Karras schedule, Euler steps."""
        start = self.own.sigma_max * self.prior(obs, generator)
        sigmas = karras.schedule(nfe, self.own.sigma_min, self.own.sigma_max, self.own.rho)
        return karras.euler(lambda a, sigma: self.denoise(a, obs, sigma), start, sigmas)

    def energy(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        """See `EnergyPolicy.energy`; the scale grows like 1 / sigma^2."""
        c_skip, c_out, c_in = karras.coefficients(sigma)
        quadratic = (1.0 - c_skip) / (2.0 * sigma**2) * action.square().sum(dim=(1, 2))
        potential = self.potential(expand(c_in) * action, obs, karras.noise_feature(sigma))
        energy: Tensor = quadratic - c_out / (sigma**2 * c_in) * potential
        return energy

    def denoise(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        """D(a, s, sigma) [B, Tp, Da] = E[a0 | a]; minus the energy's gradient is (D - a) / sigma^2."""
        c_skip, c_out, c_in = map(expand, karras.coefficients(sigma))
        return c_skip * action + c_out * self._slope(c_in * action, obs, sigma, create_graph=False)

    def _slope(self, scaled: Tensor, obs: Tensor, sigma: Tensor, *, create_graph: bool) -> Tensor:
        feature = karras.noise_feature(sigma)
        return gradient(lambda x: self.potential(x, obs, feature), scaled, create_graph=create_graph)

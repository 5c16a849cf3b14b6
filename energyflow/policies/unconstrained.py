"""The ablation that isolates the conservative constraint: `energyflow` with a vector network."""

from __future__ import annotations

import torch
from torch import Tensor

from energyflow.config.sections import TrainParams
from energyflow.networks.blocks import expand
from energyflow.networks.build import Spec, VectorField
from energyflow.policies import karras
from energyflow.policies.base import ScorePolicy
from energyflow.policies.registry import Method

METHODS = {  # as energyflow: only the conservative constraint differs
    "unconstrained": Method(
        "Unconstrained field", karras.KarrasParams, "Unconstrained", lr={"mlp": 2.0e-3, "unet": 1.0e-4}
    ),
}


class Unconstrained(ScorePolicy):
    """Vector field in place of the gradient of a potential; otherwise `energyflow`."""

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build the field F."""
        super().__init__(spec, params)
        self.own = karras.KarrasParams(**params.method_params)
        self.field = VectorField(spec, params.network, self.own.activation)

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """EDM's weighted denoising loss, as in `energyflow`."""
        sigma = karras.log_uniform(len(action), self.own.sigma_min, self.own.sigma_max, generator)
        noised = action + expand(sigma) * self.noise(action, generator)
        c_skip, c_out, c_in = map(expand, karras.coefficients(sigma))
        field = self.field(c_in * noised, obs, karras.noise_feature(sigma))
        loss: Tensor = (field - (action - c_skip * noised) / c_out).square().mean()
        return loss

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """Karras schedule, Euler steps."""
        start = self.own.sigma_max * self.prior(obs, generator)
        sigmas = karras.schedule(nfe, self.own.sigma_min, self.own.sigma_max, self.own.rho)
        return karras.euler(lambda a, sigma: self.denoise(a, obs, sigma), start, sigmas)

    def denoise(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        """D(a, s, sigma) [B, Tp, Da]; not the gradient of anything in general."""
        c_skip, c_out, c_in = map(expand, karras.coefficients(sigma))
        field: Tensor = self.field(c_in * action, obs, karras.noise_feature(sigma))
        return c_skip * action + c_out * field

    def score(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        """See `ScorePolicy.score`: (D - a) / sigma^2."""
        return (self.denoise(action, obs, sigma) - action) / expand(sigma) ** 2

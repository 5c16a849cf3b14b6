"""EnergyFlow with a preconditioned energy: the paper's conservative field in EDM's units (our parameterisation).

    E(a, s, sigma) = (1 - c_skip) / (2 sigma^2) |a|^2 - c_out / (sigma^2 c_in) f(c_in a, s, sigma)

so that -dE/da = (D - a) / sigma^2 with the denoiser D = c_skip a + c_out grad f(c_in a): exactly a gradient, while the
network sees inputs and targets of unit variance at every noise level. Where it is centred, the potential is

    f(x, s, sigma) = g(x, s, sigma) + <x, m(s, sigma)> - 1/2 sum_i k_i(s, sigma) x_i^2

with g any scalar network, m and k of observation and noise level alone (`networks/centred.py`). Decoded by `mean`,
D(0, s, sigma_max), one evaluation: E[a | s] as sigma_max grows.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from energyflow.config.sections import NetworkParams, TrainParams
from energyflow.networks.blocks import expand
from energyflow.networks.build import Potential, ScalarPotential, Spec
from energyflow.networks.centred import CentredPotential
from energyflow.policies import karras
from energyflow.policies.base import EnergyPolicy
from energyflow.policies.registry import Method


class EnergyFlowParams(karras.KarrasParams):
    """The numbers of a preconditioned field, and whether its potential is centred."""

    centred: bool = False  # [ours] no gain in trials on the hard tasks: DEVIATIONS.md


METHODS = {
    "energyflow": Method("EnergyFlow", EnergyFlowParams, "EnergyFlow", lr={"mlp": 2.0e-3, "unet": 1.0e-4}),
}


class EnergyFlow(karras.Preconditioned, EnergyPolicy):
    """Scalar energy, EDM-weighted denoising score matching, Karras sampler."""

    kind: ClassVar[type[EnergyFlowParams]] = EnergyFlowParams
    own: EnergyFlowParams

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build the potential f."""
        super().__init__(spec, params)
        self.own = self.kind(**params.method_params)
        scalar = self.scalar(spec, params.network)
        self.potential = CentredPotential(scalar, spec) if self.own.centred else scalar

    def scalar(self, spec: Spec, params: NetworkParams) -> Potential:
        """The potential g, or f itself where it is not centred."""
        return ScalarPotential(spec, params, self.own.activation, spectral=False)

    @property
    def network(self) -> Potential:
        """F = grad f."""
        return self.potential

    def energy(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        """See `EnergyPolicy.energy`; the scale grows like 1 / sigma^2."""
        c_skip, c_out, c_in = karras.coefficients(sigma)
        quadratic = (1.0 - c_skip) / (2.0 * sigma**2) * action.square().sum(dim=(1, 2))
        potential = self.potential(expand(c_in) * action, obs, karras.noise_feature(sigma))
        energy: Tensor = quadratic - c_out / (sigma**2 * c_in) * potential
        return energy

"""EBIL's energy (Liu et al. 2021): denoising of demonstrated pairs x = [s, a] at one noise level (DEEN). No policy.

    y = x + n,  n ~ N(0, sigma^2 I),    L = | x - y + sigma^2 grad_y E(y) |^2

is least where grad E = (y - E[x | y]) / sigma^2, that is, where E is minus the log-density of the noised pairs up to a
constant. The published energy ends in a sigmoid: E in (0, 1) tells at most one nat of it, so it is flat away from
the demonstrations.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from energyflow.config.section import Section
from energyflow.config.sections import Activation, TrainParams
from energyflow.networks.blocks import SMOOTH_ACTIVATIONS, gradient
from energyflow.networks.build import Spec, mlp_of
from energyflow.policies.base import Model
from energyflow.policies.layers import perceptron
from energyflow.policies.registry import Method


class EBILEnergyParams(Section):
    """Activation and noise level, in standard deviations of the demonstrations."""

    activation: Activation = "tanh"  # [code]
    sigma: float = Field(0.1, gt=0, le=1e4)  # [code] the largest of the three published levels


METHODS = {
    "ebil_energy": Method(
        "EBIL's energy",
        EBILEnergyParams,
        "EBILEnergy",
        lr={"mlp": 1.0e-3, "unet": 1.0e-4},
        transitions=(1, 1),
        role="reward model",
    ),
}


class EBILEnergy(Model):
    """Energy of one state and one action together, To = Tp = 1."""

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build the network."""
        super().__init__(spec, params)
        self.own = EBILEnergyParams(**params.method_params)
        activation = SMOOTH_ACTIVATIONS[self.own.activation]
        self.network = perceptron(spec.obs_dim + spec.action_dim, mlp_of(params.network).hidden, 1, activation)

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """|x - y + sigma^2 grad E(y)|^2 / sigma^2, mean over coordinates: the division only makes it of order one."""
        pair = torch.cat([obs[:, 0], action[:, 0]], dim=-1)
        noise = self.noise(pair, generator)
        slope = gradient(self.pair_energy, pair + self.own.sigma * noise, create_graph=True)
        return (self.own.sigma * slope - noise).square().mean()

    def energy(self, obs: Tensor, action: Tensor) -> Tensor:
        """Energy [B] of states [B, Do] and actions [B, Da], standardised units; lower is more expert-like."""
        return self.pair_energy(torch.cat([obs, action], dim=-1))

    def pair_energy(self, pair: Tensor) -> Tensor:
        """Energy [B] of pairs [B, Do + Da]."""
        return self.bound(self.network(pair).squeeze(-1))

    def bound(self, raw: Tensor) -> Tensor:
        """The published output: a sigmoid."""
        return raw.sigmoid()

"""Flow Policy: rectified flow from Gaussian noise to action chunks (Lipman et al. 2022; Liu et al. 2022).

Decoded by `mean`, one Euler step from zero noise: v(0, s, t = 0) = E[a_1 - a_0 | a_0 = 0, s] = E[a_1 | s], exactly.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from pydantic import Field
from torch import Tensor

from energyflow.config.section import Section
from energyflow.config.sections import Activation, TrainParams
from energyflow.networks.blocks import expand
from energyflow.networks.build import Spec, VectorField
from energyflow.networks.closed_form import Array
from energyflow.policies.base import TransportPolicy
from energyflow.policies.registry import Method


class FlowParams(Section):
    """Activation and Euler steps."""

    activation: Activation = "silu"
    nfe: int = Field(10, ge=1, le=10_000)  # [ours] Euler steps; the reference does not say


METHODS = {"flow_policy": Method("Flow Policy", FlowParams, "FlowPolicy", lr={"mlp": 4.0e-3, "unet": 1.0e-4})}


class FlowPolicy(TransportPolicy):
    """Velocity field of the straight paths a_t = (1 - t) noise + t data."""

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build the velocity field."""
        super().__init__(spec, params)
        self.own = FlowParams(**params.method_params)
        self.field = VectorField(spec, params.network, self.own.activation)

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """|| v(a_t, s, t) - (a_1 - a_0) ||^2 with t ~ U[0, 1]."""
        time = torch.rand(len(action), generator=generator, device=action.device)
        start, weight = self.noise(action, generator), expand(time)
        velocity = self.field((1.0 - weight) * start + weight * action, obs, time)
        loss: Tensor = (velocity - (action - start)).square().mean()
        return loss

    @property
    def network(self) -> VectorField:
        """The velocity."""
        return self.field

    def transport(self, vector: Callable[[Array, float], Array], draw: Callable[[], Array], nfe: int) -> Array:
        """Euler from t = 0 to 1."""
        action = draw()
        for index in range(nfe):
            action = action + vector(action, index / nfe) / nfe
        return action

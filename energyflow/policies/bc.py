"""Behaviour cloning: the mean of the demonstrated chunks, by least squares.

    L = || F(s) - a ||^2,  least where F(s) = E[a | s]

The network is that of the other methods: a vector field, asked for its vector at a chunk of zeros and time zero.
Nothing is drawn, so both decoders are F(s).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from energyflow.config.section import Section
from energyflow.config.sections import Activation, TrainParams
from energyflow.networks.build import Spec, VectorField
from energyflow.networks.closed_form import Array
from energyflow.policies.base import TransportPolicy
from energyflow.policies.registry import Method


class CloneParams(Section):
    """Activation."""

    activation: Activation = "silu"  # [ours] the same for every method compared


METHODS = {"bc": Method("Behaviour cloning", CloneParams, "BehaviourCloning", lr={"mlp": 2.0e-3, "unet": 1.0e-4})}


class BehaviourCloning(TransportPolicy):
    """A regression of the chunk on the observations."""

    one_pass = True
    deterministic = True

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build the field."""
        super().__init__(spec, params)
        self.own = CloneParams(**params.method_params)
        self.field = VectorField(spec, params.network, self.own.activation)

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error; see `Model.loss`."""
        return (self.mean(obs, generator, 1) - action).square().mean()

    @property
    def network(self) -> VectorField:
        """F, where its chunk and its time are zero."""
        return self.field

    def transport(self, vector: Callable[[Array, float], Array], draw: Callable[[], Array], nfe: int) -> Array:
        """The vector at zero, whatever is drawn."""
        return vector(0.0 * draw(), 0.0)

"""The ablation that isolates the conservative constraint: `energyflow` with a vector network.

Decoded by `mean`, D(0, s, sigma_max), one evaluation: E[a | s] as sigma_max grows.
"""

from __future__ import annotations

from torch import Tensor

from energyflow.config.sections import TrainParams
from energyflow.networks.blocks import expand
from energyflow.networks.build import Spec, VectorField
from energyflow.policies import karras
from energyflow.policies.base import ScorePolicy
from energyflow.policies.registry import Method

METHODS = {  # numbers as energyflow, but for the learning rate, which trials pick for each method
    "unconstrained": Method(
        "Unconstrained field", karras.KarrasParams, "Unconstrained", lr={"mlp": 4.0e-3, "unet": 1.0e-4}
    ),
}


class Unconstrained(karras.Preconditioned, ScorePolicy):
    """Vector field in place of the gradient of a potential; otherwise `energyflow`."""

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build the field F."""
        super().__init__(spec, params)
        self.own = karras.KarrasParams(**params.method_params)
        self.field = VectorField(spec, params.network, self.own.activation)

    @property
    def network(self) -> VectorField:
        """F; it is not the gradient of anything in general."""
        return self.field

    def score(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        """See `ScorePolicy.score`: (D - a) / sigma^2."""
        return (self.denoise(action, obs, sigma) - action) / expand(sigma) ** 2

"""The ablation that isolates the conservative constraint: `energyflow` with a vector network."""

from __future__ import annotations

from energyflow.config.sections import TrainParams
from energyflow.networks.build import Spec, VectorField
from energyflow.policies import karras
from energyflow.policies.registry import Method

METHODS = {  # as energyflow: only the conservative constraint differs
    "unconstrained": Method(
        "Unconstrained field", karras.KarrasParams, "Unconstrained", lr={"mlp": 2.0e-3, "unet": 1.0e-4}
    ),
}


class Unconstrained(karras.Preconditioned):
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

"""The one place that turns params into a network: a vector field or a scalar, on either trunk."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from energyflow.config.sections import MLPParams, NetworkParams
from energyflow.core.errors import UserError
from energyflow.networks import closed_form
from energyflow.networks.blocks import Rates, ScalarHead, value_and_gradient
from energyflow.networks.mlp import MLPTrunk
from energyflow.networks.unet import UNetTrunk

# hidden layers of a scalar head [code]; [ours] the MLP's own layers are as wide as the first of these, and stand for it
UNET_HEAD, MLP_HEAD = (256, 128), (128,)


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Spec:
    """Sizes read from the data and the horizons: Do, Da, To, Tp, and how many of Tp are executed.

    `obs_keys` are the observations that make up Do, in order.
    """

    obs_dim: int = Field(ge=1, le=100_000)
    action_dim: int = Field(ge=1, le=10_000)
    obs_horizon: int = Field(ge=1, le=1_000)
    pred_horizon: int = Field(ge=1, le=1_000)
    exec_horizon: int = Field(ge=1, le=1_000)
    obs_keys: tuple[str, ...] = Field(min_length=1, strict=False)  # JSON has lists

    @model_validator(mode="after")
    def _check(self) -> Spec:
        if self.exec_horizon > self.pred_horizon:
            raise ValueError(f"exec_horizon = {self.exec_horizon} exceeds pred_horizon = {self.pred_horizon}")
        return self


def mlp_of(params: NetworkParams) -> MLPParams:
    """The numbers of the MLP, for models that know no other network.

    Raises:
        UserError: the section holds none.
    """
    if params.mlp is None:
        raise UserError(f"network.mlp: missing, and needed (network.kind is '{params.kind}')")
    return params.mlp


def _trunk(spec: Spec, params: NetworkParams, activation: str, rates: Rates = "wide") -> MLPTrunk | UNetTrunk:
    cond_dim = spec.obs_horizon * spec.obs_dim
    if params.unet is not None and params.kind == "unet":
        return UNetTrunk(spec.action_dim, cond_dim, params.unet, activation, rates)
    return MLPTrunk(spec.pred_horizon * spec.action_dim, cond_dim, mlp_of(params), activation)


class VectorField(nn.Module):
    """(chunk [B, Tp, Da], obs [B, To, Do], time [B]) -> field [B, Tp, Da], unconstrained."""

    def __init__(self, spec: Spec, params: NetworkParams, activation: str) -> None:
        """Trunk and a linear output, per step (U-Net) or for the whole chunk (MLP)."""
        super().__init__()
        self.trunk = _trunk(spec, params, activation)
        per_step = isinstance(self.trunk, UNetTrunk)
        self.out = nn.Linear(self.trunk.width, spec.action_dim * (1 if per_step else spec.pred_horizon))

    def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """See the class."""
        field: Tensor = self.out(self.trunk(chunk, obs, time))
        return field.reshape(chunk.shape)


class Potential(nn.Module, ABC):
    """(chunk [B, Tp, Da], obs [B, To, Do], time [B]) -> one number [B], with its slope in the chunk."""

    @abstractmethod
    def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """See the class."""

    def value_and_slope(self, chunk: Tensor, obs: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """The number [B], and its gradient [B, Tp, Da] with respect to the chunk.

        Where gradients are enabled, a loss of both can be differentiated once more.
        """
        return value_and_gradient(lambda x: self(x, obs, time), chunk, create_graph=torch.is_grad_enabled())

    def slope(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """The gradient alone."""
        return self.value_and_slope(chunk, obs, time)[1]


class ScalarPotential(Potential):
    """On either trunk: one number of its features."""

    def __init__(
        self, spec: Spec, params: NetworkParams, activation: str, *, spectral: bool, rates: Rates = "wide"
    ) -> None:
        """Trunk, mean over the chunk (U-Net), scalar head; `rates` are those of the U-Net's features of time."""
        super().__init__()
        self.trunk = _trunk(spec, params, activation, rates)
        hidden = UNET_HEAD if isinstance(self.trunk, UNetTrunk) else MLP_HEAD
        self.head = ScalarHead(self.trunk.width, hidden, activation, spectral=spectral)

    def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """See the class."""
        features = self.trunk(chunk, obs, time)
        if features.dim() == 3:
            features = features.mean(dim=1)
        potential: Tensor = self.head(features)
        return potential

    def value_and_slope(self, chunk: Tensor, obs: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """See `Potential`; in closed form on the plain MLP."""
        layers = self.perceptron()
        if layers is None:
            return super().value_and_slope(chunk, obs, time)
        assert isinstance(self.trunk, MLPTrunk)
        inputs = self.trunk.inputs(chunk, obs, time)
        value, slope = closed_form.value_and_slope(layers, self.head.last, inputs, chunk[0].numel())
        return value, slope.reshape(chunk.shape)

    def perceptron(self) -> closed_form.Perceptron | None:
        """The hidden layers of trunk and head, or None where they are more than linear layers and activations."""
        if not isinstance(self.trunk, MLPTrunk):
            return None
        return closed_form.perceptron_of([*self.trunk.layers, *list(self.head.layers)[:-1]])

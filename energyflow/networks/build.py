"""The one place that turns params into a network: a vector field or a scalar, on either trunk."""

from __future__ import annotations

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from energyflow.config.sections import MLPParams, NetworkParams
from energyflow.core.errors import UserError
from energyflow.networks.blocks import ScalarHead
from energyflow.networks.mlp import MLPTrunk
from energyflow.networks.unet import UNetTrunk


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


def _trunk(spec: Spec, params: NetworkParams, activation: str) -> MLPTrunk | UNetTrunk:
    cond_dim = spec.obs_horizon * spec.obs_dim
    if params.unet is not None and params.kind == "unet":
        return UNetTrunk(spec.action_dim, cond_dim, params.unet, activation)
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


class ScalarPotential(nn.Module):
    """(chunk [B, Tp, Da], obs [B, To, Do], time [B]) -> one number [B]."""

    def __init__(self, spec: Spec, params: NetworkParams, activation: str, *, spectral: bool) -> None:
        """Trunk, mean over the chunk (U-Net), scalar head."""
        super().__init__()
        self.trunk = _trunk(spec, params, activation)
        self.head = ScalarHead(self.trunk.width, activation, spectral=spectral)

    def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """See the class."""
        features = self.trunk(chunk, obs, time)
        if features.dim() == 3:
            features = features.mean(dim=1)
        potential: Tensor = self.head(features)
        return potential

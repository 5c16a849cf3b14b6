"""What every trained model shares, and every policy: units, windows, and what trainer and rollouts call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from energyflow.config.sections import TrainParams
from energyflow.networks.build import Potential, Spec, VectorField
from energyflow.networks.closed_form import Array
from energyflow.networks.normalizer import Normalizer


def default_device() -> torch.device:
    """The GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Model(nn.Module, ABC):
    """What the trainer trains on windows of demonstrations, and a checkpoint holds."""

    sequences: ClassVar[bool] = False  # trained on an observation beside each action; see `make_windows`

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Hold the sizes, the parameters and the statistics; subclasses build their network."""
        super().__init__()
        self.spec, self.params = spec, params
        self.normalizer = Normalizer(spec.obs_dim, spec.action_dim)

    @abstractmethod
    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """Training loss of a batch.

        Args:
            obs: [B, To, Do], standardised units.
            action: [B, Tp, Da], standardised units.
            generator: draws noise and times.

        Returns:
            Scalar, differentiable.
        """

    def after_step(self) -> None:
        """Follow an optimiser step: for target networks."""

    def noise(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """Standard normal of the shape and device of `like`."""
        return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)


class Policy(Model):
    """A conditional generative model of action chunks.

    time      t-1    t    t+1   ...  t+7   ...  t+15
    obs        o      o                                   To = 2
    action            a     a   ...   a    ...    a       Tp = 16 predicted
    executed          x     x   ...   x                   exec_horizon = 8, then re-plan
    """

    @abstractmethod
    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """Draw chunks: obs [B, To, Do] -> [B, Tp, Da], both standardised; `nfe` network evaluations."""

    @property
    def nfe(self) -> int:
        """Network evaluations per sampled chunk, unless a caller asks for another number."""
        return int(self.params.method_params["nfe"])

    def prior(self, obs: Tensor, generator: torch.Generator) -> Tensor:
        """Standard normal chunks [B, Tp, Da] for a batch of observations."""
        shape = (len(obs), self.spec.pred_horizon, self.spec.action_dim)
        return self.noise(obs.new_empty(shape), generator)

    def act(
        self, obs: Tensor, generator: torch.Generator, nfe: int | None = None, elapsed: Tensor | None = None
    ) -> Tensor:
        """Plan.

        Args:
            obs: [B, To, Do], environment units.
            generator: draws the initial noise.
            nfe: network evaluations; the method's own number by default.
            elapsed: [B] steps since the episode began, at least To - 1 by default; only recurrent policies read it.

        Returns:
            [B, Tp, Da], environment units, inside the action box [-1, 1].
        """
        with torch.no_grad():
            chunk = self.sample(self.normalizer.standardize_obs(obs), generator, nfe or self.nfe)
            return self.normalizer.unstandardize_action(chunk).clamp(-1.0, 1.0)


class TransportPolicy(Policy):
    """A policy that carries noise to a chunk along the vectors of one network.

    The network is a vector field, or a potential whose slope is followed. `transport` is written in operations that
    PyTorch's tensors and NumPy's arrays share, so that `policies/plan.py` runs it on either.
    """

    @property
    @abstractmethod
    def network(self) -> VectorField | Potential:
        """The network."""

    @abstractmethod
    def transport(self, vector: Callable[[Array, float], Array], draw: Callable[[], Array], nfe: int) -> Array:
        """Carry noise to chunks [B, Tp, Da], standardised, in `nfe` evaluations.

        Args:
            vector: the network's, of chunks [B, Tp, Da] at one time, for the observations at hand.
            draw: standard normal chunks [B, Tp, Da].
            nfe: evaluations.
        """

    def vector(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """Vectors [B, Tp, Da] of the network at chunks, observations and times [B]."""
        network = self.network
        found: Tensor = (network.slope if isinstance(network, Potential) else network)(chunk, obs, time)
        return found

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """See `Policy.sample`."""

        def vector(chunk: Tensor, time: float) -> Tensor:
            return self.vector(chunk, obs, chunk.new_full((len(chunk),), time))

        found: Tensor = self.transport(vector, lambda: self.prior(obs, generator), nfe)
        return found


class EnergyPolicy(Policy):
    """A policy whose score is minus the action-gradient of a scalar energy."""

    @abstractmethod
    def energy(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        """Energy of chunks at a noise level.

        Args:
            action: [B, Tp, Da], standardised units.
            obs: [B, To, Do], standardised units.
            sigma: [B] noise standard deviation, standardised units.

        Returns:
            [B]; lower is more expert-like; defined up to a constant c(obs, sigma).
        """

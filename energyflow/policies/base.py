"""What every trained model shares, and every policy: units, windows, and what trainer and rollouts call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from energyflow.config.sections import DECODERS, Decoder, TrainParams
from energyflow.core.errors import UserError, nearest
from energyflow.core.seeding import torch_generator
from energyflow.networks.blocks import gradient
from energyflow.networks.build import Potential, Spec, VectorField
from energyflow.networks.closed_form import Array
from energyflow.networks.normalizer import Normalizer
from energyflow.policies.interface import Observation, as_batch, like


def default_device() -> torch.device:
    """The GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Model(nn.Module, ABC):
    """What the trainer trains on windows of demonstrations, and a checkpoint holds."""

    sequences: ClassVar[bool] = False  # trained on an observation beside each action; see `make_windows`
    transitions: ClassVar[bool] = False  # learns what an action leads to: trained on what was executed

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

    A plan is made by one of two decoders: `sample`, a draw of the model, or `mean`, its mean or what is nearest to one.

    Attributes:
        one_pass: a plan is one evaluation of the network, whatever a caller asks for.
        deterministic: nothing is drawn, so that both decoders are the same function of the observations.
    """

    one_pass: ClassVar[bool] = False
    deterministic: ClassVar[bool] = False
    _generator: torch.Generator | None = None

    @abstractmethod
    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """Draw chunks: obs [B, To, Do] -> [B, Tp, Da], both standardised; `nfe` network evaluations."""

    @abstractmethod
    def mean(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """Mean chunks, in the same form, or the nearest thing that the method has; its file says which."""

    @property
    def nfe(self) -> int:
        """Network evaluations per sampled chunk, unless a caller asks for another number."""
        return 1 if self.one_pass else int(self.params.method_params["nfe"])

    def evaluations(self, decoder: Decoder, nfe: int) -> int:
        """Network evaluations that a plan really takes, at most, where a caller asks for `nfe`."""
        return 1 if self.one_pass else nfe

    def zero(self, obs: Tensor) -> Tensor:
        """Chunks [B, Tp, Da] of zeros for a batch of observations: the mean of the prior."""
        return obs.new_zeros((len(obs), self.spec.pred_horizon, self.spec.action_dim))

    def prior(self, obs: Tensor, generator: torch.Generator) -> Tensor:
        """Standard normal chunks [B, Tp, Da] for a batch of observations."""
        return self.noise(self.zero(obs), generator)

    def act(
        self,
        obs: Observation,
        generator: torch.Generator | None = None,
        nfe: int | None = None,
        elapsed: Tensor | None = None,
        decoder: Decoder = "sample",
    ) -> Any:
        """Plan.

        Args:
            obs: [To, Do] or [B, To, Do], environment units: torch or NumPy, or such arrays by observation key.
            generator: draws the initial noise, on the policy's device; by default one of the policy's own.
            nfe: network evaluations; the method's own number by default.
            elapsed: [B] steps since the episode began, at least To - 1 by default; only recurrent policies read it.
            decoder: `sample`: a draw; `mean`: the mean, or the nearest thing that the method has.

        Returns:
            [Tp, Da] or [B, Tp, Da], the same kind of array, environment units: inside the range of the demonstrations
            where that is not the box [-1, 1], else inside the box.

        Raises:
            UserError: a key is missing, a size is wrong, a value is no finite number, or there is no such decoder.
        """
        if decoder not in DECODERS:
            raise UserError(f"unknown decoder '{decoder}'; {nearest(decoder, DECODERS)}")
        if nfe is not None and nfe < 1:
            raise UserError(f"nfe is {nfe}: a plan takes at least one network evaluation")
        weights = next(self.parameters())
        frames, batched = as_batch(obs, self.spec)
        with torch.no_grad():
            states = self.normalizer.standardize_obs(frames.to(weights.device)).to(weights.dtype)
            noise = generator or self._own_generator(weights.device)
            chunk = self.plan(states, noise, nfe or self.nfe, elapsed, decoder)
            chunk = self.normalizer.from_box(chunk)
        return like(chunk if batched else chunk[0], obs)

    def plan(
        self, obs: Tensor, generator: torch.Generator, nfe: int, elapsed: Tensor | None, decoder: Decoder
    ) -> Tensor:
        """Chunks [B, Tp, Da] in the box, for standardised observations [B, To, Do]; see `act`."""
        decode = self.sample if decoder == "sample" else self.mean
        return self.normalizer.unstandardize_action(decode(obs, generator, nfe))

    def _own_generator(self, device: torch.device) -> torch.Generator:
        """The generator of a caller who brings none: equal from run to run, other noise at each plan."""
        if self._generator is None or self._generator.device.type != device.type:
            self._generator = torch_generator(0, "acting", device)
        return self._generator


class TransportPolicy(Policy):
    """A policy that carries noise to a chunk along the vectors of one network.

    The network is a vector field, or a potential whose slope is followed. `transport` and `mean_transport` are written
    in operations that PyTorch's tensors and NumPy's arrays share, so that `policies/plan.py` runs them on either.
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

    def mean_transport(self, vector: Callable[[Array, float], Array], zero: Array, nfe: int) -> Array:
        """The mean chunks [B, Tp, Da], standardised; by default where one evaluation leads from zero noise.

        Args:
            vector: as of `transport`.
            zero: chunks [B, Tp, Da] of zeros.
            nfe: evaluations that a draw takes.
        """
        return self.transport(vector, lambda: zero, 1)

    def evaluations(self, decoder: Decoder, nfe: int) -> int:
        """See `Policy.evaluations`."""
        return 1 if decoder == "mean" else super().evaluations(decoder, nfe)

    def vector(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """Vectors [B, Tp, Da] of the network at chunks, observations and times [B]."""
        network = self.network
        found: Tensor = (network.slope if isinstance(network, Potential) else network)(chunk, obs, time)
        return found

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """See `Policy.sample`."""
        found: Tensor = self.transport(self._vectors(obs), lambda: self.prior(obs, generator), nfe)
        return found

    def mean(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """See `Policy.mean`; draws nothing."""
        found: Tensor = self.mean_transport(self._vectors(obs), self.zero(obs), nfe)
        return found

    def _vectors(self, obs: Tensor) -> Callable[[Tensor, float], Tensor]:
        """The vectors at observations [B, To, Do], of chunks and one time."""
        return lambda chunk, time: self.vector(chunk, obs, chunk.new_full((len(chunk),), time))


class ScorePolicy(Policy):
    """A policy that follows the score of the noised chunks."""

    @abstractmethod
    def score(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        """The field that chunks follow at a noise level; differentiable again where they require a gradient.

        Args:
            action: [B, Tp, Da], standardised units.
            obs: [B, To, Do], standardised units.
            sigma: [B] noise standard deviation, standardised units.

        Returns:
            [B, Tp, Da].
        """


class EnergyPolicy(ScorePolicy):
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

    def score(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        """See `ScorePolicy.score`: -dE/da."""
        return -gradient(lambda a: self.energy(a, obs, sigma), action, create_graph=action.requires_grad)

"""A trained policy as a function of NumPy arrays, as fast as the machine allows one plan at a time.

One evaluation is eight products of a small matrix and a vector; what surrounds each of them in PyTorch costs more than
the product. A policy on an MLP is therefore frozen into NumPy: its sampler (`transport`) and its network
(`networks/closed_form.py`) are the code that training runs, on arrays, and what does not change during a plan, the
share of the observations and of the times in the first layer, is computed once. Any other policy plans as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from energyflow.networks.build import Potential, ScalarPotential, VectorField
from energyflow.networks.centred import CentredPotential
from energyflow.networks.closed_form import Array, Perceptron, climb, descend, perceptron_of
from energyflow.networks.mlp import MLPTrunk
from energyflow.policies.base import Policy, TransportPolicy

Floats = NDArray[np.float32]
Numbers = NDArray[Any]  # single or double precision
# Observations [B, To, Do] and steps [B] since the episode began -> chunks [B, Tp, Da]; all in environment units.
Plan = Callable[[Numbers, NDArray[np.int64] | None], Numbers]


def _array(tensor: Tensor) -> Any:
    return tensor.detach().numpy().copy()


class FrozenNetwork:
    """The vectors of an MLP at fixed weights: `at(obs)` is a function of the chunk and of one time."""

    def __init__(self, trunk: MLPTrunk, layers: Perceptron, last: Tensor, offset: Tensor | None) -> None:
        """Split the first layer into what reads chunk, observations and time.

        Args:
            trunk: where the features of a time come from.
            layers: the hidden ones.
            last: weight of the output [out, width].
            offset: bias of a field's output [out]; None for a potential, whose slope is the vector.
        """
        self.time, self.phi = trunk.time, layers.phi
        (first, *weights), (bias, *biases) = layers.weights, layers.biases
        chunk = trunk.chunk_dim
        self.reads_chunk, self.reads_obs, self.reads_time = (
            _array(part.contiguous())
            for part in first.split([chunk, first.shape[1] - chunk - trunk.time_dim, trunk.time_dim], dim=1)
        )
        self.bias = _array(bias)
        self.weights, self.biases = [_array(weight) for weight in weights], [_array(bias) for bias in biases]
        self.last, self.offset = _array(last), None if offset is None else _array(offset)
        self.times: dict[float, Floats] = {}

    def at(self, obs: Floats) -> Callable[[Array, float], Array]:
        """The vectors at observations [B, To, Do], standardised."""
        seen = self.seen(obs)

        def vector(chunk: Floats, time: float) -> Floats:
            return self.outputs(chunk.reshape(len(chunk), -1), seen + self.share_of(time)).reshape(chunk.shape)

        return vector

    def seen(self, obs: Floats) -> Floats:
        """What observations [B, To, Do] add to the first layer [B, out]."""
        found: Floats = obs.reshape(len(obs), -1) @ self.reads_obs.T + self.bias
        return found

    def outputs(self, flat: Floats, rest: Floats) -> Floats:
        """The slope [B, chunk], or a field's outputs [B, out], at flattened chunks [B, chunk].

        `rest` [B, out] is what everything but the chunk adds to the first layer.
        """
        layers = Perceptron([self.reads_chunk, *self.weights], [rest, *self.biases], self.phi)
        if self.offset is None:
            firsts = [first for _, first in climb(layers, flat, order=1)]
            found, _, _ = descend(layers, self.last, firsts, flat.shape[1])
        else:
            found = climb(layers, flat, order=0)[-1][0] @ self.last.T + self.offset
        return np.asarray(found)

    def share_of(self, time: float) -> Floats:
        """What the features of a time add to the first layer [out]; a sampler asks for the same few times."""
        if time not in self.times:
            self.times[time] = self.reads_time @ _array(self.time(torch.tensor([time])))[0]
        return self.times[time]


class FrozenCentred:
    """The slope of a centred potential, g + <x, m> - 1/2 <k x, x>.

    m and k read no chunk, so those of all times of a plan are one pass.
    """

    def __init__(self, curved: FrozenNetwork, centre: FrozenNetwork, times: Sequence[float]) -> None:
        """Of the slope of g, of the network that gives m and k, and of the times that plans ask for."""
        self.curved, self.centre, self.times = curved, centre, times

    def at(self, obs: Floats) -> Callable[[Array, float], Array]:
        """See `FrozenNetwork.at`."""
        slope, seen = self.curved.at(obs), self.centre.seen(obs)
        known = self._centres(seen, self.times)

        def vector(chunk: Floats, time: float) -> Floats:
            if time not in known:
                known.update(self._centres(seen, [time]))
            tilt, bend = known[time]
            found: Floats = slope(chunk, time) + tilt.reshape(chunk.shape) - bend.reshape(chunk.shape) * chunk
            return found

        return vector

    def _centres(self, seen: Floats, times: Sequence[float]) -> dict[float, tuple[Floats, Floats]]:
        """M and k [B, chunk] of each time, from what the observations add to the first layer [B, out]."""
        if not times:
            return {}
        rest = np.concatenate([seen + self.centre.share_of(time) for time in times])
        found = self.centre.outputs(np.empty((len(rest), 0), np.float32), rest)
        parts = found.reshape(len(times), len(seen), 2, -1).swapaxes(1, 2)
        return {time: (tilt, bend) for time, (tilt, bend) in zip(times, parts, strict=True)}


def times_of(policy: TransportPolicy, nfe: int) -> list[float]:
    """At which times a plan evaluates the network: whatever the vectors are, a sampler asks for the same ones."""
    asked: list[float] = []

    def vector(chunk: Floats, time: float) -> Floats:
        asked.append(time)
        return chunk

    policy.transport(vector, lambda: np.zeros((1, policy.spec.pred_horizon, policy.spec.action_dim), np.float32), nfe)
    return list(dict.fromkeys(asked))


def freeze(network: VectorField | Potential, times: Sequence[float] = ()) -> FrozenNetwork | FrozenCentred | None:
    """The network in NumPy, or None: it is no plain MLP, or not on a CPU in float32.

    Args:
        network: of a policy.
        times: at which it will be evaluated; others are possible, and slower.
    """
    tensor = next(network.parameters())
    if tensor.device.type != "cpu" or tensor.dtype != torch.float32:
        return None
    if isinstance(network, CentredPotential):
        curved, hidden = freeze(network.curved), perceptron_of(list(network.trunk.layers))
        if not isinstance(curved, FrozenNetwork) or hidden is None:
            return None
        centre = FrozenNetwork(network.trunk, hidden, network.out.weight, network.out.bias)
        return FrozenCentred(curved, centre, times)
    if isinstance(network, ScalarPotential):
        layers, last, offset = network.perceptron(), network.head.last, None
    elif isinstance(network, VectorField) and isinstance(network.trunk, MLPTrunk):
        layers, last, offset = perceptron_of(list(network.trunk.layers)), network.out.weight, network.out.bias
    else:
        return None
    if layers is None:
        return None
    assert isinstance(network.trunk, MLPTrunk)
    return FrozenNetwork(network.trunk, layers, last, offset)


def fast_plan(policy: Policy, generator: torch.Generator, nfe: int | None = None) -> Plan:
    """What `policy.act` plans with the same generator, to float rounding, at the weights that it has now.

    Args:
        policy: for inference, on any device.
        generator: draws the initial noise.
        nfe: network evaluations; the method's own number by default.
    """
    nfe = nfe or policy.nfe
    frozen = freeze(policy.network, times_of(policy, nfe)) if isinstance(policy, TransportPolicy) else None
    if frozen is None:
        return _eager(policy, generator, nfe)
    assert isinstance(policy, TransportPolicy)
    statistics = policy.normalizer
    obs_mean, obs_std = _array(statistics.obs_mean), _array(statistics.obs_std)
    action_mean, action_std = _array(statistics.action_mean), _array(statistics.action_std)
    low, high = _array(statistics.action_low), _array(statistics.action_high)
    shape = (policy.spec.pred_horizon, policy.spec.action_dim)

    def plan(obs: Numbers, elapsed: NDArray[np.int64] | None = None) -> Numbers:
        def draw() -> Floats:
            noise: Floats = torch.randn((len(obs), *shape), generator=generator).numpy()
            return noise

        # statistics, and so these two steps, are in double precision, as in the normaliser
        vector = frozen.at(((obs - obs_mean) / obs_std).astype(np.float32))
        chunk: Floats = policy.transport(vector, draw, nfe)
        boxed = (chunk * action_std + action_mean).astype(np.float32).astype(np.float64).clip(-1.0, 1.0)
        action: Numbers = ((low + high) / 2 + (high - low) / 2 * boxed).clip(low, high)
        return action

    return plan


def _eager(policy: Policy, generator: torch.Generator, nfe: int) -> Plan:
    device = next(policy.parameters()).device

    def plan(obs: Numbers, elapsed: NDArray[np.int64] | None = None) -> Numbers:
        steps = None if elapsed is None else torch.as_tensor(elapsed, device=device)
        found: Numbers = policy.act(obs, generator, nfe, steps)
        return found

    return plan

"""Critics of offline data: in-support softmax Q-learning (QGPO, QIPO), and expectile regression (IQL) beside it.

    softmax:    y = r + gamma (1 - terminal) sum_j softmax_j(alpha Q'(s', a'_j)) Q'(s', a'_j),   a'_j ~ mu(. | s')
    expectile:  L_V = |tau - 1{Q' < V}| (Q'(s, a) - V(s))^2,   y = r + gamma (1 - terminal) V(s')

Q' is the smaller of two target networks, which follow the learned ones at a rate tau. Neither critic is ever asked for
an action that the data do not support. Time-outs bootstrap; terminals do not.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from energyflow.core.seeding import torch_generator
from energyflow.offline.actors import Actor, support_of
from energyflow.offline.methods.sections import CriticParams
from energyflow.offline.stage import Stage
from energyflow.offline.transitions import Transitions

TWINS = 2


class Perceptrons(nn.Module):
    """N perceptrons with ReLU side by side, to one number each: [B, in] -> [N, B]."""

    def __init__(self, copies: int, inputs: int, hidden: Sequence[int], seed: int, purpose: str) -> None:
        """Draw weights and biases as torch's linear layers do: uniform within 1 / sqrt(inputs)."""
        super().__init__()
        generator = torch_generator(seed, f"initial weights {purpose}")
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for low, high in itertools.pairwise([inputs, *hidden, 1]):
            for kept, shape in ((self.weights, (copies, low, high)), (self.biases, (copies, 1, high))):
                kept.append(nn.Parameter((2.0 * torch.rand(shape, generator=generator) - 1.0) / math.sqrt(low)))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        h = x.expand(self.weights[0].shape[0], *x.shape)
        last = len(self.weights) - 1
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias, h, weight)
            h = h.relu() if number < last else h
        return h.squeeze(-1)


class Critic(nn.Module):
    """Twin Q, and V where the kind learns one; standardised states [B, Do] and actions [B, Da]."""

    def __init__(self, obs_dim: int, action_dim: int, hidden: Sequence[int], seed: int, *, value: bool) -> None:
        """Draw the first weights.

        Args:
            obs_dim: Do.
            action_dim: Da.
            hidden: widths of each network.
            seed: of the weights.
            value: whether there is a V.
        """
        super().__init__()
        self.twins = Perceptrons(TWINS, obs_dim + action_dim, hidden, seed, "critic")
        self.state_value = Perceptrons(1, obs_dim, hidden, seed, "value") if value else None

    def both(self, obs: Tensor, action: Tensor) -> Tensor:
        """[2, B]."""
        out: Tensor = self.twins(torch.cat([obs, action], dim=-1))
        return out

    def q(self, obs: Tensor, action: Tensor) -> Tensor:
        """The smaller of the two: [B]."""
        return self.both(obs, action).amin(dim=0)

    def q_of_support(self, obs: Tensor, support: Tensor) -> Tensor:
        """Q [S, M] of M actions [S, M, Da] in each of some states [S, Do]."""
        count = support.shape[1]
        return self.q(obs.repeat_interleave(count, dim=0), support.flatten(0, 1)).view(-1, count)

    def v(self, obs: Tensor) -> Tensor:
        """V [B]."""
        assert self.state_value is not None
        out: Tensor = self.state_value(obs)
        return out[0]


def softmax_value(q: Tensor, alpha: float) -> Tensor:
    """sum_j softmax_j(alpha Q_j) Q_j: [B] from [B, M]."""
    return (torch.softmax(alpha * q, dim=-1) * q).sum(dim=-1)


def expectile_loss(difference: Tensor, expectile: float) -> Tensor:
    """|expectile - 1{u < 0}| u^2 [B] of u [B]: least, in the mean, where the value is that expectile (IQL, eq. 4)."""
    weight = torch.where(difference < 0, 1.0 - expectile, expectile)
    return weight * difference.square()


class CriticStage(Stage):
    """What both critics share; the target network is the running average of the weights."""

    def __init__(self, critic: Critic, data: Transitions, params: CriticParams, seed: int) -> None:
        """Take the networks."""
        super().__init__("critic", critic, data, params, seed)
        self.params = params

    def backup(self, rows: Tensor, value: Tensor) -> Tensor:
        """Y [B] of some transitions, from the values [B] of their next states."""
        going_on = 1.0 - self.data.terminal[rows]  # a time-out goes on: it says nothing of the state
        return self.data.reward[rows] + self.params.gamma * going_on * value

    def q_loss(self, network: Critic, rows: Tensor, value: Tensor) -> Tensor:
        """Mean squared errors of the twins, summed."""
        q = network.both(self.data.obs(rows), self.data.action[rows])
        return (q - self.backup(rows, value)).square().sum(dim=0).mean()


class SoftmaxCritic(CriticStage):
    """In-support softmax Q-learning."""

    def __init__(self, critic: Critic, data: Transitions, params: CriticParams, seed: int, behaviour: Actor) -> None:
        """Draw M actions of the behaviour policy for every observation, once: they stay."""
        super().__init__(critic, data, params, seed)
        support = support_of(behaviour, data.states, params.support, self.generator("support"))
        self.support = data.clip(support)

    def loss(self, network: Critic, generator: torch.Generator) -> Tensor:
        """See the module."""
        rows = self.rows(generator)
        with torch.no_grad():
            q = self.fit.average.q_of_support(self.data.next_obs(rows), self.support[self.data.here[rows] + 1])
            value = softmax_value(q, self.params.alpha)
        return self.q_loss(network, rows, value)


class ExpectileCritic(CriticStage):
    """Implicit Q-learning's (Kostrikov et al. 2022)."""

    def loss(self, network: Critic, generator: torch.Generator) -> Tensor:
        """L_V + L_Q; V is learned from the target Q, and Q from V itself, as in the paper."""
        rows = self.rows(generator)
        obs, action = self.data.obs(rows), self.data.action[rows]
        with torch.no_grad():
            target = self.fit.average.q(obs, action)
            following = network.v(self.data.next_obs(rows))
        spread = expectile_loss(target - network.v(obs), self.params.expectile).mean()
        return spread + self.q_loss(network, rows, following)

"""Implicit Q-learning (Kostrikov et al. 2022): the expectile critic, and advantage-weighted regression of a Gaussian.

L = -E[min(exp(beta (Q(s, a) - V(s))), clip) log pi(a | s)],    pi(. | s) = N(m(s), diag(std^2))
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from energyflow.offline.actors import Actor, Clip
from energyflow.offline.critic import Critic
from energyflow.offline.learner import Learner, Parts
from energyflow.offline.methods.registry import OfflineMethod
from energyflow.offline.network import Field
from energyflow.offline.stage import Stage
from energyflow.offline.transitions import Transitions

METHODS = {"iql": OfflineMethod("IQL (AWR)", "IQL", None, "expectile")}
LOG_STD = (-5.0, 2.0)  # bounds, as in the authors' code


class Gaussian(nn.Module):
    """A mean from the field that all methods have, at zero action and time; one std for all states, as in IQL."""

    def __init__(self, field: Field, action_dim: int) -> None:
        """Start with a std of 1."""
        super().__init__()
        self.field, self.log_std = field, nn.Parameter(torch.zeros(action_dim))

    def mean(self, states: Tensor) -> Tensor:
        """M [B, Da]."""
        zero = states.new_zeros(len(states), len(self.log_std))
        out: Tensor = self.field(zero, zero.new_zeros(len(states)), states)
        return out

    def log_density(self, states: Tensor, action: Tensor) -> Tensor:
        """Log pi [B], up to a constant."""
        log_std = self.log_std.clamp(*LOG_STD)
        error = (action - self.mean(states)) / log_std.exp()
        return -(0.5 * error.square() + log_std).sum(dim=-1)


class RegressionStage(Stage):
    """Advantage-weighted regression on the data."""

    def __init__(self, learner: IQL, data: Transitions, critic: Critic) -> None:
        """Weigh the data once: the critic is frozen."""
        params = learner.params.improvement
        super().__init__("policy", learner.policy(), data, params, learner.seed)
        rows = torch.arange(len(data))
        with torch.no_grad():
            advantage = critic.q(data.obs(rows), data.action) - critic.v(data.obs(rows))
        self.weight = (params.beta * advantage).exp().clamp(max=params.clip)

    def loss(self, network: Gaussian, generator: torch.Generator) -> Tensor:
        """See the module."""
        rows = self.rows(generator)
        return -(self.weight[rows] * network.log_density(self.data.obs(rows), self.data.action[rows])).mean()


class IQL(Learner):
    """Critic and policy; no behaviour model."""

    def policy(self) -> nn.Module:
        """The Gaussian."""
        return Gaussian(self.field("policy"), self.sizes.action_dim)

    def improvement(self, data: Transitions, parts: Parts) -> Stage:
        """See `RegressionStage`."""
        critic = parts["critic"]
        assert isinstance(critic, Critic)
        return RegressionStage(self, data, critic)

    def actor(self, parts: Parts, clip: Clip) -> Actor:
        """The mean, as in IQL's evaluation; draws nothing."""
        policy = parts["policy"]
        assert isinstance(policy, Gaussian)
        return lambda states, _: policy.mean(states)

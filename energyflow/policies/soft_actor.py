"""The actor that soft actor-critic trains in the simulator (agents/online.py), as a policy that plans one step.

    a = tanh(u),  u ~ N(mean(s), std(s)^2)

Decoded by `sample`, a draw; by `mean`, tanh(mean), as agents are evaluated: not E[a], for tanh is no line.
What the trainer of demonstrations can do with it is behaviour cloning, from which some of the methods start.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from energyflow.config.section import Section
from energyflow.config.sections import TrainParams, Widths
from energyflow.networks.build import Spec
from energyflow.policies import squashed
from energyflow.policies.base import Policy
from energyflow.policies.layers import perceptron

LOG_STD = (-5.0, 2.0)  # range of what cloning learns: an action that never varies would have an infinite density


class SoftActorParams(Section):
    """Widths of the hidden layers."""

    hidden: Widths


class SoftActor(Policy):
    """Squashed Gaussian on standardised observations, To = Tp = 1, with the layers of the agent's actor."""

    Params = SoftActorParams
    one_pass = True

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build body and heads."""
        super().__init__(spec, params)
        *first, last = SoftActorParams(**params.method_params).hidden
        self.body = nn.Sequential(*perceptron(spec.obs_dim, first, last, nn.ReLU), nn.ReLU())
        self.means = nn.Linear(last, spec.action_dim)
        self.log_std = nn.Linear(last, spec.action_dim)

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """Behaviour cloning: minus the log-density of the demonstrated action, mean over its coordinates."""
        hidden = self.body(obs[:, -1])
        taken = self.normalizer.unstandardize_action(action[:, 0])
        density = squashed.log_density(self.means(hidden), self.log_std(hidden).clamp(*LOG_STD), taken)
        return -density.mean() / self.spec.action_dim

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """What the agent draws in the observation, [B, 1, Da]."""
        hidden = self.body(obs[:, -1])
        mean, log_std = self.means(hidden), self.log_std(hidden).clamp(*squashed.LOG_STD)
        action, _ = squashed.sample(mean, log_std, self.noise(mean, generator))
        return self.normalizer.standardize_action(action)[:, None]

    def mean(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """The squashed mean in the observation, [B, 1, Da]; draws nothing."""
        return self.normalizer.standardize_action(self.means(self.body(obs[:, -1])).tanh())[:, None]

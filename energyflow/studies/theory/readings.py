"""A trained model beside the exact density of what it was trained on, at one noise level, in standardised units.

Score matching at noise sigma sees the demonstrated actions plus sigma * eps, eps ~ N(0, I), in standardised units; so
the exact counterpart of E(a, s, sigma) is minus the log density of those noised actions. Units change an energy by a
constant alone; distances and scores are in standard deviations of the demonstrated actions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from energyflow.networks.blocks import gradient
from energyflow.policies.base import EnergyPolicy, ScorePolicy
from energyflow.studies.theory.experts.base import Expert, normal

ROWS = 4096  # of a forward pass: what fits a cache; the result does not depend on it


@dataclass(frozen=True)
class Reading:
    """Energy and score of a model, or of the expert itself, as functions of actions [N, Da] and states [N, Do].

    `model` is double precision; actions are standardised, states are in environment units.
    """

    model: ScorePolicy
    expert: Expert
    sigma: float

    def environment(self, actions: Tensor) -> Tensor:
        """Standardised actions in environment units."""
        normalizer = self.model.normalizer
        return actions * normalizer.action_std + normalizer.action_mean

    def standardised(self, actions: Tensor) -> Tensor:
        """Actions in environment units, standardised."""
        return self.model.normalizer.standardize_action(actions)

    @property
    def noise(self) -> Tensor:
        """The noise level in environment units, [Da]."""
        return self.sigma * self.model.normalizer.action_std

    def _energy(self, actions: Tensor, states: Tensor) -> Tensor:
        assert isinstance(self.model, EnergyPolicy)
        obs = self.model.normalizer.standardize_obs(states)[:, None]
        return self.model.energy(actions[:, None], obs, actions.new_full((len(actions),), self.sigma))

    @torch.no_grad()
    def energy(self, actions: Tensor, states: Tensor) -> Tensor:
        """E(a, s, sigma) [N]."""
        pieces = zip(torch.split(actions, ROWS), torch.split(states, ROWS), strict=True)
        return torch.cat([self._energy(a, s) for a, s in pieces])

    def score(self, actions: Tensor, states: Tensor) -> Tensor:
        """The field that actions follow [N, Da]."""
        pieces = zip(torch.split(actions.detach(), ROWS), torch.split(states, ROWS), strict=True)
        return torch.cat([self.differentiable_score(a, s) for a, s in pieces])

    def differentiable_score(self, actions: Tensor, states: Tensor) -> Tensor:
        """The same field with a graph to the actions, for its Jacobian."""
        obs = self.model.normalizer.standardize_obs(states)[:, None]
        return self.model.score(actions[:, None], obs, actions.new_full((len(actions),), self.sigma))[:, 0]

    def exact_energy(self, actions: Tensor, states: Tensor) -> Tensor:
        """Minus the log density of the noised demonstrations [N], up to a constant of the units."""
        return -self.expert.log_prob(self.environment(actions), states, self.noise)

    def exact_score(self, actions: Tensor, states: Tensor) -> Tensor:
        """Its gradient [N, Da]."""
        return -gradient(lambda a: self.exact_energy(a, states), actions, create_graph=False)


@dataclass(frozen=True)
class Probe:
    """Actions [S * A, Da] (standardised) in states [S * A, Do], A to a state: rows of one state are consecutive."""

    actions: Tensor
    states: Tensor
    per_state: int

    def table(self, values: Tensor) -> NDArray[np.float64]:
        """[S * A] -> [S, A]."""
        return values.detach().reshape(-1, self.per_state).numpy().astype(np.float64)


def support(reading: Reading, states: Tensor, per_state: int, generator: torch.Generator) -> Probe:
    """Actions as score matching sees them at this noise level: demonstrated ones plus sigma * eps."""
    rows = states.repeat_interleave(per_state, dim=0)
    actions = reading.standardised(reading.expert.sample(rows, generator))
    return Probe(actions + reading.sigma * normal(tuple(actions.shape), generator), rows, per_state)


def spread(reading: Reading, states: Tensor, per_state: int, generator: torch.Generator) -> Probe:
    """Actions that a learner tries: the first half of each state's the expert's, the rest from N(0, I), in the box."""
    rows = states.repeat_interleave(per_state, dim=0)
    expert = reading.expert.sample(rows, generator)
    anywhere = reading.expert.clip(reading.environment(normal(tuple(expert.shape), generator)))
    first = (torch.arange(len(rows)) % per_state < per_state // 2)[:, None]
    return Probe(reading.standardised(torch.where(first, expert, anywhere)), rows, per_state)

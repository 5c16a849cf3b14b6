"""Best of M: draw from the behaviour model, and do what the critic likes most (as SfBC and IDQL do)."""

from __future__ import annotations

import torch
from torch import Tensor

from energyflow.offline.actors import Actor, Clip, support_of
from energyflow.offline.critic import Critic
from energyflow.offline.learner import Learner, Parts
from energyflow.offline.methods.registry import OfflineMethod

METHODS = {"best_of": OfflineMethod("Best of M by Q", "BestOf", "ot", "softmax")}


class BestOf(Learner):
    """Nothing is trained after the critic."""

    keeps = ("behaviour", "critic")
    improves = False

    def actor(self, parts: Parts, clip: Clip) -> Actor:
        """The best of `acting.candidates` draws."""
        mu, critic = self.behaviour(parts), parts["critic"]
        assert isinstance(critic, Critic)

        def best(states: Tensor, generator: torch.Generator) -> Tensor:
            drawn = clip(support_of(mu, states, self.params.acting.candidates, generator))
            first = critic.q_of_support(states, drawn).argmax(dim=1)
            return drawn[torch.arange(len(states)), first]

        return best

"""GAIL (Ho and Ermon 2016), off-policy: D = sigmoid(f(s, a)), reward log D = -softplus(-f).

Of the rewards in use, log D and -log(1 - D), the sign is an incentive where episodes can end: a positive one pays for
staying alive, a negative one for an early end. Here every episode has the same length (`shape.on_success: continue`),
so there is neither. log D is chosen because it is what the published numbers were tuned with, because it is not flat
where the discriminator is sure that the agent is not the expert, and because with `terminate` its bias is towards
success. About -10 to 0 nats with logits clamped at 10, before the unit.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from energyflow.rewards.adversarial import Adversary, AdversarySettings, statistics
from energyflow.rewards.base import Ingredients, LogDensity, RewardSource, Transitions
from energyflow.rewards.demonstrations import demonstration_transitions
from energyflow.rewards.registry import Source

SOURCES = {
    "gail": Source("GAIL", "log D of a discriminator of (s, a) that learns beside the agent", AdversarySettings),
}


class GAIL(Adversary):
    """The logit is the score f(s, a) itself; at its best the log-ratio of the two densities of (s, a)."""

    def widths(self, obs_dim: int, action_dim: int) -> dict[str, int]:
        """One network."""
        return {"f": obs_dim + action_dim}

    def inputs(self, batch: Transitions) -> Tensor:
        """[s, a]."""
        obs, action = batch.obs[:, -1], batch.action[:, -1]
        return torch.cat([self.normalizer.standardize_obs(obs), self.normalizer.standardize_action(action)], dim=-1)

    def score(self, inputs: Tensor) -> Tensor:
        """f(s, a)."""
        score: Tensor = self.networks["f"](inputs)
        return score.squeeze(-1)

    def logits(self, batch: Transitions, score: Tensor, log_density: LogDensity) -> Tensor:
        """The score; the agent's density is not read."""
        return score

    def reward_of(self, score: Tensor) -> Tensor:
        """Log D."""
        return -F.softplus(-score.clamp(-self.own.clip, self.own.clip))


def make(given: Ingredients) -> RewardSource:
    """Build the discriminator on the demonstrations."""
    assert given.demos is not None
    expert = demonstration_transitions(given.demos.episodes)
    return GAIL(AdversarySettings(**given.params.source_params), expert, statistics(given.demos), given.seed)

"""AIRL (Fu et al. 2018), off-policy: D = exp(f) / (exp(f) + pi(a | s)) with f = g(s, a) + gamma h(s') - h(s).

The logit is f - log pi(a | s), with the log-density of the *present* actor, also for transitions that earlier ones
lived through. The reward is f, clamped as the logits are: the other choice, f - log pi, would pay for entropy, and soft
actor-critic pays for it already. At its best f is the expert's log-density, its soft advantage. Unscaled.
"""

from __future__ import annotations

import torch
from torch import Tensor

from energyflow.demos.windows import Normalizer
from energyflow.rewards.adversarial import Adversary, statistics
from energyflow.rewards.base import Ingredients, LogDensity, RewardSource, Transitions
from energyflow.rewards.demonstrations import demonstration_transitions
from energyflow.rewards.settings import AIRLSettings


class AIRL(Adversary):
    """Reward term g and shaping term h; `state_only` hides the action from g."""

    def __init__(
        self, own: AIRLSettings, expert: Transitions, normalizer: Normalizer, seed: int, *, discount: float
    ) -> None:
        """`discount` is the agent's gamma; the others as in `Adversary`."""
        self.state_only, self.discount = own.state_only, discount
        self.sizes = [expert.obs.shape[-1], expert.action.shape[-1], expert.obs.shape[-1]]
        super().__init__(own, expert, normalizer, seed)

    def widths(self, obs_dim: int, action_dim: int) -> dict[str, int]:
        """G and h."""
        return {"g": obs_dim if self.state_only else obs_dim + action_dim, "h": obs_dim}

    def inputs(self, batch: Transitions) -> Tensor:
        """[s, a, s']."""
        states = [self.normalizer.standardize_obs(obs) for obs in (batch.obs[:, -1], batch.next_obs)]
        return torch.cat([states[0], self.normalizer.standardize_action(batch.action[:, -1]), states[1]], dim=-1)

    def score(self, inputs: Tensor) -> Tensor:
        """f(s, a, s')."""
        obs, _, next_obs = torch.split(inputs, self.sizes, dim=-1)
        shaping = self.discount * self.networks["h"](next_obs) - self.networks["h"](obs)
        score: Tensor = self.term(inputs) + shaping.squeeze(-1)
        return score

    def term(self, inputs: Tensor) -> Tensor:
        """G [B], the reward without its shaping."""
        obs, action, _ = torch.split(inputs, self.sizes, dim=-1)
        term: Tensor = self.networks["g"](obs if self.state_only else torch.cat([obs, action], dim=-1))
        return term.squeeze(-1)

    def logits(self, batch: Transitions, score: Tensor, log_density: LogDensity) -> Tensor:
        """F - log pi(a | s)."""
        return score - log_density(batch.obs[:, -1], batch.action[:, -1])

    def reward_of(self, score: Tensor) -> Tensor:
        """F."""
        return score.clamp(-self.own.clip, self.own.clip)


def make(given: Ingredients) -> RewardSource:
    """Build the discriminator on the demonstrations; gamma is the agent's."""
    assert given.demos is not None
    own, expert = AIRLSettings(**given.params.source_params), demonstration_transitions(given.demos.episodes)
    return AIRL(own, expert, statistics(given.demos), given.seed, discount=given.params.gamma)

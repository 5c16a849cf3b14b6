"""AIRL (Fu et al. 2018), off-policy: D = exp(f) / (exp(f) + mu(a | s)) with f = g(s, a) + gamma h(s') - h(s).

mu is the density of the actions that the discriminator is shown as the agent's. Published, that is the policy; here it
is the replay, which began with random actions: mu = w / 2^Da + (1 - w) pi(a | s), with the *present* actor for all that
came later, and w the share that the random actions have in the replay by now. The logit is f - log mu. With pi alone, a
demonstrated action that the actor would never take has a log-density of minus hundreds, is told apart without f, and f,
which nothing holds up any more, falls to its bound.

The reward is f, clamped as the logits are: the other choice, f - log pi, would pay for entropy, and soft actor-critic
pays for it already. At its best f is the expert's log-density, its soft advantage. Where success ends the episode,
nothing follows, and h(s') is 0.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor

from energyflow.networks.normalizer import Normalizer
from energyflow.rewards.adversarial import Adversary, AdversarySettings, statistics
from energyflow.rewards.base import Ingredients, LogDensity, Replay, RewardSource, Transitions
from energyflow.rewards.demonstrations import demonstration_transitions
from energyflow.rewards.registry import Source
from energyflow.rewards.sources import ends_at_success


class AIRLSettings(AdversarySettings):
    """As of GAIL, and whether the reward term g sees the state alone."""

    gradient_penalty: float = Field(2.0, ge=0, le=1e6)  # [code] 1 to 2
    state_only: bool = False  # [ours] g(s) carries over to other dynamics, which is not needed here


SOURCES = {
    "airl": Source("AIRL", "f = g(s, a) + gamma h(s') - h(s) of a discriminator with logit f - log pi", AIRLSettings),
}


class AIRL(Adversary):
    """Reward term g and shaping term h; `state_only` hides the action from g."""

    def __init__(
        self,
        own: AIRLSettings,
        expert: Transitions,
        normalizer: Normalizer,
        seed: int,
        *,
        discount: float,
        random_steps: int = 0,
        ends: bool = False,
    ) -> None:
        """As `Adversary`.

        Args:
            own: every number.
            expert: the demonstrated transitions.
            normalizer: their statistics.
            seed: of the networks and of every batch.
            discount: gamma of the agent.
            random_steps: actions of the agent, first of all in the replay.
            ends: whether success ends the episode.
        """
        self.state_only, self.discount, self.ends = own.state_only, discount, ends
        self.random_steps, self.random_share = random_steps, 0.0
        self.sizes = [expert.obs.shape[-1], expert.action.shape[-1], expert.obs.shape[-1], *([1] if ends else [])]
        super().__init__(own, expert, normalizer, seed)

    def widths(self, obs_dim: int, action_dim: int) -> dict[str, int]:
        """G and h."""
        return {"g": obs_dim if self.state_only else obs_dim + action_dim, "h": obs_dim}

    def update(self, replay: Replay, log_density: LogDensity) -> None:
        """One step of the discriminator, on a replay that has grown."""
        self.random_share = min(1.0, self.random_steps / replay.size())
        super().update(replay, log_density)

    def inputs(self, batch: Transitions) -> Tensor:
        """[s, a, s'], and where success can end the episode, whether it did."""
        states = [self.normalizer.standardize_obs(obs) for obs in (batch.obs[:, -1], batch.next_obs)]
        parts = [states[0], self.normalizer.standardize_action(batch.action[:, -1]), states[1]]
        return torch.cat([*parts, *([batch.success.float()[:, None]] if self.ends else [])], dim=-1)

    def score(self, inputs: Tensor) -> Tensor:
        """f(s, a, s')."""
        obs, _, next_obs, *ended = torch.split(inputs, self.sizes, dim=-1)
        follows = 1.0 - ended[0].detach() if ended else 1.0  # a flag is no direction that f has a slope in
        shaping = self.discount * follows * self.networks["h"](next_obs) - self.networks["h"](obs)
        score: Tensor = self.term(inputs) + shaping.squeeze(-1)
        return score

    def term(self, inputs: Tensor) -> Tensor:
        """G [B], the reward without its shaping."""
        obs, action, *_ = torch.split(inputs, self.sizes, dim=-1)
        term: Tensor = self.networks["g"](obs if self.state_only else torch.cat([obs, action], dim=-1))
        return term.squeeze(-1)

    def logits(self, batch: Transitions, score: Tensor, log_density: LogDensity) -> Tensor:
        """F - log mu(a | s)."""
        action, share = batch.action[:, -1], torch.tensor(self.random_share)
        uniform = share.log() - action.shape[-1] * math.log(2.0)
        return score - torch.logaddexp(uniform, (1.0 - share).log() + log_density(batch.obs[:, -1], action))

    def reward_of(self, score: Tensor) -> Tensor:
        """F."""
        return score.clamp(-self.own.clip, self.own.clip)


def make(given: Ingredients) -> RewardSource:
    """Build the discriminator on the demonstrations; gamma and the random first steps are the agent's."""
    assert given.demos is not None
    own, expert = AIRLSettings(**given.params.source_params), demonstration_transitions(given.demos.episodes)
    return AIRL(
        own,
        expert,
        statistics(given.demos),
        given.seed,
        discount=given.params.gamma,
        random_steps=math.ceil(given.params.learning_starts / given.params.action_repeat),
        ends=ends_at_success(given.name, given.params),
    )

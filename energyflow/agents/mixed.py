"""Demonstrations in the replay: a fixed share of every batch, rewarded by the same source as what the agent did."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from energyflow.agents.relabel import RelabelBuffer
from energyflow.datasets.format import Demonstration
from energyflow.rewards.base import RewardSource


class MixedBuffer(RelabelBuffer):
    """What the agent lived through, which is all that a source sees of it, and beside it the demonstrations.

    A batch holds first the agent's own transitions, then the demonstrated ones.
    """

    def __init__(self, *given: Any, demonstrations: RelabelBuffer, share: float, **options: Any) -> None:
        """As `RelabelBuffer`; `share` of each batch, rounded, is drawn from `demonstrations`."""
        super().__init__(*given, **options)
        self.demonstrations, self.share = demonstrations, share

    def demonstrated(self, batch_size: int) -> int:
        """How many transitions of a batch are demonstrated: its last ones."""
        return round(self.share * batch_size)

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> ReplayBufferSamples:
        """Draw uniformly from both."""
        count = self.demonstrated(batch_size)
        own, shown = super().sample(batch_size - count, env), self.demonstrations.sample(count, env)
        pairs = zip(own[:5], shown[:5], strict=True)  # all but the discounts of n-step returns
        return ReplayBufferSamples(*[torch.cat(pair) for pair in pairs])


def demonstration_buffer(
    episodes: list[Demonstration],
    source: RewardSource,
    observations: spaces.Space[Any],
    actions: spaces.Space[Any],
    *,
    terminate: bool,
) -> RelabelBuffer:
    """Every step of the demonstrations whose next observation is known: all but the last one of each.

    Args:
        episodes: the demonstrations.
        source: of the reward.
        observations: space of the environment.
        actions: likewise.
        terminate: whether success ends an episode; what was demonstrated after it is then left out.
    """
    lengths = [_length(episode, terminate=terminate) for episode in episodes]
    buffer = RelabelBuffer(sum(lengths), observations, actions, source=source)
    for episode, length in zip(episodes, lengths, strict=True):
        for step in range(length):
            ends = terminate and bool(episode.success[step])
            last = step == length - 1
            buffer.add(
                episode.obs[step][None].astype(np.float32),
                episode.obs[step + 1][None].astype(np.float32),
                episode.actions[step][None].astype(np.float32),
                episode.rewards[step][None],
                np.array([last]),
                [{"success": bool(episode.success[step]), "TimeLimit.truncated": last and not ends}],
            )
    return buffer


def _length(episode: Demonstration, *, terminate: bool) -> int:
    known = len(episode.actions) - 1
    if terminate and episode.success[:known].any():
        return int(episode.success[:known].argmax()) + 1
    return known

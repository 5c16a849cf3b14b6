"""Demonstrations in the replay: a fixed share of every batch, rewarded by the same source as what the agent did."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch

from energyflow.agents.relabel import Batch, RelabelBuffer, Sampler
from energyflow.datasets.format import Demonstration
from energyflow.rewards.base import RewardSource


def demonstrated_rows(count: int, share: float) -> int:
    """How many transitions of a batch are demonstrated: its last ones."""
    return round(share * count)


@dataclass(frozen=True)
class MixedSampler:
    """Batches that hold first the agent's own transitions, then the demonstrated ones."""

    own: Sampler
    shown: Sampler
    share: float

    def sample(self, count: int, rng: np.random.Generator) -> Batch:
        """See `Sampler.sample`."""
        shown = demonstrated_rows(count, self.share)
        pair = self.own.sample(count - shown, rng), self.shown.sample(shown, rng)
        return Batch(*(torch.cat([getattr(batch, field.name) for batch in pair]) for field in fields(Batch)))


def demonstration_buffer(
    episodes: list[Demonstration],
    source: RewardSource,
    *,
    gamma: float,
    n_step: int,
    terminate: bool,
    unit: float = 1.0,
) -> RelabelBuffer:
    """Every step of the demonstrations whose next observation is known: all but the last one of each.

    Args:
        episodes: the demonstrations.
        source: of the reward.
        gamma: discount of a step.
        n_step: length of returns.
        terminate: whether success ends an episode; what was demonstrated after it is then left out.
        unit: what rewards of batches are multiplied by.
    """
    lengths = [_length(episode, terminate=terminate) for episode in episodes]
    dims = episodes[0].obs.shape[1], episodes[0].actions.shape[1]
    buffer = RelabelBuffer(sum(lengths), *dims, source, gamma=gamma, n_step=n_step, unit=unit)
    for episode, length in zip(episodes, lengths, strict=True):
        for step in range(length):
            success = bool(episode.success[step])
            buffer.add(
                episode.obs[step],
                episode.executed[step],
                episode.obs[step + 1],
                success=success,
                env_reward=float(episode.rewards[step]),
                terminal=terminate and success,
                truncated=step == length - 1,
            )
    return buffer


def _length(episode: Demonstration, *, terminate: bool) -> int:
    known = len(episode.actions) - 1
    if terminate and episode.success[:known].any():
        return int(episode.success[:known].argmax()) + 1
    return known

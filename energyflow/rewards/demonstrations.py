"""What sources take from the demonstrations: windows to measure a scale on, and transitions to compare with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from energyflow.core.seeding import generator
from energyflow.datasets.format import Demonstration
from energyflow.rewards.base import Transitions
from energyflow.rewards.windows import Index, window_indices

SCALE_WINDOWS = 2048  # demonstration windows that a scale is measured on


def demonstration_windows(
    episodes: Sequence[Demonstration], window: tuple[int, int], seed: int
) -> tuple[Tensor, Tensor]:
    """Draw windows of demonstrations, cut exactly as the relabelling buffer cuts its own episodes.

    Args:
        episodes: the demonstrations.
        window: To and Tp.
        seed: of the draw.

    Returns:
        obs [N, To, Do] and action [N, Tp, Da], environment units; N is at most `SCALE_WINDOWS`.
    """
    obs, actions = [], []
    for episode in episodes:
        steps = np.arange(len(episode.actions))
        rows, columns = window_indices(steps, np.zeros_like(steps), *window)
        obs.append(episode.obs[rows])
        actions.append(episode.actions[columns])
    all_obs, all_actions = np.concatenate(obs), np.concatenate(actions)
    chosen = _chosen(len(all_obs), seed)
    return torch.as_tensor(all_obs[chosen]).float(), torch.as_tensor(all_actions[chosen]).float()


def demonstration_transitions(episodes: Sequence[Demonstration], seed: int | None = None) -> Transitions:
    """Every step of the demonstrations whose next observation is known: all but the last one of each.

    Args:
        episodes: the demonstrations.
        seed: of a draw of `SCALE_WINDOWS` of them; None: all.

    Returns:
        Windows of one step, To = Tp = 1, in the order of the file.
    """

    def joined(parts: list[NDArray[np.float64]]) -> Tensor:
        return torch.as_tensor(np.concatenate(parts)).float()

    every = Transitions(
        obs=joined([e.obs[:-1] for e in episodes])[:, None],
        action=joined([e.executed[:-1] for e in episodes])[:, None],
        next_obs=joined([e.obs[1:] for e in episodes]),
        success=joined([e.success[:-1] for e in episodes]),
        env_reward=joined([e.rewards[:-1] for e in episodes]),
    )
    return every if seed is None else every[torch.from_numpy(_chosen(len(every), seed))]


def _chosen(count: int, seed: int) -> Index:
    size = min(count, SCALE_WINDOWS)
    chosen: Index = np.sort(generator(seed, "reward scale").choice(count, size=size, replace=False))
    return chosen

"""Replay buffer that stores what happened and computes what it was worth when a batch is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from energyflow.rewards.base import RewardSource, Transitions
from energyflow.rewards.windows import Index, window_indices

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Record:
    """Consecutive transitions of any number of episodes: obs [N, Do], action [N, Da], next_obs [N, Do], others [N]."""

    obs: Floats
    action: Floats
    next_obs: Floats
    success: Floats
    env_reward: Floats

    def transitions(self, window: tuple[int, int], rows: Index, start: Index) -> Transitions:
        """Some of them, with windows that stay inside their episodes.

        Args:
            window: (To, Tp).
            rows: [B], the transitions that are asked for.
            start: [B], first row of their episodes.
        """
        obs_rows, action_rows = window_indices(rows, start, *window)
        return Transitions(
            obs=torch.as_tensor(self.obs[obs_rows]),
            action=torch.as_tensor(self.action[action_rows]),
            next_obs=torch.as_tensor(self.next_obs[rows]),
            success=torch.as_tensor(self.success[rows]),
            env_reward=torch.as_tensor(self.env_reward[rows]),
        )

    def rewards(self, source: RewardSource, rows: Index, start: Index) -> Floats:
        """Reward [B] of some of them; arguments as in `transitions`."""
        return np.asarray(source.reward(self.transitions(source.window, rows, start)), dtype=np.float32)


class RelabelBuffer(ReplayBuffer):
    """Stable-Baselines3's replay buffer of one environment, with rewards from a `RewardSource`.

    `rewards` keeps the simulator's reward, `success` its flag. What the critic sees is computed at sampling:
    anew for every batch if the source changes (`frozen` false); else when the first batch asks for a
    transition, which gives the same numbers and evaluates each transition once. `dones` of a batch are
    terminations alone: truncated steps bootstrap from their true next observation.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: torch.device | str = "cpu",
        n_envs: int = 1,
        *,
        source: RewardSource,
        **options: Any,
    ) -> None:
        """Allocate the buffer; it must hold the whole run (windows reach back to the start of an episode).

        Raises:
            ValueError: more than one environment, or an action box other than [-1, 1], to which
                Stable-Baselines3 would scale what it stores, while the reward reads environment units.
        """
        if n_envs != 1:
            raise ValueError(f"RelabelBuffer records one environment, got n_envs = {n_envs}")
        if not isinstance(action_space, spaces.Box) or (action_space.low != -1).any() or (action_space.high != 1).any():
            raise ValueError(f"RelabelBuffer needs actions in [-1, 1], got {action_space}")
        super().__init__(buffer_size, observation_space, action_space, device, n_envs, **options)
        self.source = source
        self.success: Floats = np.zeros(self.buffer_size, dtype=np.float32)
        self.start: Index = np.zeros(self.buffer_size, dtype=np.int64)
        self.learned: Floats = np.zeros(self.buffer_size, dtype=np.float32)
        self.known = 0  # rows [0, known) of `learned` are filled in
        self.finished: list[tuple[int, int]] = []  # (first, last + 1) of episodes that nobody has collected yet

    def add(
        self,
        obs: NDArray[Any],
        next_obs: NDArray[Any],
        action: NDArray[Any],
        reward: NDArray[Any],
        done: NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        """Store one transition; `infos[0]["success"]` is its flag.

        Raises:
            ValueError: the buffer is full.
        """
        if self.full:
            raise ValueError(f"RelabelBuffer of {self.buffer_size} transitions is full; size it for the whole run")
        row = self.pos
        fresh = row == 0 or self.dones[row - 1, 0] > 0
        self.start[row] = row if fresh else self.start[row - 1]
        self.success[row] = float(infos[0]["success"])
        super().add(obs, next_obs, action, reward, done, infos)
        if done[0]:
            self.finished.append((int(self.start[row]), row + 1))

    def rewards_of(self, rows: Index) -> Floats:
        """Reward [B] of stored transitions under the source."""
        if not self.source.frozen:
            return self._compute(rows)
        if len(rows) and rows.max() >= self.known:
            stop = self.size()
            self.learned[self.known : stop] = self._compute(np.arange(self.known, stop))
            self.known = stop
        return self.learned[rows]

    def transitions(self, rows: Index) -> Transitions:
        """Stored transitions, with windows as the source reads them."""
        return self._record.transitions(self.source.window, rows, self.start[rows])

    @property
    def _record(self) -> Record:
        return Record(
            obs=self.observations[:, 0],
            action=self.actions[:, 0],
            next_obs=self.next_observations[:, 0],
            success=self.success,
            env_reward=self.rewards[:, 0],
        )

    def _compute(self, rows: Index) -> Floats:
        return self._record.rewards(self.source, rows, self.start[rows])

    def _get_samples(self, batch_inds: Index, env: VecNormalize | None = None) -> ReplayBufferSamples:
        ended = self.dones[batch_inds] * (1.0 - self.timeouts[batch_inds])
        arrays = (
            self.observations[batch_inds, 0],
            self.actions[batch_inds, 0],
            self.next_observations[batch_inds, 0],
            ended,
            self.rewards_of(batch_inds)[:, None],
        )
        return ReplayBufferSamples(*(self.to_torch(array, copy=False) for array in arrays))

"""Replay buffer that stores what happened and computes what it was worth when a batch is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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


@dataclass(frozen=True)
class Batch:
    """What the agent learns from: obs [B, Do], action [B, Da], next_obs [B, Do], environment units; others [B].

    With n-step returns, `next_obs` lies m <= n steps after `obs`, `reward` is the sum of gamma^k r_k over these, and
    `discount` is gamma^m; 0 if the last of them was terminal.
    """

    obs: Tensor
    action: Tensor
    next_obs: Tensor
    reward: Tensor
    discount: Tensor

    def __len__(self) -> int:
        """B."""
        return len(self.obs)


class Sampler(Protocol):
    """Whatever batches come from."""

    def sample(self, count: int, rng: np.random.Generator) -> Batch:
        """Draw `count` transitions, uniformly and with replacement."""
        ...


class RelabelBuffer:
    """Transitions of one environment in the order in which they happened, with rewards from a `RewardSource`.

    Rewards are computed at sampling: anew for every batch if the source changes (`frozen` false); else when the first
    batch asks for a transition, which gives the same numbers and evaluates each transition once. Truncated episodes
    bootstrap from their true next observation.

    Attributes:
        record: what happened; rows from `size()` on are empty.
        discount: [N], gamma; 0 where a step ended its episode for good.
        start: [N], first row of a step's episode.
        ends: whether the last step ended its episode, in either way.
    """

    def __init__(
        self,
        capacity: int,
        obs_dim: int,
        action_dim: int,
        source: RewardSource,
        *,
        gamma: float,
        n_step: int = 1,
        unit: float = 1.0,
    ) -> None:
        """Allocate the buffer.

        Args:
            capacity: of the whole run: windows reach back to the start of an episode.
            obs_dim: Do.
            action_dim: Da.
            source: of the reward.
            gamma: discount of a step.
            n_step: length of returns.
            unit: what rewards of batches are multiplied by.
        """
        self.source, self.gamma, self.unit = source, gamma, unit
        self.powers = (gamma ** np.arange(n_step)).astype(np.float32)
        self.table: Floats = np.zeros((capacity, 2 * obs_dim + action_dim), dtype=np.float32)  # a step in one place
        taken = obs_dim + action_dim
        self.columns = slice(0, obs_dim), slice(obs_dim, taken), slice(taken, None)
        flags = (np.zeros(capacity, dtype=np.float32) for _ in range(2))
        self.record = Record(*(self.table[:, columns] for columns in self.columns), *flags)
        self.discount: Floats = np.zeros(capacity, dtype=np.float32)
        self.start: Index = np.zeros(capacity, dtype=np.int64)
        self.learned: Floats = np.zeros(capacity, dtype=np.float32)
        self.known = 0  # rows [0, known) of `learned` are filled in
        self.ends = True
        self._size = 0

    def size(self) -> int:
        """Number of transitions."""
        return self._size

    def add(
        self,
        obs: Floats,
        action: Floats,
        next_obs: Floats,
        *,
        success: bool,
        env_reward: float,
        terminal: bool,
        truncated: bool,
    ) -> None:
        """Store one transition.

        Raises:
            ValueError: the buffer is full.
        """
        row, kept = self._size, self.record
        if row == len(kept.obs):
            raise ValueError(f"RelabelBuffer of {row} transitions is full; size it for the whole run")
        kept.obs[row], kept.action[row], kept.next_obs[row] = obs, action, next_obs
        kept.success[row], kept.env_reward[row] = success, env_reward
        self.discount[row] = 0.0 if terminal else self.gamma
        self.start[row] = row if self.ends else self.start[row - 1]
        self.ends = terminal or truncated
        self._size += 1

    def rewards_of(self, rows: Index) -> Floats:
        """Reward [B] of stored transitions under the source."""
        if not self.source.frozen:
            return self._compute(rows)
        if len(rows) and rows.max() >= self.known:
            self.learned[self.known : self._size] = self._compute(np.arange(self.known, self._size))
            self.known = self._size
        return self.learned[rows]

    def transitions(self, rows: Index) -> Transitions:
        """Stored transitions, with windows as the source reads them."""
        return self.record.transitions(self.source.window, rows, self.start[rows])

    def _compute(self, rows: Index) -> Floats:
        return self.record.rewards(self.source, rows, self.start[rows])

    def sample(self, count: int, rng: np.random.Generator) -> Batch:
        """See `Sampler.sample`."""
        return self.batch(rng.integers(self._size, size=count))

    def batch(self, rows: Index) -> Batch:
        """Some transitions and what follows them."""
        drawn = self.table.take(rows, axis=0)
        obs, action, next_obs = (drawn[:, columns] for columns in self.columns)
        if len(self.powers) == 1:
            reward, discount = self.rewards_of(rows), self.discount[rows]
        else:
            last, reward = self._returns(rows)
            next_obs = self.record.next_obs[last]
            discount = self.discount[last] * self.powers[last - rows]
        return Batch(*map(torch.from_numpy, (obs, action, next_obs, self.unit * reward, discount)))

    def _returns(self, rows: Index) -> tuple[Index, Floats]:
        """Last rows [B] of n-step returns, which end with their episodes, and the returns [B]."""
        ahead = np.arange(len(self.powers))
        steps = np.minimum(rows[:, None] + ahead, self._size - 1)  # [B, n]
        counted = self.start[steps] == self.start[rows][:, None]
        counted &= steps - rows[:, None] == ahead  # not the newest row over and over
        rewards = self.rewards_of(steps.ravel()).reshape(steps.shape)
        return rows + counted.sum(axis=1) - 1, (rewards * counted) @ self.powers

    def state(self) -> dict[str, Tensor]:
        """The filled part of everything that is stored; the tensors are the buffer's own."""
        arrays = {**vars(self.record), "discount": self.discount, "start": self.start, "learned": self.learned}
        counts = {"known": torch.tensor(self.known), "ends": torch.tensor(self.ends)}
        return {name: torch.from_numpy(array[: self._size]) for name, array in arrays.items()} | counts

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Continue where `state` was taken."""
        self._size, self.known, self.ends = len(tensors["obs"]), int(tensors["known"]), bool(tensors["ends"])
        for name, own in self.state().items():
            own.copy_(tensors[name])

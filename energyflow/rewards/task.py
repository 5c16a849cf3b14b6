"""Rewards that the simulator itself gives: the success flag, and its dense reward (the oracle)."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

DENSE_SCALE = 10.0  # Meta-World's dense reward lies in [0, 10]


class RewardSource(Protocol):
    """A reward, computed from transitions when a batch is sampled.

    Attributes:
        window: (To, Tp), how many observations and actions one reward reads.
        frozen: whether the reward of a transition never changes, so that a buffer may compute it only once.
    """

    window: tuple[int, int]
    frozen: bool

    def reward(self, obs: Tensor, action: Tensor, success: Tensor, env_reward: Tensor) -> Tensor:
        """Reward of transitions, more is better.

        Args:
            obs: [B, To, Do], environment units.
            action: [B, Tp, Da], environment units; the last one is the action that the reward is credited to.
            success: [B], 1 where the step reached the goal.
            env_reward: [B], the simulator's dense reward.

        Returns:
            [B], float32.
        """
        ...


class Sparse:
    """1 at a step that reaches the goal, else 0. Unscaled."""

    window = (1, 1)
    frozen = True

    def reward(self, obs: Tensor, action: Tensor, success: Tensor, env_reward: Tensor) -> Tensor:
        """See `RewardSource.reward`."""
        return success.float()


class Dense:
    """The simulator's dense reward divided by 10, so in [0, 1]: the oracle."""

    window = (1, 1)
    frozen = True

    def reward(self, obs: Tensor, action: Tensor, success: Tensor, env_reward: Tensor) -> Tensor:
        """See `RewardSource.reward`."""
        return env_reward.float() / DENSE_SCALE

"""Rewards that the simulator itself gives: the success flag, and its dense reward (the oracle)."""

from __future__ import annotations

from torch import Tensor

from energyflow.rewards.base import Ingredients, RewardSource, Transitions

DENSE_SCALE = 10.0  # Meta-World's dense reward lies in [0, 10]


class Sparse:
    """1 at a step that reaches the goal, else 0. Unscaled."""

    window = (1, 1)
    frozen = True

    def __init__(self) -> None:
        self.measured: dict[str, float] = {}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return batch.success.float()


class Dense:
    """The simulator's dense reward divided by 10, so in [0, 1]: the oracle."""

    window = (1, 1)
    frozen = True

    def __init__(self) -> None:
        self.measured: dict[str, float] = {}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return batch.env_reward.float() / DENSE_SCALE


def make(given: Ingredients) -> RewardSource:
    """`sparse` or `dense`."""
    return Sparse() if given.name == "sparse" else Dense()

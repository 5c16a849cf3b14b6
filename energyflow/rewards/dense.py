"""The simulator's own dense reward: the oracle, which a recovered reward is measured against."""

from __future__ import annotations

from torch import Tensor

from energyflow.rewards.base import Ingredients, RewardSource, Transitions
from energyflow.rewards.registry import Source

SOURCES = {"dense": Source("Dense (oracle)", "the task's own dense reward / 10 (oracle)", demos=False, oracle=True)}
SCALE = 10.0  # Meta-World's dense reward lies in [0, 10]


class Dense:
    """The simulator's dense reward divided by 10, so in [0, 1]."""

    window = (1, 1)
    frozen = True

    def __init__(self) -> None:
        self.measured: dict[str, float] = {}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return batch.env_reward.float() / SCALE


def make(given: Ingredients) -> RewardSource:
    """Nothing is read."""
    return Dense()

"""The simulator's own dense reward: the oracle, which a recovered reward is measured against."""

from __future__ import annotations

from torch import Tensor

from energyflow.envs.tasks import suite_of
from energyflow.rewards.base import Ingredients, RewardSource, Transitions
from energyflow.rewards.registry import Source

SOURCES = {
    "dense": Source("Dense (oracle)", "the task's own dense reward, at most 1 (oracle)", demos=False, oracle=True)
}


class Dense:
    """The simulator's dense reward divided by its largest value, so in [0, 1]."""

    window = (1, 1)
    frozen = True

    def __init__(self, largest: float) -> None:
        self.largest = largest
        self.measured: dict[str, float] = {}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return batch.env_reward.float() / self.largest


def make(given: Ingredients) -> RewardSource:
    """Nothing is read but what the suite says of its rewards."""
    return Dense(suite_of(given.task).largest_reward)

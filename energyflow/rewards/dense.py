"""The simulator's own dense reward: the oracle, which a recovered reward is measured against."""

from __future__ import annotations

from torch import Tensor

from energyflow.envs.tasks import suite_of
from energyflow.rewards.base import Ingredients, RewardSource, Transitions
from energyflow.rewards.registry import Source

SOURCES = {
    "dense": Source("Dense (oracle)", "the task's own dense reward over its best (oracle)", demos=False, oracle=True)
}


class Dense:
    """The simulator's dense reward over the largest one of a step, so in [0, 1]."""

    window = (1, 1)
    frozen = True

    def __init__(self, best: float) -> None:
        """`best`: the largest dense reward of a step."""
        self.best = best
        self.measured: dict[str, float] = {}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return batch.env_reward.float() / self.best


def make(given: Ingredients) -> RewardSource:
    """Nothing is read but the task's name.

    Raises:
        UserError: it has no simulator here.
    """
    return Dense(suite_of(str(given.task)).best_reward)

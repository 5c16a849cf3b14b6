"""The simulator's success flag as a reward."""

from __future__ import annotations

from torch import Tensor

from energyflow.rewards.base import Ingredients, RewardSource, Transitions
from energyflow.rewards.registry import Source

SOURCES = {"sparse": Source("Sparse only", "1 at success, else 0", demos=False)}


class Sparse:
    """1 at a step that reaches the goal, else 0. Unscaled."""

    window = (1, 1)
    frozen = True

    def __init__(self) -> None:
        self.measured: dict[str, float] = {}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return batch.success.float()


def make(given: Ingredients) -> RewardSource:
    """Nothing is read."""
    return Sparse()

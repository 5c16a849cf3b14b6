"""A cost of each step: what an end of the episode at success says by itself.

A source that is negative everywhere and whose episodes end at success (`centered_energy_bounded`) is told of success,
for only finishing ends its cost. This control is told as much, and nothing of states or actions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from energyflow.rewards.base import Ingredients, RewardSource, Transitions
from energyflow.rewards.registry import Source

SOURCES = {
    "step_cost": Source(
        "Cost of each step",
        "-1 everywhere; success ends the episode: the control of `centered_energy_bounded`",
        demos=False,
        terminal=True,
    ),
}


class StepCost:
    """-1. Unscaled."""

    window = (1, 1)
    frozen = True

    def __init__(self) -> None:
        self.measured: dict[str, float] = {}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return -torch.ones(len(batch))


def make(given: Ingredients) -> RewardSource:
    """Nothing is read."""
    return StepCost()

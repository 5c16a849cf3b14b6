"""EBIL's reward: 1 - E(s, a) of a joint energy in (0, 1), in the unit of rewards/unit.py.

The published reward is h(-E) with h(x) = x + 1, times a weight of 32 to 128 that is tuned for each task, and that the
unit stands for. The energy knows no more than one nat, and holds the density of the state as well as the preference
among actions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from energyflow.core.errors import UserError
from energyflow.policies.ebil_energy import EBILEnergy
from energyflow.rewards.base import Ingredients, RewardSource, Transitions
from energyflow.rewards.demonstrations import demonstration_windows
from energyflow.rewards.registry import Source
from energyflow.rewards.unit import Unit, measure

SOURCES = {
    "ebil": Source("EBIL", "1 - E of a joint energy of (s, a) at one noise level", model="ebil_energy"),
}


class JointEnergy:
    """1 - E(s, a), in its unit."""

    window = (1, 1)
    frozen = True

    def __init__(self, model: EBILEnergy, unit: Unit) -> None:
        self.model, self.unit = model, unit
        self.measured = unit.measured

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return self.unit.of(bounded(self.model, batch.obs, batch.action))


@torch.no_grad()
def bounded(model: EBILEnergy, obs: Tensor, action: Tensor) -> Tensor:
    """1 - E [B] of states [B, 1, Do] and actions [B, 1, Da], environment units."""
    normalizer = model.normalizer
    return 1.0 - model.energy(normalizer.standardize_obs(obs[:, 0]), normalizer.standardize_action(action[:, 0]))


def make(given: Ingredients) -> RewardSource:
    """Measure the unit on the demonstrations.

    Raises:
        UserError: the model is not EBIL's, or its energy is the same for all actions.
    """
    assert given.demos is not None
    if not isinstance(given.model, EBILEnergy):
        raise UserError(f"source '{given.name}' reads a model of method 'ebil_energy'")
    model = given.model
    obs, action = demonstration_windows(given.demos.episodes, (1, 1), given.seed)
    unit = measure(lambda a: bounded(model, obs, a), action, model.normalizer, given.seed, "the energy")
    return JointEnergy(model, unit)

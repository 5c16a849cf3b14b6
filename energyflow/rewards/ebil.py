"""EBIL's reward: 1 - E(s, a) of a joint energy in (0, 1), divided by its mean over the demonstrations.

The published reward is h(-E) with h(x) = x + 1, times a weight of 32 to 128 that is tuned for each task. Here
demonstrations average 1, as with the energies. The energy knows no more than one nat, and holds the density of the
state as well as the preference among actions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from energyflow.core.errors import UserError
from energyflow.policies.ebil_energy import EBILEnergy
from energyflow.rewards.base import Ingredients, RewardSource, Transitions
from energyflow.rewards.demonstrations import demonstration_windows, positive
from energyflow.rewards.registry import Source

SOURCES = {
    "ebil": Source("EBIL", "1 - E of a joint energy of (s, a) at one noise level", model="ebil_energy"),
}


class JointEnergy:
    """(1 - E(s, a)) / scale, in (0, 1 / scale)."""

    window = (1, 1)
    frozen = True

    def __init__(self, model: EBILEnergy, scale: float) -> None:
        self.model, self.scale = model, scale
        self.measured = {"scale": scale}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return bounded(self.model, batch.obs, batch.action) / self.scale


@torch.no_grad()
def bounded(model: EBILEnergy, obs: Tensor, action: Tensor) -> Tensor:
    """1 - E [B] of states [B, 1, Do] and actions [B, 1, Da], environment units."""
    normalizer = model.normalizer
    return 1.0 - model.energy(normalizer.standardize_obs(obs[:, 0]), normalizer.standardize_action(action[:, 0]))


def make(given: Ingredients) -> RewardSource:
    """Measure the scale on the demonstrations.

    Raises:
        UserError: the model is not EBIL's, or its energy is 1 on all demonstrations.
    """
    assert given.demos is not None
    if not isinstance(given.model, EBILEnergy):
        raise UserError(f"source '{given.name}' reads a model of method 'ebil_energy'")
    obs, action = demonstration_windows(given.demos.episodes, (1, 1), given.seed)
    scale = float(bounded(given.model, obs, action).double().mean())
    return JointEnergy(given.model, positive(scale, "the energy", "leaves demonstrations no reward"))

"""Rewards read out of a trained energy: raw, centred and centred + sparse (the paper's), bounded (ours).

The energy E(a, s, sigma) is known up to a function c(s) of the state: denoising teaches only its gradient in
a. The centred reward subtracts the mean energy of M fixed reference actions in the same state: c(s) is gone.
Sign: more is better. Scale: all are divided by one frozen number, the mean centred reward of demonstrated
actions (`readout.measure_gap`): demonstrations average 1, references 0 on the centred reward.
"""

from __future__ import annotations

from torch import Tensor

from energyflow.rewards.readout import Readout


class RawEnergy:
    """-E(a, s) / gap. Not shifted: whatever c(s) the energy holds stays in the reward."""

    frozen = True

    def __init__(self, readout: Readout, gap: float) -> None:
        self.readout, self.gap, self.window = readout, gap, readout.window

    def reward(self, obs: Tensor, action: Tensor, success: Tensor, env_reward: Tensor) -> Tensor:
        """See `RewardSource.reward`."""
        return -self.readout.energy(obs, action) / self.gap


class CenteredEnergy:
    """-(E(a, s) - mean_j E(a'_j, s)) / gap, plus `sparse_weight` at success."""

    frozen = True

    def __init__(self, readout: Readout, gap: float, sparse_weight: float = 0.0) -> None:
        self.readout, self.gap, self.sparse_weight, self.window = readout, gap, sparse_weight, readout.window

    def reward(self, obs: Tensor, action: Tensor, success: Tensor, env_reward: Tensor) -> Tensor:
        """See `RewardSource.reward`."""
        return self.readout.centered(obs, action) / self.gap + self.sparse_weight * success.float()


class BoundedEnergy:
    """-(1 + d / (1 + d)) / 2, where d = (E(a, s) - E(a*, s)) / gap is the regret to the energy's best a*.

    In [-1, -1/2]: -1/2 for what the expert would do, whatever the state; towards -1 the worse, never flat.
    Every step costs, so only success, which ends the episode, ends the cost.
    """

    frozen = True

    def __init__(self, readout: Readout, gap: float) -> None:
        self.readout, self.gap, self.window = readout, gap, readout.window

    def reward(self, obs: Tensor, action: Tensor, success: Tensor, env_reward: Tensor) -> Tensor:
        """See `RewardSource.reward`."""
        regret = (self.readout.energy(obs, action) - self.readout.floor(obs)).clamp(min=0.0) / self.gap
        return -0.5 * (1.0 + regret / (1.0 + regret))

"""Rewards read out of a trained energy: raw, centred and centred + sparse (the paper's), and three of ours.

The energy E(a, s, sigma) is known up to a function c(s) of the state: denoising teaches only its gradient in
a. The centred reward subtracts the mean energy of M fixed reference actions in the same state: c(s) is gone.
Sign: more is better. Scale: all are divided by one frozen number, the contrast of rewards/unit.py: demonstrations
average 1, references 0 on the centred reward.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from pydantic import Field
from torch import Tensor

from energyflow.config.section import Section
from energyflow.core.errors import UserError
from energyflow.policies.base import EnergyPolicy
from energyflow.rewards.base import Ingredients, RewardSource, Transitions
from energyflow.rewards.demonstrations import demonstration_windows
from energyflow.rewards.readout import Readout
from energyflow.rewards.registry import Source
from energyflow.rewards.unit import measure


class EnergySettings(Section):
    """Read-out of an energy: noise level in standardised action units, and how many reference actions."""

    sigma: float = Field(0.01007, gt=0, le=1e4)  # [paper] gamma = 1e-3
    references: int = Field(16, ge=1, le=10**6)  # [paper] M reference actions of the baseline


class SparseEnergySettings(EnergySettings):
    """As above, and the weight of the success flag."""

    sparse_weight: float = Field(10.0, ge=0, le=1e6)  # [ours] the paper gives none


SOURCES = {
    "raw_energy": Source("Raw energy", "minus the energy, scaled, not centred", EnergySettings, "energyflow"),
    "centered_energy": Source(
        "Centred energy", "minus the energy, centred by M reference actions", EnergySettings, "energyflow"
    ),
    "centered_energy_sparse": Source(
        "Centred energy + sparse", "centered_energy plus weighted success", SparseEnergySettings, "energyflow"
    ),
    "centered_energy_bounded": Source(
        "Centred energy, bounded",
        "regret against the energy's own best action, bounded; success ends the episode",
        EnergySettings,
        "energyflow",
        terminal=True,
    ),
    "centered_energy_proposals": Source(
        "Centred energy, own proposals",
        "minus the energy, centred by what the energy itself would do",
        EnergySettings,
        "energyflow",
    ),
    "energy_potential": Source(
        "Sparse + potential of the energy",
        "weighted success, shaped by the potential of the energy's best action",
        SparseEnergySettings,
        "energyflow",
    ),
}


class RawEnergy:
    """-E(a, s) / gap. Not shifted: whatever c(s) the energy holds stays in the reward."""

    frozen = True

    def __init__(self, readout: Readout, gap: float) -> None:
        self.readout, self.gap, self.window = readout, gap, readout.window
        self.measured = {"gap": gap}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return -self.readout.energy(batch.obs, batch.action) / self.gap


class CenteredEnergy:
    """-(E(a, s) - mean_j E(a'_j, s)) / gap, plus `sparse_weight` at success."""

    frozen = True

    def __init__(self, readout: Readout, gap: float, sparse_weight: float = 0.0) -> None:
        self.readout, self.gap, self.sparse_weight, self.window = readout, gap, sparse_weight, readout.window
        self.measured = {"gap": gap}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        advantage = self.readout.centered(batch.obs, batch.action)
        return advantage / self.gap + self.sparse_weight * batch.success.float()


class BoundedEnergy:
    """-(1 + d / (1 + d)) / 2, where d = (E(a, s) - E(a*, s)) / gap is the regret to the energy's best a*.

    In [-1, -1/2]: -1/2 for what the expert would do, whatever the state; towards -1 the worse, never flat.
    Every step costs, so only success, which ends the episode, ends the cost.
    """

    frozen = True

    def __init__(self, readout: Readout, gap: float) -> None:
        self.readout, self.gap, self.window = readout, gap, readout.window
        self.measured = {"gap": gap}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        above = self.readout.energy(batch.obs, batch.action) - self.readout.floor(batch.obs)
        regret = above.clamp(min=0.0) / self.gap
        return -0.5 * (1.0 + regret / (1.0 + regret))


class ProposedEnergy:
    """-(E(a, s) - mean_j E(a*_j, s)) / gap, with a*_j what the energy itself proposes: 0 for the expert in every state.

    References from N(0, I) pay most where they are worst; against its own proposals no state pays more than another.
    """

    frozen = True

    def __init__(self, readout: Readout, gap: float) -> None:
        self.readout, self.gap, self.window = readout, gap, readout.window
        self.measured = {"gap": gap}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        own = self.readout.proposed(batch.obs).mean(dim=1)
        return (own - self.readout.energy(batch.obs, batch.action)) / self.gap


class PotentialEnergy:
    """Weighted success + gamma Phi(s') - Phi(s), Phi(s) = -min_a E(a, s) / gap: the best action is left as it was.

    Shaping by a potential changes no optimal policy (Ng et al. 1999), so nothing can be gained by staying. Phi is the
    value of a state as the energy has it, with the c(s) that denoising does not teach.
    """

    frozen = True

    def __init__(self, readout: Readout, gap: float, weight: float, gamma: float) -> None:
        self.readout, self.gap, self.weight, self.gamma, self.window = readout, gap, weight, gamma, readout.window
        self.measured = {"gap": gap}

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        following = torch.cat([batch.obs[:, 1:], batch.next_obs[:, None]], dim=1)
        now, later = (-self.readout.floor(states) / self.gap for states in (batch.obs, following))
        return self.weight * batch.success.float() + self.gamma * later - now


def make(given: Ingredients) -> RewardSource:
    """Any of the sources that read an energy; the scale is measured on the demonstrations.

    Raises:
        UserError: the model has no energy, or one that does not separate demonstrated from random actions.
    """
    assert given.model is not None
    assert given.demos is not None
    if not isinstance(given.model, EnergyPolicy):
        raise UserError(f"'{given.model.params.method}' has no energy; '{given.name}' reads an energyflow policy")
    own = SOURCES[given.name].settings(**given.params.source_params)
    assert isinstance(own, EnergySettings)
    readout = Readout(given.model, own.sigma, own.references, given.seed)
    obs, action = demonstration_windows(given.demos.episodes, readout.window, given.seed)
    unit = measure(lambda a: -readout.energy(obs, a), action, given.model.normalizer, given.seed, "the energy")
    gap = unit.contrast
    if gap <= 0:
        raise UserError(
            f"the energy does not separate demonstrated from random actions at sigma = {readout.sigma}"
            f" (gap {gap:.3g}, must be positive); train the reward model longer or change source.{given.name}.sigma"
        )
    weight = own.sparse_weight if isinstance(own, SparseEnergySettings) else 0.0
    if given.name == "energy_potential":
        if readout.window != (1, 1):
            raise UserError(f"'{given.name}' reads a model of one step: reward_model.window must be one_step")
        return PotentialEnergy(readout, gap, weight, given.params.gamma)
    kinds: dict[str, Callable[[Readout, float], RewardSource]] = {
        "raw_energy": RawEnergy,
        "centered_energy_bounded": BoundedEnergy,
        "centered_energy_proposals": ProposedEnergy,
    }
    return kinds[given.name](readout, gap) if given.name in kinds else CenteredEnergy(readout, gap, weight)

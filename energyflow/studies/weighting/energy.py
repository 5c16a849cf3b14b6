"""E_phi of few demonstrations: as a reward, as a weight, and as the critic of QIPO.

    reward(s, a)    = -(E(a, s, sigma) - mean_j E(a'_j, s, sigma)) / gap,    a'_j ~ N(0, I)
    advantage(s, a) = -(E(a, s, sigma) - mean_j E(a*_j, s, sigma)) / gap,    a*_j what the energy itself proposes in s

The first is the centred reward of the first paper, in the one unit of rewards: on average 0 for a random action, 1 for
a demonstrated one. Both are free of c(s), and order the actions of a state alike. Across states the first pays most
where random actions are worst; to the second the expert is as good in one state as in another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.datasets.episodes import Episodes
from energyflow.offline.critic import Critic
from energyflow.offline.transitions import Transitions
from energyflow.policies.base import EnergyPolicy
from energyflow.rewards.readout import Readout
from energyflow.rewards.unit import measure
from energyflow.studies.theory.models import fit
from energyflow.studies.weighting.sections import EnergyWeight

# (states [N, Do], actions [N, Da]), environment units -> energies [N]
Energy = Callable[[Tensor, Tensor], Tensor]


def pairs(data: Episodes) -> tuple[Tensor, Tensor]:
    """States [N, Do] before the actions [N, Da] of all episodes, environment units."""
    states = np.concatenate([episode.observations[:-1] for episode in data.episodes])
    return torch.from_numpy(states), torch.from_numpy(np.concatenate([episode.actions for episode in data.episodes]))


def units(data: Transitions, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Standardised states [N, Do] and actions [N, Da] in environment units, double precision."""
    known = data.normalizer
    return states.double() * known.obs_std + known.obs_mean, known.unstandardize_action(actions.double())


@dataclass(frozen=True)
class ExpertEnergy:
    """An energy at one noise level, with its references and its unit."""

    readout: Readout
    gap: float

    def energy(self, states: Tensor, actions: Tensor) -> Tensor:
        """The energy [N] in that unit, not centred: it orders the actions of one state, and no others."""
        return self.readout.energy(states[:, None], actions[:, None]) / self.gap

    def reward(self, states: Tensor, actions: Tensor) -> Tensor:
        """The centred reward [N] of actions [N, Da] in states [N, Do], environment units."""
        return self.readout.centered(states[:, None], actions[:, None]) / self.gap

    def advantage(self, states: Tensor, actions: Tensor) -> Tensor:
        """The same, centred by what the energy itself proposes: the source `centered_energy_proposals`."""
        own = self.readout.proposed(states[:, None]).mean(dim=1) / self.gap
        return own - self.energy(states, actions)


def expert_energy(demos: Episodes, model: TrainParams, own: EnergyWeight, seed: int) -> ExpertEnergy:
    """Train E_phi on demonstrations, and measure its unit on them.

    Raises:
        UserError: it does not tell demonstrated from random actions.
    """
    states, actions = pairs(demos)
    trained = fit(states, actions, model, seed)
    assert isinstance(trained, EnergyPolicy)
    readout, shown = Readout(trained, own.sigma, own.references, seed), states[:, None].float()
    unit = measure(
        lambda drawn: -readout.energy(shown, drawn), actions[:, None].float(), trained.normalizer, seed, "the energy"
    )
    if unit.contrast <= 0:
        raise UserError(
            f"the energy does not separate demonstrated from random actions at sigma = {own.sigma}; train it longer"
        )
    return ExpertEnergy(readout, unit.contrast)


class EnergyCritic(Critic):
    """Q = -E: what QIPO follows is then mu exp(-beta E), per-state weights in which c(s) cancels."""

    def __init__(self, energy: Energy, data: Transitions) -> None:
        """Nothing is trained.

        Args:
            energy: of states and actions in environment units.
            data: says what is standardised.
        """
        nn.Module.__init__(self)
        self.energy, self.data, self.state_value = energy, data, None

    def q(self, obs: Tensor, action: Tensor) -> Tensor:
        """-E [B] of standardised states [B, Do] and actions [B, Da]."""
        return -self.energy(*units(self.data, obs, action)).to(obs.dtype)

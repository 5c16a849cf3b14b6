"""IQ-Learn's recovered reward: r(s, a, s') = Q(s, a) - gamma V(s') of a Q-function learnt from demonstrations alone.

Frozen, in the unit of rewards/unit.py. Nothing makes a Q-function learnt offline prefer the demonstrated actions on
average, as energies do: where it prefers random ones, so does this reward.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from energyflow.config.section import Section
from energyflow.core.errors import UserError
from energyflow.core.seeding import torch_generator
from energyflow.policies.iq_learn_offline import IQLearnOffline
from energyflow.rewards.base import Ingredients, RewardSource, Transitions
from energyflow.rewards.demonstrations import demonstration_transitions
from energyflow.rewards.registry import Source
from energyflow.rewards.unit import Unit, measure


class IQLearnSettings(Section):
    """How many actions the value of a state is averaged over."""

    references: int = Field(16, ge=1, le=10**6)  # [ours]


SOURCES = {
    "iq_learn": Source(
        "IQ-Learn",
        "Q(s, a) - gamma V(s') of a soft Q-function learnt from the demonstrations alone",
        IQLearnSettings,
        "iq_learn_offline",
    ),
}


class RecoveredReward:
    """Q(s, a) - gamma V(s'), in its unit."""

    window = (1, 1)
    frozen = True

    def __init__(self, model: IQLearnOffline, noise: Tensor, unit: Unit) -> None:
        """`noise` [M, Da] are the fixed draws behind V(s')."""
        self.model, self.noise, self.unit = model, noise, unit
        self.measured = unit.measured

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return self.unit.of(recovered(self.model, self.noise, batch, batch.action))


@torch.no_grad()
def recovered(model: IQLearnOffline, noise: Tensor, batch: Transitions, action: Tensor) -> Tensor:
    """Q(s, a) - gamma V(s') [B] of actions [B, 1, Da] in place of those of a batch, environment units."""
    normalizer = model.normalizer
    obs, next_obs = normalizer.standardize_obs(batch.obs[:, 0]), normalizer.standardize_obs(batch.next_obs)
    return model.recovered(obs, normalizer.standardize_action(action[:, 0]), next_obs, noise)


def make(given: Ingredients) -> RewardSource:
    """Measure the unit on the demonstrations.

    Raises:
        UserError: the model is not IQ-Learn's, or its Q is the same for all actions, or has diverged.
    """
    assert given.demos is not None
    if not isinstance(given.model, IQLearnOffline):
        raise UserError(f"source '{given.name}' reads a model of method 'iq_learn_offline'")
    model = given.model
    shape = (IQLearnSettings(**given.params.source_params).references, model.spec.action_dim)
    noise = torch.randn(shape, generator=torch_generator(given.seed, "reward values"))
    shown = demonstration_transitions(given.demos.episodes, given.seed)
    unit = measure(lambda a: recovered(model, noise, shown, a), shown.action, model.normalizer, given.seed, "Q")
    return RecoveredReward(model, noise, unit)

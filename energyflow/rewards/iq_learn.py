"""IQ-Learn's recovered reward: r(s, a, s') = Q(s, a) - gamma V(s') of a Q-function learnt from demonstrations alone.

Frozen. Divided by how far apart Q sees a demonstrated action and M random ones in the same state, root mean square over
the demonstrations: nothing makes a Q-function learnt offline prefer the demonstrated ones on average, as energies do.
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
from energyflow.rewards.demonstrations import demonstration_windows, positive
from energyflow.rewards.registry import Source


class IQLearnSettings(Section):
    """How many actions the value of a state is averaged over, and the scale measured against."""

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
    """(Q(s, a) - gamma V(s')) / scale."""

    window = (1, 1)
    frozen = True

    def __init__(self, model: IQLearnOffline, noise: Tensor, scale: float, gap: float) -> None:
        """`noise` [M, Da] are the fixed draws behind V(s'); `gap` is noted: Q's mean preference for demonstrations."""
        self.model, self.noise, self.scale = model, noise, scale
        self.measured = {"scale": scale, "gap": gap}

    @torch.no_grad()
    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        normalizer = self.model.normalizer
        obs, next_obs = normalizer.standardize_obs(batch.obs[:, 0]), normalizer.standardize_obs(batch.next_obs)
        action = normalizer.standardize_action(batch.action[:, 0])
        return self.model.recovered(obs, action, next_obs, self.noise) / self.scale


@torch.no_grad()
def make(given: Ingredients) -> RewardSource:
    """Measure the scale on the demonstrations.

    Raises:
        UserError: the model is not IQ-Learn's, or its Q is the same for all actions, or has diverged.
    """
    assert given.demos is not None
    if not isinstance(given.model, IQLearnOffline):
        raise UserError(f"source '{given.name}' reads a model of method 'iq_learn_offline'")
    shape = (IQLearnSettings(**given.params.source_params).references, given.model.spec.action_dim)
    references = torch.randn(shape, generator=torch_generator(given.seed, "reward references"))
    noise = torch.randn(shape, generator=torch_generator(given.seed, "reward values"))
    obs, action = demonstration_windows(given.demos.episodes, (1, 1), given.seed, executed=True)
    normalizer = given.model.normalizer
    states, actions = normalizer.standardize_obs(obs[:, 0]), normalizer.standardize_action(action[:, 0])
    advantage = given.model.advantage(states, actions, references).double()
    scale = positive(float(advantage.square().mean().sqrt()), "Q", "does not tell demonstrated from random actions")
    return RecoveredReward(given.model, noise, scale, float(advantage.mean()))

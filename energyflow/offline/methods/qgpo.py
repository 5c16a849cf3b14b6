"""QGPO (Lu et al. 2023): the behaviour diffusion, guided by an intermediate energy that contrasts its own actions.

E_t(a_t, s): -sum_j softmax_j(beta Q(s, a_j)) log softmax_j(-E_t(a_j,t, s)),    a_j ~ mu(. | s)
eps_pi = eps_mu + sigma_t grad_a E_t
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from energyflow.offline.actors import Actor, Clip
from energyflow.offline.critic import Critic
from energyflow.offline.learner import Learner, Parts
from energyflow.offline.losses import contrastive_loss
from energyflow.offline.methods.registry import OfflineMethod
from energyflow.offline.network import Energy
from energyflow.offline.paths import VP
from energyflow.offline.samplers import energy_guided
from energyflow.offline.stage import Stage
from energyflow.offline.support import SupportStage
from energyflow.offline.transitions import Transitions

METHODS = {"qgpo": OfflineMethod("QGPO (CEP guidance)", "QGPO", "vp", "softmax", one_shot=True)}


class EnergyStage(SupportStage):
    """The intermediate energy; all actions of a state share a time, and no data action is among them."""

    def __init__(self, learner: QGPO, data: Transitions, mu: Actor, critic: Critic) -> None:
        """Take what the support is drawn from."""
        params, network = learner.params.improvement, learner.policy()
        super().__init__(network, data, params, learner.seed, critic=critic, beta=params.beta, with_data=False)
        self.path, self.mu = learner.path, mu
        # with `draw: one`, as many actions a step as the other methods learn from
        self.groups = params.batch_size if params.draw == "all" else max(1, params.batch_size // params.support)

    def source(self) -> Actor:
        """mu, always."""
        return self.mu

    def loss(self, network: Energy, generator: torch.Generator) -> Tensor:
        """See the module."""
        states, support, log_weight = self.batch(generator, self.groups)
        return contrastive_loss(network, self.path, support, log_weight, generator, states)


class QGPO(Learner):
    """Behaviour diffusion, critic, intermediate energy."""

    keeps = ("behaviour", "policy")

    def policy(self) -> nn.Module:
        """E_t."""
        sizes, params = self.sizes, self.params
        given = (sizes.action_dim, params.hidden, params.time_dim, self.seed)
        return Energy(*given, condition_dim=sizes.obs_dim, purpose="offline energy")

    def improvement(self, data: Transitions, parts: Parts) -> Stage:
        """See `EnergyStage`."""
        critic = parts["critic"]
        assert isinstance(critic, Critic)
        return EnergyStage(self, data, self.behaviour(parts), critic)

    def actor(self, parts: Parts, clip: Clip) -> Actor:
        """A guided draw."""
        assert isinstance(self.path, VP)
        guided = energy_guided(parts["behaviour"], parts["policy"], self.path, self.params.acting.guidance)
        return self.drawn(guided)

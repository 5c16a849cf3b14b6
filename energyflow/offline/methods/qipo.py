"""QIPO (arXiv 2503.04975, Section 5), on either path; and one-shot EFM and ED, which never renew their support.

    g_ij = softmax_j(beta Q(s_i, a_ij)),    a_i1 .. a_iM ~ pi_old(. | s_i), a_i0 from the data
    L = sum_i sum_j g_ij || v(a_ij,t, t; s_i) - u_t0(a_ij,t | a_ij) ||^2                           eq. 5.2, 5.3

Per-state weights: whatever depends on the state alone, such as V(s), cancels.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from energyflow.offline.actors import Actor, Clip
from energyflow.offline.critic import Critic
from energyflow.offline.learner import Learner, Parts
from energyflow.offline.losses import matching_loss
from energyflow.offline.methods.registry import OfflineMethod
from energyflow.offline.network import Field
from energyflow.offline.stage import Stage
from energyflow.offline.support import SupportStage
from energyflow.offline.transitions import Transitions
from energyflow.offline.weights import support_softmax

METHODS = {
    "qipo_ot": OfflineMethod("QIPO-OT", "QIPO", "ot", "softmax"),
    "qipo_diff": OfflineMethod("QIPO-Diff", "QIPO", "vp", "softmax"),
    "efm": OfflineMethod("One-shot EFM", "QIPO", "ot", "softmax", one_shot=True),
    "ed": OfflineMethod("One-shot ED", "QIPO", "vp", "softmax", one_shot=True),
}


class QIPOStage(SupportStage):
    """Starts as the behaviour model, and follows the weights of its own support."""

    def __init__(self, learner: QIPO, data: Transitions, behaviour: Field, critic: Critic) -> None:
        """Copy the behaviour model."""
        params = learner.params.improvement
        one_shot = learner.method.one_shot
        beta = params.beta if one_shot else params.beta / params.periods
        network = copy.deepcopy(behaviour).requires_grad_(True)
        super().__init__(network, data, params, learner.seed, critic=critic, beta=beta, with_data=True)
        self.learner, self.path = learner, learner.path
        self.mu = behaviour if one_shot else None

    def source(self) -> Actor:
        """The policy as it is, averaged over the last steps; of a one-shot method, mu."""
        return self.learner.drawn(self.fit.average if self.mu is None else self.mu)

    def loss(self, network: Field, generator: torch.Generator) -> Tensor:
        """See the module; with `draw: one`, of one action of each state, drawn by g (Remark 4.6)."""
        states, support, log_weight = self.batch(generator, self.params.batch_size)
        weight = support_softmax(log_weight)
        if self.params.draw == "one":
            pick = torch.multinomial(weight, 1, generator=generator)
            action = support.gather(1, pick[..., None].expand(-1, 1, support.shape[-1])).squeeze(1)
            return matching_loss(network, self.path, action, generator, states)
        count = support.shape[1]
        repeated = states.repeat_interleave(count, dim=0)
        return matching_loss(network, self.path, support.flatten(0, 1), generator, repeated, (count * weight).flatten())


class QIPO(Learner):
    """Warm-up, critic, improvement."""

    def improvement(self, data: Transitions, parts: Parts) -> Stage:
        """See `QIPOStage`."""
        behaviour, critic = parts["behaviour"], parts["critic"]
        assert isinstance(behaviour, Field)
        assert isinstance(critic, Critic)
        return QIPOStage(self, data, behaviour, critic)

    def actor(self, parts: Parts, clip: Clip) -> Actor:
        """A draw of the policy."""
        network: nn.Module = parts["policy"]
        return self.drawn(network)

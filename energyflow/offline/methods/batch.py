"""EFM's own batch estimator (Algorithm 1) in offline reinforcement learning: one softmax over a batch of the data.

    g_i = softmax_i(beta Q(s_i, a_i)) over the batch,    L = sum_i g_i || v(a_i,t, t; s_i) - u_t0(a_i,t | a_i) ||^2

The weights of a state then depend on how much worth it is, not only on what is done in it: V(s) does not cancel.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from energyflow.offline.actors import Actor, Clip
from energyflow.offline.critic import Critic
from energyflow.offline.learner import Learner, Parts
from energyflow.offline.losses import matching_loss
from energyflow.offline.methods.registry import OfflineMethod
from energyflow.offline.network import Field
from energyflow.offline.stage import Stage
from energyflow.offline.support import log_weights
from energyflow.offline.transitions import Transitions
from energyflow.offline.weights import batch_softmax, effective_sample_size

METHODS = {"efm_batch": OfflineMethod("EFM, batch softmax", "BatchEFM", "ot", "softmax")}


class BatchStage(Stage):
    """Data actions alone."""

    def __init__(self, learner: Learner, data: Transitions, behaviour: Field, critic: Critic) -> None:
        """Weigh the data once."""
        params = learner.params.improvement
        super().__init__("policy", copy.deepcopy(behaviour).requires_grad_(True), data, params, learner.seed)
        self.path = learner.path
        rows = torch.arange(len(data))
        self.log_weight = log_weights(critic, data.obs(rows), data.action[:, None], params.beta)[:, 0]
        self.shared = torch.ones(1)  # effective sample size of the last batch

    def loss(self, network: Field, generator: torch.Generator) -> Tensor:
        """See the module."""
        rows = self.rows(generator)
        weight = batch_softmax(self.log_weight[rows])
        self.shared = effective_sample_size(weight)
        return matching_loss(network, self.path, self.data.action[rows], generator, self.data.obs(rows), weight)

    def measured(self) -> dict[str, float]:
        """Effective sample size of the last batch."""
        return {"ess": float(self.shared)}


class BatchEFM(Learner):
    """Warm-up, critic, weighted matching."""

    def improvement(self, data: Transitions, parts: Parts) -> Stage:
        """See `BatchStage`."""
        behaviour, critic = parts["behaviour"], parts["critic"]
        assert isinstance(behaviour, Field)
        assert isinstance(critic, Critic)
        return BatchStage(self, data, behaviour, critic)

    def actor(self, parts: Parts, clip: Clip) -> Actor:
        """A draw of the policy."""
        return self.drawn(parts["policy"])

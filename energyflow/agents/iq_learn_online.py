"""IQ-Learn as published for continuous control (Garg et al. 2021): actor-critic whose critic is its own reward.

    V(s) = Q(s, a') - alpha log pi(a' | s),  a' ~ pi,        y = gamma V_target(s'),        r(s, a) = Q(s, a) - y
    J_Q  = - E_demo [r] + E_demo+agent [V(s) - y] + E_demo+agent [r^2] / (4 c)      value form, chi-squared

No reward enters: demonstrated and lived transitions stand in one batch, and the critic tells them apart. y is not
differentiated, alpha is fixed, and the actor's loss is soft actor-critic's on the states of both.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from stable_baselines3.common.utils import polyak_update
from torch import Tensor

from energyflow.agents.agent import Agent
from energyflow.agents.mixed import MixedBuffer
from energyflow.policies.iq_learn import IQLearnOnlineParams


def critic_loss(q: Tensor, value: Tensor, later: Tensor, demonstrated: Tensor, chi: float) -> Tensor:
    """J_Q.

    Args:
        q: [B], Q(s, a).
        value: [B], V(s).
        later: [B], y, without gradient.
        demonstrated: [B], whether a transition is the expert's.
        chi: c.
    """
    reward = q - later
    return -reward[demonstrated].mean() + (value - later).mean() + reward.square().mean() / (4.0 * chi)


class IQLearnAgent(Agent):
    """SAC with this critic: one Q-function, a fixed temperature and a slower actor."""

    policy_options: ClassVar[dict[str, Any]] = {"n_critics": 1}

    def __init__(self, *given: Any, own: IQLearnOnlineParams, **options: Any) -> None:
        """As SAC; `own` are the method's numbers."""
        super().__init__(*given, **options | {"ent_coef": own.temperature})
        self.own = own
        for group in self.actor.optimizer.param_groups:
            group["lr"] *= own.actor_rate

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """One step of critic and actor on each batch."""
        self.policy.set_training_mode(True)
        for _ in range(gradient_steps):
            self._learn(batch_size)
        self._n_updates += gradient_steps

    def _learn(self, batch_size: int) -> None:
        buffer = self.replay_buffer
        assert isinstance(buffer, MixedBuffer)
        batch = buffer.sample(batch_size)
        demonstrated = torch.arange(batch_size) >= batch_size - buffer.demonstrated(batch_size)
        with torch.no_grad():
            following, density = self.actor.action_log_prob(batch.next_observations)
            soft = self._q(self.critic_target, batch.next_observations, following) - self.own.temperature * density
            later = self.gamma * (1.0 - batch.dones.squeeze(-1)) * soft
        chosen, density = self.actor.action_log_prob(batch.observations)
        value = self._q(self.critic, batch.observations, chosen.detach()) - self.own.temperature * density.detach()
        q = self._q(self.critic, batch.observations, batch.actions)
        loss = critic_loss(q, value, later, demonstrated, self.own.chi)
        self._step(self.critic.optimizer, loss)
        self.count(float(loss.detach()))
        judged = self._q(self.critic, batch.observations, chosen)
        self._step(self.actor.optimizer, (self.own.temperature * density - judged).mean())
        polyak_update(self.critic.parameters(), self.critic_target.parameters(), self.tau)

    @staticmethod
    def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    @staticmethod
    def _q(critic: Any, obs: Tensor, action: Tensor) -> Tensor:
        (value,) = critic(obs, action)
        return torch.as_tensor(value).squeeze(-1)

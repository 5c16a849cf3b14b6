"""IQ-Learn as published for continuous control (Garg et al. 2021): actor-critic whose critic is its own reward.

    V(s) = Q(s, a') - alpha log pi(a' | s),  a' ~ pi,        y = gamma V_target(s'),        r(s, a) = Q(s, a) - y
    J_Q  = - E_demo [r] + E_demo+agent [V(s) - y] + E_demo+agent [r^2] / (4 c)      value form, chi-squared

No reward enters: demonstrated and lived transitions stand in one batch, and the critic tells them apart. y is not
differentiated, alpha is fixed, and the actor's loss is soft actor-critic's on the states of both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from energyflow.agents.agent import Agent, Draw
from energyflow.agents.mixed import demonstrated_rows
from energyflow.agents.relabel import Batch
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

    critics = 1

    def __init__(self, *given: Any, own: IQLearnOnlineParams, share: float, **options: Any) -> None:
        """As SAC; `own` are the method's numbers, `share` is the demonstrated part of a batch."""
        super().__init__(*given, **options | {"temperature": own.temperature, "actor_rate": own.actor_rate})
        self.own, self.share = own, share

    def critic_gradient(self, obs: Tensor, here: Draw, batch: Batch, later: Tensor, alpha: float) -> float:
        """Leave dJ_Q in `critic.gradient`; see `Agent.critic_gradient`."""
        rows = len(obs)
        taken, chosen = (torch.cat([obs, action], dim=1) for action in (batch.action, here.action))
        out, tape = self.critic.evaluate(torch.cat([taken, chosen]))
        judged = out.requires_grad_()
        q, q_chosen = judged.view(2, rows)
        demonstrated = torch.arange(rows) >= rows - demonstrated_rows(rows, self.share)
        loss = critic_loss(q, q_chosen - alpha * here.log_density, later, demonstrated, self.own.chi)
        (slope,) = torch.autograd.grad(loss, judged)
        self.critic.differentiate(tape, slope)
        return float(loss.detach())

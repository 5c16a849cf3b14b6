"""Soft actor-critic that starts from a clone of the demonstrations, and does not forget it before it knows better.

A critic that has learnt nothing yet would undo the clone within a few thousand updates, whatever the reward. Therefore
the actor stands still while the critics learn, and then has a term of behaviour cloning in its loss, that decays:

    J_pi + weight(k) mean |Q| E_demo [|tanh(mean(s)) - a|^2]

As in TD3+BC (Fujimoto and Gu 2021, eq. 3 to 5) the term is measured in the size of the critics' values, so that the
unit of the reward does not decide how much it counts.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from energyflow.agents.agent import Agent, Draw
from energyflow.agents.mixed import demonstrated_rows
from energyflow.agents.relabel import Batch
from energyflow.config.sections import OnlineParams


class ClonedAgent(Agent):
    """SAC whose actor is a clone; `into_agent` of agents/online.py gives it the weights."""

    acts_at_once = True

    def __init__(self, *given: Any, online: OnlineParams, **options: Any) -> None:
        """As SAC; `online` says how long the clone is kept."""
        super().__init__(*given, **options)
        self.online = online

    @property
    def weight(self) -> float:
        """Of the term of behaviour cloning in the present update: falls linearly to 0."""
        since = self.updates - self.online.frozen_updates
        return self.online.clone_weight * max(0.0, 1.0 - since / self.online.clone_updates)

    def improve(self, obs: Tensor, here: Draw, batch: Batch, alpha: float) -> None:
        """Nothing, while the clone stands still."""
        if self.updates > self.online.frozen_updates:
            super().improve(obs, here, batch, alpha)

    def pull(self, here: Draw, batch: Batch, q: Tensor) -> Tensor | None:
        """Towards what was demonstrated, in the states of the demonstrations alone."""
        shown = demonstrated_rows(len(batch), self.online.demo_share)
        if not shown or not self.weight:
            return None
        action = here.mean[-shown:].tanh()
        size = self.weight * float(q.abs().mean())
        slope = here.mean.new_zeros(here.mean.shape)
        slope[-shown:] = (2.0 * size / shown) * (action - batch.action[-shown:]) * (1.0 - action.square())
        return slope

"""Support actions: M drawn in each state for a period of K steps, and their weights softmax_j(beta Q(s, a_j)).

period    1                2                3
steps     0 ... K-1        K ... 2K-1       2K ...
drawn     from mu          from pi_1        from pi_2          one shot: from mu in each
target    mu e^{b Q}       pi_1 e^{b Q}     pi_2 e^{b Q}       b = beta / L for those that renew, beta for one shot
          = mu e^{b Q}     = mu e^{2b Q}    = mu e^{3b Q}      (eq. 5.4)
"""

from __future__ import annotations

import copy
from abc import abstractmethod

import torch
from torch import Tensor, nn

from energyflow.core.tensors import below, within
from energyflow.offline.actors import Actor, support_of
from energyflow.offline.critic import Critic
from energyflow.offline.fit import Fit
from energyflow.offline.methods.sections import ImprovementParams
from energyflow.offline.stage import Stage
from energyflow.offline.transitions import Transitions
from energyflow.offline.weights import effective_sample_size, support_softmax

STATES = 4096  # whose Q is computed at once


@torch.no_grad()
def log_weights(critic: Critic, states: Tensor, support: Tensor, beta: float) -> Tensor:
    """Beta Q [S, M] of support actions [S, M, Da] in states [S, Do]: E = -Q, so that more Q is more weight."""
    pairs = zip(torch.split(states, STATES), torch.split(support, STATES), strict=True)
    return beta * torch.cat([critic.q_of_support(obs, actions) for obs, actions in pairs])


class SupportStage(Stage):
    """An improvement whose batches are states of the present period, with their support.

    Attributes:
        params: of the improvement.
        beta: of a period.
        with_data: whether the data's action belongs to the support, as its first.
    """

    def __init__(
        self,
        network: nn.Module,
        data: Transitions,
        params: ImprovementParams,
        seed: int,
        *,
        critic: Critic,
        beta: float,
        with_data: bool,
    ) -> None:
        """Draw nothing yet."""
        self.period = params.model_copy(update={"steps": params.renew_every})
        super().__init__("policy", network, data, self.period, seed)
        self.params, self.critic, self.beta, self.with_data = params, critic, beta, with_data
        self.drawing = self.generator("support")
        self.before = 0  # periods done
        self.chosen = torch.zeros(0, dtype=torch.int64)
        self.support = torch.zeros(0)
        self.log_weight = torch.zeros(0)

    @abstractmethod
    def source(self) -> Actor:
        """Whom the support of the next period is drawn from."""

    @property
    def step(self) -> int:
        """Of all periods."""
        return self.before * self.params.renew_every + self.fit.step

    @property
    def steps(self) -> int:
        """Of all periods."""
        return self.params.steps

    def advance(self) -> Tensor:
        """One step, after a renewal where a period begins."""
        if self.fit.step in (0, self.params.renew_every):
            self.renew()
        return super().advance()

    def begin(self, period: int) -> None:
        """Start a regression of its own from where the one before has ended: its averaged network."""
        self.before = period
        network = copy.deepcopy(self.fit.average).requires_grad_(True)
        self.fit = Fit(network, self.period, self.seed, f"{self.name} {period}")

    def renew(self) -> None:
        """Choose states, and draw and weigh their support."""
        if self.fit.step:
            self.begin(self.before + 1)
        count = min(self.params.states or len(self.data), len(self.data))
        self.chosen = torch.randperm(len(self.data), generator=self.drawing)[:count]
        states = self.data.obs(self.chosen)
        support = self.data.clip(support_of(self.source(), states, self.params.support, self.drawing))
        if self.with_data:
            support = torch.cat([self.data.action[self.chosen][:, None], support], dim=1)
        self.support, self.log_weight = support, log_weights(self.critic, states, support, self.beta)

    def batch(self, generator: torch.Generator, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """States [B, Do] of the period, their support [B, M, Da] and its log weights [B, M]."""
        at = torch.randint(len(self.chosen), (count,), generator=generator)
        return self.data.obs(self.chosen[at]), self.support[at], self.log_weight[at]

    def measured(self) -> dict[str, float]:
        """Mean effective sample size of the support, of at most M or M + 1."""
        return {"ess": float(effective_sample_size(support_softmax(self.log_weight)).mean())}

    def tensors(self) -> dict[str, Tensor]:
        """See `Stage.tensors`."""
        own = {"chosen": self.chosen, "support": self.support, "log_weight": self.log_weight}
        state = {"drawing": self.drawing.get_state(), "before": torch.tensor(self.before)}
        return below("fit/", super().tensors()) | own | state

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """See `Stage.restore`."""
        if before := int(tensors["before"]):
            self.begin(before)
        super().restore(within(tensors, "fit/"))
        self.chosen, self.support, self.log_weight = (tensors[name] for name in ("chosen", "support", "log_weight"))
        self.drawing.set_state(tensors["drawing"])

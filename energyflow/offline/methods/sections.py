"""The numbers of offline reinforcement learning, typed: behaviour model, critic, improvement, acting, evaluation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from energyflow.config.section import Section
from energyflow.config.sections import Count, Seed, Steps, Widths
from energyflow.offline.sections import FitParams, SolverParams


class BehaviourParams(FitParams):
    """mu(a | s), by plain matching on the data: the warm-up of QIPO (Algorithm 2, first phase), and `bc`."""


class CriticParams(FitParams):
    """The critic, which is trained once and then frozen.

    Attributes:
        kind: in-support softmax Q-learning, or expectile regression (IQL); null: the method's own.
        hidden: widths of each network.
        gamma: discount.
        ema_decay: 1 - tau: the average of the weights is the target network, Q' <- Q' + tau (Q - Q').
        alpha: temperature of the softmax over the next state's support actions.
        support: M of these, drawn from the behaviour model.
        expectile: of the value, for the expectile critic.
    """

    kind: Literal["softmax", "expectile"] | None
    hidden: Widths
    gamma: float = Field(ge=0, lt=1)
    alpha: float = Field(ge=0)
    support: int = Field(ge=1, le=4096)
    expectile: float = Field(gt=0, lt=1)


class ImprovementParams(FitParams):
    """From mu(a | s) to mu(a | s) exp(beta Q(s, a)).

    Attributes:
        beta: inverse temperature of the policy in the end, mu exp(beta Q). A method that renews comes there in as many
            equal parts as there are periods, beta / L in each; the paper's beta is that of one part.
        support: M, actions that are drawn in each state beside the data's own.
        renew_every: K, steps of a period, at whose start the support is drawn anew: from the policy as it then is, or
            always from mu in a method of one shot. Each period is a regression of its own, with its own warm-up and
            cosine, so that it has settled when the next one draws from it.
        states: states whose support is drawn for a period; null: all of the data's.
        draw: whether a step's loss counts every support action by its weight, or one in each state, drawn by the
            weights (Remark 4.6): the same in expectation, and M times cheaper.
        clip: largest weight of advantage-weighted regression.
    """

    beta: float = Field(ge=0)
    support: int = Field(ge=1, le=4096)
    renew_every: Steps
    states: Count | None
    draw: Literal["all", "one"]
    clip: float = Field(gt=0)

    @property
    def periods(self) -> int:
        """L."""
        return self.steps // self.renew_every

    @model_validator(mode="after")
    def _whole_periods(self) -> ImprovementParams:
        if self.steps % self.renew_every:
            raise ValueError(
                f"steps = {self.steps} must be a multiple of renew_every = {self.renew_every}: periods are whole"
            )
        return self


class ActingParams(Section):
    """How an action is drawn.

    Attributes:
        ot: solver on the straight path.
        vp: solver on the variance-preserving path.
        candidates: of which `best_of` takes the one that the critic likes most.
        guidance: scale of the intermediate energy's gradient; 1 is exact.
    """

    ot: SolverParams
    vp: SolverParams
    candidates: int = Field(ge=1, le=4096)
    guidance: float = Field(ge=0)


class RolloutParams(Section):
    """Episodes in the data set's environment; `seed` is that of the first initial state."""

    episodes: Count
    seed: Seed
    confidence: float = Field(gt=0.5, lt=1)


class LearnParams(Section):
    """Everything that an offline run depends on, apart from data, method and seed.

    Attributes:
        rewards: as they were recorded, or times 1000 over the range of the episodes' returns, as CEP's code does.
        hidden: widths of behaviour model, policy and intermediate energy.
        time_dim: their time features.
        log_every: steps between rows of train.csv.
        resume_every: steps between resume points.
    """

    rewards: Literal["as_recorded", "by_returns"]
    hidden: Widths
    time_dim: int = Field(ge=2, le=4096, multiple_of=2)
    behaviour: BehaviourParams
    critic: CriticParams
    improvement: ImprovementParams
    acting: ActingParams
    evaluate: RolloutParams
    log_every: Steps
    resume_every: Steps

    @model_validator(mode="after")
    def _multiples(self) -> LearnParams:
        if self.resume_every % self.log_every:
            raise ValueError(
                f"resume_every = {self.resume_every} must be a multiple of log_every = {self.log_every}:"
                " a row of the log is never split"
            )
        return self

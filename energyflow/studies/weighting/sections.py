"""The section `weighting` of params.yaml, typed: one group of numbers a check, and the rules of the verdicts.

A group holds its grid (tasks or experts), which the workflow expands into jobs, and what a job reads, which is the
group without its grid: another task re-runs no job of the present ones.
"""

from __future__ import annotations

from pydantic import Field

from energyflow.config.section import Section
from energyflow.config.sections import CollectParams, Count, Names, ReportParams, Seed, Seeds, Share, Steps, TrainParams
from energyflow.offline.methods.sections import BehaviourParams, ImprovementParams, LearnParams
from energyflow.offline.sections import FitParams, SolverParams
from energyflow.studies.theory.sections import Grid


class Mixture(Section):
    """Recorded episodes of three kinds, and a few demonstrations from other initial states.

    Attributes:
        demos: successful episodes of the expert, all that is known to be expert.
        expert: episodes of the same expert in the mixture.
        noisy: of the same expert, disturbed so much that what it executes is bad.
        random: of uniform actions.
        noise: std of N(0, s^2) on each executed action of the expert, which is its own spread; box units.
        noisy_noise: the same of the noisy share.
        horizon: steps after which the clock ends an episode, of data and evaluation alike.
        seed: of the first initial state.
        states: initial states of a training seed: the mixture's from the first, demonstrations' from the middle.
    """

    demos: Count
    expert: Count
    noisy: Count
    random: Count
    noise: float = Field(ge=0, le=1)
    noisy_noise: float = Field(ge=0, le=1)
    horizon: int = Field(ge=1, le=100_000)
    seed: Seed
    states: Count


class EnergyWeight(Section):
    """How E_phi is read, and how strongly it weighs.

    Attributes:
        sigma: read-out noise level, in standard deviations of the demonstrated actions.
        references: M actions from N(0, I) that centre it in each state.
        beta: of the weight exp(beta r); r is the centred reward in its unit, 0 for those, 1 for demonstrated actions.
    """

    sigma: float = Field(gt=0, le=1e4)
    references: Count
    beta: float = Field(ge=0)


class Discriminator(FitParams):
    """A classifier of demonstrations against the mixture.

    Attributes:
        clip: its probabilities are kept within [clip, 1 - clip], as few demonstrations are soon known by heart.
    """

    clip: float = Field(gt=0, lt=0.5)


class ImitationGrid(Section):
    """Imitation from mixed data on robot tasks."""

    tasks: Names = Field(min_length=1)
    discriminator: Discriminator


class ChainGrid(Section):
    """From demonstrations over rewards of the mixture to QIPO, on robot tasks."""

    tasks: Names = Field(min_length=1)


class Small(Section):
    """The energies of the closed forms, one step of small networks, and how they are trained."""

    hidden: list[int] = Field(min_length=1)
    time_dim: int = Field(ge=2, multiple_of=2)
    steps: Steps
    batch_size: Count
    lr: float = Field(gt=0)
    warmup_steps: int = Field(ge=0)
    ema_decay: float = Field(ge=0, lt=1)


class Temperature(Section):
    """Renewals on the expert's own data.

    Attributes:
        demos: independent pairs of state and action.
        sigma: read-out of the learned energy.
        states: in which the temperature is measured.
        actions: of each policy in each of them.
        pool: actions of the expert in each, which say what mean log density a temperature has.
        behaviour: recipe of the flow that the renewals start from.
        improvement: of the renewals; each has the beta of the whole over their number.
        solver: of flows whose spread is to be their own; the policies' is beside it, with the exact energy.
    """

    demos: Count
    sigma: float = Field(gt=0)
    states: int = Field(ge=2)
    actions: int = Field(ge=2)
    pool: int = Field(ge=16)
    behaviour: BehaviourParams
    improvement: ImprovementParams
    solver: SolverParams


class TemperatureGrid(Temperature, Grid):
    """... on each expert."""


class Rescaling(Section):
    """Score matching on the expert's own data, weighted by its own energy.

    Attributes:
        demos: states; in each, one action is drawn by the weights out of `support` of the expert's.
        support: M; the weights are a softmax over them, so that c(s) cancels.
        betas: of the weights.
        weigh_at: read-out noise level of the energy that weighs.
        sigmas: noise levels at which the two energies are compared.
        states: of the comparison.
        actions: in each of them.
        pool: actions of the expert in each, from which the smoothed laws are computed.
    """

    demos: Count
    support: int = Field(ge=2, le=4096)
    betas: list[float] = Field(min_length=1)
    weigh_at: float = Field(gt=0)
    sigmas: list[float] = Field(min_length=1)
    states: int = Field(ge=2)
    actions: int = Field(ge=2)
    pool: int = Field(ge=16)


class RescalingGrid(Rescaling, Grid):
    """... on each expert."""


class WeightingRules(Section):
    """Verdict rules, fixed before the run.

    Attributes:
        solved: success that the ceiling needs on a task, else the task tests nothing.
        room: of success, which cloning everything has to leave below the ceiling, likewise.
        near: of success, by which a method may lie behind the ceiling and still come near it.
        temperature: relative, within which a measured temperature follows the law.
        slope: relative, within which a slope is the predicted one.
    """

    solved: Share
    room: Share
    near: Share
    temperature: Share
    slope: Share


class WeightingParams(Section):
    """Everything behind results/weighting.

    Attributes:
        seeds: of data and networks.
        mixture: see `Mixture`.
        energy: see `EnergyWeight`.
        learn: flows, critic and improvement on robot tasks, as in `offline.rl`; its `evaluate` is that of the results.
        small: see `Small`.
        rules: see `WeightingRules`.
    """

    seeds: Seeds
    mixture: Mixture
    energy: EnergyWeight
    learn: LearnParams
    imitation: ImitationGrid
    chain: ChainGrid
    small: Small
    temperature: TemperatureGrid
    rescaling: RescalingGrid
    rules: WeightingRules


class Robots(Section):
    """What a job on a robot task reads.

    Attributes:
        collect: how the expert is recorded, by task; what `mixture` says goes before it.
        model: the training of E_phi, of one step.
    """

    mixture: Mixture
    collect: dict[str, CollectParams]
    model: TrainParams
    energy: EnergyWeight
    learn: LearnParams


class Imitation(Robots):
    """... of imitation."""

    discriminator: Discriminator


class Chain(Robots):
    """... of the chain."""


class TemperatureParams(Temperature):
    """... and the energy, and everything that an offline run is told."""

    model: TrainParams
    learn: LearnParams


class RescalingParams(Rescaling):
    """... and the energies."""

    model: TrainParams


class PointParams(Section):
    """How rows become a point.

    Attributes:
        rules: see `WeightingRules`.
        report: intervals.
        dpi: of the figure.
        palette: likewise.
    """

    rules: WeightingRules
    report: ReportParams
    dpi: int = Field(ge=50, le=600)
    palette: str

"""The offline section of params.yaml, typed: one group of numbers a check, and the tolerances of the verdicts."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from energyflow.config.section import Section
from energyflow.config.sections import Count, Rate, Seed, Steps, Widths
from energyflow.offline.methods.sections import LearnParams
from energyflow.offline.sections import FitParams, SolverParams


class Toys(Section):
    """Guided generation on the two-dimensional sets.

    Attributes:
        betas: inverse temperatures of the tilted laws.
        points: of p that every method learns from.
        samples: of each method, and of the exact law, that distances are taken between.
        drawn: of those, how many are kept for the scatter figure (first seed).
        directions: of the sliced distance.
        hidden: widths of every network.
        time_dim: time features.
        fit: the recipe, the same for all.
        dropout: share of the data for which the network of classifier-free guidance is not told the class.
        group: points at one time of the contrastive loss; divides the batch.
        ot: solver on the straight path.
        vp: solver on the variance-preserving path.
    """

    betas: list[float] = Field(min_length=1)
    points: int = Field(ge=16)
    samples: int = Field(ge=16)
    drawn: int = Field(ge=1)
    directions: int = Field(ge=1)
    hidden: list[int] = Field(min_length=1)
    time_dim: int = Field(ge=2, multiple_of=2)
    fit: FitParams
    dropout: float = Field(gt=0, lt=1)
    group: int = Field(ge=2)
    ot: SolverParams
    vp: SolverParams


class ToysGrid(Toys):
    """... on each of the sets."""

    sets: list[str] = Field(min_length=1)


class FieldCheck(Section):
    """Theorem 4.1 on a Gaussian mixture: at `points` points of each time; laws of so many samples."""

    betas: list[float] = Field(min_length=1)
    times: list[float] = Field(min_length=1)
    points: int = Field(ge=1)
    samples: int = Field(ge=16)
    directions: int = Field(ge=1)
    steps: int = Field(ge=1)


class Gradient(Section):
    """Theorem 4.3 and Corollary 4.7: gradients from n samples, averaged over repeats."""

    betas: list[float] = Field(min_length=1)
    samples: list[int] = Field(min_length=2)
    repeats: int = Field(ge=1)


class Importance(Section):
    """Remark 4.6: gradients of batches, weighted or resampled from a population."""

    betas: list[float] = Field(min_length=1)
    population: int = Field(ge=16)
    batch: int = Field(ge=2)
    repeats: int = Field(ge=2)


class ClassifierFree(Section):
    """Section 4.3 in one dimension, by quadrature on `grid` points and `steps` of a solver."""

    betas: list[float] = Field(min_length=1)
    grid: int = Field(ge=16)
    steps: int = Field(ge=1)
    samples: int = Field(ge=16)


class Support(Section):
    """Offsets c(s) of a standard deviation each, over states with M support actions."""

    offsets: list[float] = Field(min_length=1)
    states: int = Field(ge=2)
    actions: int = Field(ge=2)
    beta: float = Field(gt=0)


class Renewal(Section):
    """Self-normalised steps with M support actions, once or renewed.

    Attributes:
        betas: of one step.
        actions: M.
        m: M of the renewals.
        beta: of each renewal.
        renewals: how many.
        repeats: draws that a mean is taken over.
    """

    betas: list[float] = Field(min_length=1)
    actions: list[int] = Field(min_length=2)
    m: int = Field(ge=2)
    beta: float = Field(gt=0)
    renewals: int = Field(ge=1)
    repeats: int = Field(ge=1)


class ActingSize(Section):
    """Networks that act, and their solvers: `hidden` widths and `time_dim` time features of field and energy alike."""

    hidden: Widths
    time_dim: int = Field(ge=2, le=4096, multiple_of=2)
    ot: SolverParams
    vp: SolverParams


class Acting(Section):
    """Time of one action: medians over `rounds`, in each of which every method acts `calls` times.

    Attributes:
        published: the networks of QGPO's code, which QIPO is said to share, beside those of `rl`.
    """

    published: ActingSize
    rounds: Count
    calls: Count


class ActingCheck(Section):
    """What its jobs read: every size by name, and the numbers of EnergyFlow."""

    sizes: dict[str, ActingSize] = Field(min_length=1)
    energyflow: dict[str, Any]
    rounds: Count
    calls: Count


class Tolerances(Section):
    """What an interval has to stay within for a claim to hold; fixed before any run.

    Attributes:
        field: largest difference of the two fields of Theorem 4.1.
        law: sliced distance of samples of the guided field, over that of an exact sample of the same size.
        slope: of the exponent -1/2 with which gradients of the two losses approach each other.
        gradient: distance of the mean gradients of weighted and resampled batches, in standard errors.
        exact: error of the mean that classifier-free guidance may have where it is exact, in standard deviations.
        invariance: largest change of a per-state weight by an offset.
        renewed: error of mean and spread after renewals, relative to their exact values.
    """

    field: float = Field(gt=0)
    law: float = Field(gt=1)
    slope: float = Field(gt=0)
    gradient: float = Field(gt=0)
    exact: float = Field(gt=0)
    invariance: float = Field(gt=0)
    renewed: float = Field(gt=0)


class Recording(Section):
    """Data sets made here: one SAC run, or a scripted expert, in an environment, and what is recorded of it.

    Attributes:
        steps: of the environment.
        eval_every: steps between two snapshots of the agent.
        eval_episodes: deterministic episodes that a snapshot's return is the mean of, and the random policy's.
        hidden: widths of actor and critics.
        ent_coef: first temperature, which is learned.
        learning_rate: of all three.
        batch_size: of an update, one a step.
        gamma: discount.
        learning_starts: random steps first.
        transitions: of each set; medium-replay has what its agent lived through, if that is less.
        share: of the way from the random to the last return, at which the medium agent is taken; of a script, the
            medium one's skill.
        noise: of recorded scripts, in actions of [-1, 1].
        seed: of the first initial state.
    """

    steps: Steps
    eval_every: Steps
    eval_episodes: Count
    hidden: Widths
    ent_coef: float = Field(gt=0, le=100)
    learning_rate: Rate
    batch_size: Count
    gamma: float = Field(gt=0, lt=1)
    learning_starts: int = Field(ge=0, le=10**8)
    transitions: int = Field(ge=2, le=10**8)
    share: float = Field(gt=0, lt=1)
    noise: float = Field(ge=0, le=1)
    seed: Seed


class RecordingGrid(Recording):
    """... in each of the environments."""

    environments: list[str] = Field(min_length=1)


class Pilot(Section):
    """Which of the data sets made here are learned from, by which methods; no seeds, no pilot.

    Attributes:
        supports: further numbers M of support actions, of QIPO-OT alone.
    """

    qualities: list[str] = Field(min_length=1)
    methods: list[str] = Field(min_length=1)
    supports: list[Count]
    seeds: list[Seed]


class OfflineParams(Section):
    """Everything behind results/offline; `rl` is what `energyflow offline` reads."""

    seeds: list[int] = Field(min_length=1)
    tolerances: Tolerances
    toys: ToysGrid
    field: FieldCheck
    gradient: Gradient
    importance: Importance
    classifier_free: ClassifierFree
    support: Support
    renewal: Renewal
    acting: Acting
    rl: LearnParams
    recording: RecordingGrid
    pilot: Pilot


class OfflineVerdicts(Section):
    """How rows become verdicts, and how figures look."""

    confidence: float = Field(gt=0, lt=1)
    tolerances: Tolerances
    dpi: int = Field(ge=50, le=600)
    palette: str

"""The theory section of params.yaml, typed: experts, models, and one group of numbers a check.

A group holds its grid (which experts, how many demonstrations and training steps), which the workflow expands into
jobs, and what a job reads, which is the group without its grid: another expert re-runs no job of the present ones.
"""

from __future__ import annotations

from pydantic import Field, field_validator

from energyflow.config.section import Section
from energyflow.studies.theory.experts.registry import check_expert


class NetworkSize(Section):
    """The networks of the theory, and how they are trained."""

    hidden: list[int] = Field(min_length=1)
    time_dim: int = Field(ge=2, multiple_of=2)
    batch_size: int = Field(ge=1)
    lr: float = Field(gt=0)
    warmup_steps: int = Field(ge=0)
    ema_decay: float = Field(ge=0, lt=1)


class Grid(Section):
    """A check on a list of experts."""

    experts: list[str] = Field(min_length=1)

    @field_validator("experts")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            check_expert(name)
        return names


class Levels(Section):
    """Where a check reads a model: at these noise levels, in so many states."""

    sigmas: list[float] = Field(min_length=1)
    states: int = Field(ge=2)


class Level(Section):
    """The same at one noise level."""

    sigma: float = Field(gt=0)
    states: int = Field(ge=2)


class Recovery(Levels):
    """Theorem 3.3 and Corollary 3.4: the energy against the soft Q."""

    actions: int = Field(ge=2)


class RecoveryGrid(Recovery, Grid):
    """... as a function of n and of training steps; the base numbers come on top."""

    demos: list[int]
    steps: list[int]


class Baseline(Level):
    """Proposition 3.9: raw and centred energies, and the variance of the baseline."""

    actions: int = Field(ge=2)
    references: list[int] = Field(min_length=1)
    pool: int = Field(ge=2)


class BaselineGrid(Baseline, Grid):
    """... on each expert."""


class Bound(Levels):
    """Theorem 3.11: errors of energy differences against the score error."""

    pairs: int = Field(ge=2)


class BoundGrid(Bound, Grid):
    """... on each expert."""


class Circulation(Levels):
    """Closed loops in the fields of experts and of trained robot policies."""

    triangles: int = Field(ge=1)


class CirculationGrid(Circulation, Grid):
    """... on each expert; the robot policies are those of the preset."""


class Generalisation(Section):
    """Theorem 3.6 and Lemma 3.8: the gap between training and held-out loss."""

    samples: int = Field(ge=16)


class GeneralisationGrid(Generalisation, Grid):
    """... as a function of n; the base number comes on top."""

    demos: list[int]


class Lipschitz(Level):
    """The constants of Theorem 3.6, with and without spectral norm."""

    actions: int = Field(ge=2)


class LipschitzGrid(Lipschitz, Grid):
    """... on each expert."""


class Modes(Levels):
    """Relative energies of separated modes."""

    flow_steps: int = Field(ge=1)


class ModesGrid(Modes, Grid):
    """... at each separation."""


class Misfit(Levels):
    """Demonstrators outside the assumption of a max-ent expert."""

    actions: int = Field(ge=2)


class MisfitGrid(Misfit, Grid):
    """... each of them."""


class TheoryParams(Section):
    """Everything behind results/<preset>/theory."""

    seeds: list[int] = Field(min_length=1)
    demos: int = Field(ge=16)
    steps: int = Field(ge=1)
    tolerance: float = Field(gt=0)
    network: NetworkSize
    recovery: RecoveryGrid
    baseline: BaselineGrid
    bound: BoundGrid
    circulation: CirculationGrid
    generalisation: GeneralisationGrid
    lipschitz: LipschitzGrid
    modes: ModesGrid
    misfit: MisfitGrid


class VerdictParams(Section):
    """How rows become verdicts, and how figures look."""

    confidence: float = Field(gt=0, lt=1)
    tolerance: float = Field(gt=0)
    dpi: int = Field(ge=50, le=600)
    palette: str

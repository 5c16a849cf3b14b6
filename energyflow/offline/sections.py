"""Typed numbers of the room. Light: what plans jobs reads it too."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from energyflow.config.section import Section

Solver = Literal["euler", "midpoint", "heun"]
EVALUATIONS: dict[Solver, int] = {"euler": 1, "midpoint": 2, "heun": 2}  # of the field, in a step of a solver


class FitParams(Section):
    """The recipe, one for all that is compared.

    Attributes:
        steps: of the optimiser.
        batch_size: data points a step.
        lr: the highest learning rate: a linear warm-up leads to it, a cosine from it to zero at the last step.
        warmup_steps: of the warm-up.
        weight_decay: of AdamW.
        ema_decay: of the average of the weights; in the first steps it forgets faster, min(decay, (1 + k) / (10 + k)).
    """

    steps: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    lr: float = Field(gt=0)
    warmup_steps: int = Field(ge=0)
    weight_decay: float = Field(0.0, ge=0)
    ema_decay: float = Field(ge=0, lt=1)


class SolverParams(Section):
    """How the probability flow of a path is integrated."""

    solver: Solver
    steps: int = Field(ge=1)

    @property
    def evaluations(self) -> int:
        """Of the network, for one sample."""
        return self.steps * EVALUATIONS[self.solver]

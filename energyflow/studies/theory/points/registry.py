"""Write one point: its table, its figure, and what was measured in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from energyflow.core.errors import UserError, nearest
from energyflow.report.point import Point
from energyflow.studies.theory.points import (
    baseline,
    bound,
    circulation,
    generalisation,
    lipschitz,
    misfit,
    modes,
    recovery,
)
from energyflow.studies.theory.sections import VerdictParams

POINTS: dict[str, Callable[[Sequence[Path], VerdictParams], Point]] = {
    "recovery": recovery.build,
    "circulation": circulation.build,
    "generalisation": generalisation.build,
    "lipschitz": lipschitz.build,
    "bound": bound.build,
    "baseline": baseline.build,
    "modes": modes.build,
    "misfit": misfit.build,
}


def build(name: str, inputs: Sequence[Path], params: VerdictParams) -> Point:
    """A point from the rows.csv files of its checks.

    Raises:
        UserError: unknown point, or an input is missing or contradictory.
    """
    if name not in POINTS:
        raise UserError(f"unknown point '{name}'; {nearest(name, POINTS)}")
    return POINTS[name](inputs, params)

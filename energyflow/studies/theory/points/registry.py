"""Write one point: its table, its figure, and what was measured in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from energyflow.config.section import parse_section
from energyflow.core.errors import UserError, nearest
from energyflow.report import point, style
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


def write_point(name: str, inputs: Sequence[Path], text: str, outputs: Sequence[Path]) -> None:
    """Write one point in the format of each output's suffix; equal rows and section give equal bytes.

    Args:
        name: key of `POINTS`.
        inputs: rows.csv files of its checks.
        text: `VerdictParams` as JSON.
        outputs: .csv (all numbers), .md and .tex (the table), .json (the words), .png, .svg and .pdf (the figure).

    Raises:
        UserError: unknown point, or an input is missing or contradictory.
        UserError: the section does not fit.
    """
    if name not in POINTS:
        raise UserError(f"unknown point '{name}'; {nearest(name, list(POINTS))}")
    params = parse_section(VerdictParams, text)
    with style.look():
        point.write(POINTS[name](inputs, params), params.dpi, outputs)

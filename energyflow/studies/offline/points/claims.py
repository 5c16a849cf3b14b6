"""Every claim of the paper with its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energyflow.report.point import Point
from energyflow.studies import claims
from energyflow.studies.offline.points import acting, cost, field, gradient, importance, returns, toys
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.verdicts import Judged

CLAIM = "What the paper claims, and what came of it; the points below say how each was measured."


def judged(paths: Sequence[Path], params: OfflineVerdicts) -> list[Judged]:
    """Every claim, in the order of its number."""
    found = [
        field.judged(paths, params),
        *gradient.judged(paths, params),
        importance.judged(paths, params),
        toys.judged(paths, params),
        cost.judged(paths, params),
        *returns.judged(paths, params),
        acting.judged(paths, params),
    ]
    return sorted(found, key=lambda one: one.claim)


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    caption = "Verdicts follow from the intervals over seeds and from tolerances that were fixed before any run."
    return claims.point(CLAIM, caption, judged(paths, params), params.palette)

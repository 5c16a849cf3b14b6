"""Every claim of the paper with its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energyflow.report.point import Point
from energyflow.studies import claims
from energyflow.studies.claims import NOTHING
from energyflow.studies.offline.points import cost, field, gradient, importance, renewal, toys
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.verdicts import UNTESTED, Judged

CLAIM = "What the paper claims, and what came of it; the points below say how each was measured."
BEYOND = (
    ("qi07", "QIPO improves on the baselines on D4RL", "return in an environment"),
    ("qi10", "action selection is 63.7 % (OT) and 25.6 % (Diff) faster than QGPO", "ms an action"),
)


def judged(paths: Sequence[Path], params: OfflineVerdicts) -> list[Judged]:
    """Every claim, in the order of its number."""
    found = [
        field.judged(paths, params),
        *gradient.judged(paths, params),
        importance.judged(paths, params),
        toys.judged(paths, params),
        cost.judged(paths, params),
        *renewal.judged(paths, params),
        *(
            Judged(claim, text, what, NOTHING, "no run in an environment here", UNTESTED)
            for claim, text, what in BEYOND
        ),
    ]
    return sorted(found, key=lambda one: one.claim)


def build(paths: Sequence[Path], params: OfflineVerdicts) -> Point:
    """The point of the page."""
    caption = "Verdicts follow from the intervals over seeds and from tolerances that were fixed before any run."
    return claims.point(CLAIM, caption, judged(paths, params), params.palette)

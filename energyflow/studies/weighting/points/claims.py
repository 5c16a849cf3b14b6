"""What we expect of the two papers together, each expectation with its verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from energyflow.report.columns import plain
from energyflow.report.point import Point
from energyflow.report.render import Column, Table
from energyflow.studies import claims
from energyflow.studies.claims import NOTHING
from energyflow.studies.verdicts import UNTESTED, VERDICT, Judged, at_least
from energyflow.studies.weighting.points import rescaling, success, temperature
from energyflow.studies.weighting.points.success import CHAIN, FLOOR, IMITATION, Outcomes, Trial
from energyflow.studies.weighting.sections import PointParams, WeightingRules

TITLE = "What was expected, and what came of it"
CLAIM = "Expectations of our own, for neither paper has the two together; the rules were fixed before the run."


@dataclass(frozen=True)
class Lead:
    """One method against another, over the tasks that test.

    Attributes:
        number: of the claim.
        text: what is expected.
        trial: where.
        first: the method that is expected to lead, or not to fall back.
        second: its rival.
        margin: of success, by which it may lie behind.
    """

    number: str
    text: str
    trial: Trial
    first: str
    second: str
    margin: Callable[[WeightingRules], float] = lambda _: 0.0


LEADS = (
    Lead("ew01", "energy weights imitate better than cloning everything", IMITATION, "energy", FLOOR),
    Lead("ew02", "they come near the expert's share", IMITATION, "energy", "expert_share", lambda rules: rules.near),
    Lead("ew03", "they are no worse than discriminator weights", IMITATION, "energy", "discriminator"),
    Lead("ew04", "they are no worse than the best of M by E_phi", IMITATION, "energy", "best_of"),
    Lead("ew05", "they are no worse than the demonstrations alone", IMITATION, "energy", "demonstrations"),
    Lead("ew06", "weights within states are no worse than across", IMITATION, "renewed", "energy"),
    Lead("ew07", "centring by own proposals is no worse than by N(0, I)", IMITATION, "energy", "reference"),
    Lead("ew12", "QIPO on the centred reward is better than cloning everything", CHAIN, "centred", FLOOR),
    Lead("ew13", "it comes near QIPO on the dense reward", CHAIN, "centred", "dense", lambda rules: rules.near),
)
KINDS = {"ew08": ("exact", "with the exact energy"), "ew09": ("learned", "with the learned energy")}
RATIOS = {
    "ew10": (
        "over_law",
        "weighted score matching learns (1 + beta) E + c(s), at the least noise level",
        "over 1 + beta",
    ),
    "ew11": ("over_exact", "and at each the energy of the noised weighted law", "over that of the noised laws"),
}


def lead(claim: Lead, found: Outcomes) -> Judged:
    """The verdict on one method against another: not testable where no task has a ceiling and room below it."""
    titles = claim.trial.methods
    about = (claim.number, claim.text, f"success, {titles[claim.first]} less {titles[claim.second]} (points)")
    tasks, margin = found.testable(), 100 * claim.margin(found.params.rules)
    if not tasks:
        return Judged(*about, NOTHING, "no task tests it", UNTESTED)
    value = found.gap(claim.first, claim.second, tasks)
    return Judged(*about, value, f"at least {-margin:g}" if margin else "at least 0", at_least(value, -margin))


def judged(paths: Sequence[Path], params: PointParams) -> list[Judged]:
    """Every claim, by number."""
    trials = {trial.check: success.read(trial, paths, params) for trial in (IMITATION, CHAIN)}
    found = [lead(claim, trials[claim.trial.check]) for claim in LEADS]
    tempered, rescaled, rules = temperature.read(paths), rescaling.read(paths), params.rules
    for number, (kind, words) in KINDS.items():
        value, verdict = temperature.judged(tempered, kind, params)
        text, quantity = (
            f"l renewals lower the temperature to alpha / (1 + l beta), {words}",
            "temperature over the law",
        )
        limit = f"within {rules.temperature:g} of 1, for each expert"
        found.append(Judged(number, text, quantity, value, limit, verdict))
    for number, (ratio, text, against) in RATIOS.items():
        value, verdict = rescaling.judged(rescaled, ratio, params)
        limit = f"within {rules.slope:g} of 1, in each setting"
        found.append(Judged(number, text, f"slope of E' on E {against}", value, limit, verdict))
    return sorted(found, key=lambda claim: claim.claim)


def build(paths: Sequence[Path], params: PointParams) -> Point:
    """The point of the page."""
    frame = claims.rows(judged(paths, params))
    table = Table(
        title=TITLE,
        caption="Verdicts follow from intervals and from the rules above; of several settings, the farthest is shown.",
        frame=frame,
        columns=(
            Column("Claim", plain("claim"), numeric=False),
            Column("What was expected", plain("text"), numeric=False),
            VERDICT,
            Column("Number", claims.number(), numeric=False),
            Column("Quantity", plain("quantity"), numeric=False),
            Column("Limit", plain("limit"), numeric=False),
        ),
    )
    return Point(TITLE, CLAIM, [f"{claims.said(frame)}."], table, frame, claims.draw(frame, params.palette))

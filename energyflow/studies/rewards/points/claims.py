"""Every claim of the paper about its reward, with its verdict in either regime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from energyflow.report import names
from energyflow.report.point import Point
from energyflow.report.wording import listed
from energyflow.studies import claims
from energyflow.studies.claims import NOTHING
from energyflow.studies.rewards.points import ranking
from energyflow.studies.rewards.points.curves import CENTRED, COVERAGE, Regime, area, drift, final, read, split
from energyflow.studies.rewards.resolve import ORACLE, SCRATCH
from energyflow.studies.rewards.sections import PointParams, Rules
from energyflow.studies.verdicts import UNTESTED, Estimate, Judged, at_least, at_most, every

RAW, BOTH = "raw_energy", "centered_energy_sparse"
PAPER = ("sparse", RAW, CENTRED)  # of the paper, beside its best
CLAIM = (
    "What the paper claims of its reward, and what came of it. The verdict is that of the agent from scratch, as in the"
    " paper; beside it the same rule where the replay holds demonstrations."
)
Found = tuple[Estimate, str]


@dataclass(frozen=True)
class Claim:
    """A claim that SAC decides.

    Attributes:
        number: as in the list of claims.
        text: what the paper says.
        sources: that it is about, beside the oracle.
        quantity: what is measured.
        limit: rules -> what it is held against, in words.
        judge: regime and tasks that test -> measurement and verdict.
    """

    number: str
    text: str
    sources: tuple[str, ...]
    quantity: str
    limit: Callable[[Rules], str]
    judge: Callable[[Regime, Sequence[str]], Found]


def near(regime: Regime, tasks: Sequence[str]) -> Found:
    """The centred energy is behind the oracle by no more than the margin."""
    value = regime.gap(CENTRED, ORACLE, tasks, area)
    return value, at_least(value, -100 * regime.params.rules.near)


def plateau(regime: Regime, tasks: Sequence[str]) -> Found:
    """The raw energy ends below the centred one by the margin."""
    value = regime.gap(RAW, CENTRED, tasks, final)
    return value, at_most(value, -100 * regime.params.rules.plateau)


def ahead(source: str, rivals: Sequence[str], regime: Regime, tasks: Sequence[str]) -> Found:
    """A source is ahead of every rival; the measurement is that against the closest one."""
    gaps = [regime.gap(source, rival, tasks, area) for rival in rivals]
    return min(gaps, key=lambda gap: gap.mean), every(*(at_least(gap, 0.0) for gap in gaps))


def best(regime: Regime, tasks: Sequence[str]) -> Found:
    """Centred + sparse is ahead of the paper's other sources, and the centred energy of sparse alone.

    The measurement is the least of these leads, that which decides.
    """
    parts = ahead(BOTH, PAPER, regime, tasks), ahead(CENTRED, ["sparse"], regime, tasks)
    return min((gap for gap, _ in parts), key=lambda gap: gap.mean), every(*(verdict for _, verdict in parts))


def drifts(regime: Regime, tasks: Sequence[str]) -> Found:
    """The centred energy loses more after its peak than the oracle, by the margin."""
    value = regime.gap(CENTRED, ORACLE, tasks, drift)
    return value, at_least(value, 100 * regime.params.rules.drift)


AREA = "area under the curve"
CLAIMS = (
    Claim(
        *("ef14", "the centred reward comes near the dense oracle", (CENTRED,), f"{AREA}, centred less dense"),
        *(lambda rules: f"at least {-100 * rules.near:g} points", near),
    ),
    Claim(
        *("ef15", "the raw energy plateaus early", (RAW, CENTRED), "final success, raw less centred"),
        *(lambda rules: f"at most {-100 * rules.plateau:g} points", plateau),
    ),
    Claim(
        *("ef16", "centred + sparse is best, sparse alone is slow", (BOTH, *PAPER)),
        *(f"{AREA}, the least lead", lambda _: "at least 0: both less each rival, and centred less sparse", best),
    ),
    Claim(
        *("ef17", "better rewards than adversarial IRL (GAIL, AIRL)", (CENTRED, "gail", "airl")),
        *(f"{AREA}, centred less the closest of both", lambda _: "at least 0, against each"),
        lambda regime, tasks: ahead(CENTRED, ("gail", "airl"), regime, tasks),
    ),
    Claim(
        *("ef18", "better rewards than likelihood-based ones", (CENTRED, "likelihood")),
        *(f"{AREA}, centred less likelihood", lambda _: "at least 0"),
        lambda regime, tasks: ahead(CENTRED, ("likelihood",), regime, tasks),
    ),
    Claim(
        *("ef25", "a state-only bias may alter the optimal policy in sequential problems", (CENTRED,)),
        *("loss of success after the peak, centred less dense", lambda rules: f"at least {100 * rules.drift:g} points"),
        drifts,
    ),
)


def judged(claim: Claim, regime: Regime | None) -> Judged:
    """The verdict on a claim in a regime: not testable where the oracle, or a source, is not there."""
    about = (claim.number, claim.text, f"{claim.quantity} (points)")
    if regime is None:
        return Judged(*about, NOTHING, "not run", UNTESTED)
    tasks = regime.testable()
    if not tasks:
        return Judged(*about, NOTHING, "no task tests it", UNTESTED)
    lacking = [names.source_name(each) for each in claim.sources if not regime.has(each, tasks)]
    if lacking:
        return Judged(*about, NOTHING, f"needs {listed(lacking)}", UNTESTED)
    value, verdict = claim.judge(regime, tasks)
    return Judged(*about, value, claim.limit(regime.params.rules), verdict)


def centring(paths: Sequence[Path], params: PointParams) -> Judged:
    """Claim ef06, which no agent but the judge decides."""
    about = ("ef06", "raw E ranks actions within a state but not across states; centring repairs it")
    quantity = "rank correlation across states, centred less raw"
    rules, confidence = params.rules, params.report.confidence
    found = ranking.read(paths)
    tasks = ranking.testable(found, params)
    if not tasks:
        return Judged(*about, quantity, NOTHING, "no judge has learnt its task", UNTESTED)
    raw = [ranking.measured(found, tasks, RAW, name, confidence) for name in ("within", "across")]
    if raw[0] is None or raw[1] is None or ranking.measured(found, tasks, CENTRED, "across", confidence) is None:
        return Judged(*about, quantity, NOTHING, "needs both energies, of one step", UNTESTED)
    value = ranking.centring(found, tasks, CENTRED, RAW, confidence)
    verdict = every(at_least(raw[0], rules.ranks), at_most(raw[1], rules.ranks), at_least(value, 0.0))
    limit = f"at least 0; and raw at least {rules.ranks:g} within states, at most that across"
    return Judged(*about, quantity, value, limit, verdict)


def build(paths: Sequence[Path], params: PointParams) -> Point:
    """The point of the page."""
    regimes = read(paths, params)
    _, shown, _ = split(regimes)
    found = [centring(paths, params), *(judged(claim, regimes.get(SCRATCH)) for claim in CLAIMS)]
    again = {claim.number: judged(claim, shown[0] if shown else None) for claim in CLAIMS}
    caption = (
        "Verdicts follow from intervals, paired by seed, and from the rules above, which were fixed before the run."
        " A claim is tested on the tasks that the oracle solves alone. Where rivals never succeed no lead over them can"
        f" be below 0, and a verdict on them says no more than that. {COVERAGE}"
    )
    return claims.point(CLAIM, caption, found, params.palette, {"with demonstrations": again})

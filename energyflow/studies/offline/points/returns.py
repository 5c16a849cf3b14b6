"""Returns of the pilot by seed, what its data let a policy reach, and the claims that are about returns.

A data set counts for a verdict where some learner comes up to its ceiling, the mean return of the best tenth of its
episodes: where the interval over seeds of the best one ends at or above it. Where none does, the budget or the data
were too small for any improvement to be seen, and the verdict is `undecided`. A method improves on another where the
whole interval of the difference, paired by seed and averaged over those data sets, lies above 0, and does not where
none of it does. All this was fixed before any run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from energyflow.core.files import read_json
from energyflow.offline.methods.registry import METHODS
from energyflow.offline.references import Normalisation
from energyflow.report.rows import parsed, read_table
from energyflow.report.seeds import over_seeds
from energyflow.studies.claims import NOTHING
from energyflow.studies.offline.pilot import JOBS, NAME, WIDENED, method_of, support_of
from energyflow.studies.offline.points.renewal import on_a_line
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.verdicts import FAILS, HOLDS, OPEN, UNTESTED, Estimate, Judged, by_seed, every

SCALES = ("normalised_own", "normalised_d4rl")
SUBJECT, ONE_SHOT = WIDENED, "efm"
BASELINES = ("best_of", "qgpo", "iql", "bc", "bc_diff")  # neither QIPO itself nor a part of it
TEXTS = {
    "qi07": "QIPO improves on the baselines on D4RL",
    "qi08": "iterative renewal improves on one shot",
    "qi09": "larger support sets M help",
}
LIMIT = "above 0, where a learner comes up to the best tenth of the data's episodes"


def title(learner: str) -> str:
    """What readers see of a learner."""
    count = support_of(learner)
    return METHODS[method_of(learner)].title + (f", M = {count}" if count else "")


def seed_means(paths: Sequence[Path]) -> pd.DataFrame:
    """One row a data set, learner and seed, means over episodes; empty where there is no pilot.

    Raises:
        UserError: a file is missing, damaged, or lacks a column.
    """
    found = []
    for path in paths:
        about = parsed(path, f"{NAME}/{JOBS[f'{NAME}_evaluate'].where}")
        if about is not None:
            means = read_table(path, ("return", SCALES[0])).mean(numeric_only=True)
            found.append(about | {name: means.get(name) for name in ("return", *SCALES)})
    return pd.DataFrame(found, columns=["env", "quality", "learner", "seed", "return", *SCALES])


def ceilings(paths: Sequence[Path]) -> dict[tuple[str, str], float]:
    """(environment, quality) -> mean return of the best tenth of the data's episodes, on their own scale."""
    found: dict[tuple[str, str], float] = {}
    for path in paths:
        about = parsed(path, f"{NAME}/{JOBS[f'{NAME}_record'].where}")
        if about is not None:
            note = read_json(path)
            scale = Normalisation(random=note["random"], expert=note["expert"], source="own")
            found |= {(about["env"], quality): scale.score(of["ceiling"]) for quality, of in note["sets"].items()}
    return found


def counted(paths: Sequence[Path], params: OfflineVerdicts) -> pd.DataFrame:
    """The rows of `seed_means` of the data sets whose ceiling some learner comes up to; see the module."""
    each, limit = seed_means(paths), ceilings(paths)
    reached = set()
    for key in set(zip(each["env"], each["quality"], strict=True)):
        part = each[(each["env"] == key[0]) & (each["quality"] == key[1])]
        best = over_seeds(part, ("learner",), SCALES[:1], params.confidence).nlargest(1, SCALES[0]).iloc[0]
        if best[f"{SCALES[0]}_high"] >= limit[key]:
            reached.add(key)
    return each[[key in reached for key in zip(each["env"], each["quality"], strict=True)]]


def gain(each: pd.DataFrame, first: str, second: str, params: OfflineVerdicts) -> Estimate:
    """Return of one learner minus another's on the same data and seeds; nothing where one was not run."""
    keys = ["env", "quality", "seed"]
    one, other = (each[each["learner"] == name][[*keys, SCALES[0]]] for name in (first, second))
    both = one.merge(other, on=keys, suffixes=("", "_other"))
    if both.empty:
        return NOTHING
    return by_seed(both[SCALES[0]] - both[f"{SCALES[0]}_other"], both["seed"], params.confidence)


def improves(value: Estimate) -> str:
    """Whether a gain is one: an interval that is 0 throughout is none."""
    return HOLDS if value.low > 0.0 else FAILS if value.high <= 0.0 else OPEN


def judged(paths: Sequence[Path], params: OfflineVerdicts) -> list[Judged]:
    """Claims qi07, qi08 and qi09; without a pilot not testable, beside what a line shows of the last two."""
    if seed_means(paths).empty:
        instead = {"qi07": ("return in an environment", NOTHING), **on_a_line(paths, params)}
        where = "no run in an environment here"
        return [Judged(claim, TEXTS[claim], *instead[claim], where, UNTESTED) for claim in TEXTS]
    known = set(seed_means(paths)["learner"])
    each = counted(paths, params)
    sets = f"own scale, mean over {len(each[['env', 'quality']].drop_duplicates())} data sets"

    def found(claim: str, first: str, others: Sequence[str]) -> Judged:
        if first not in known or not others:
            return Judged(claim, TEXTS[claim], "return in an environment", NOTHING, "not among the learners", UNTESTED)
        gains = {other: gain(each, first, other, params) for other in others}
        least = min(gains, key=lambda other: gains[other].mean)
        what = f"return of {title(first)} minus that of {title(least)}, {sets}"
        verdict = every(*(improves(value) for value in gains.values()))
        return Judged(claim, TEXTS[claim], what, gains[least], LIMIT, verdict)

    sizes = [f"{WIDENED}_m{count}" for count in sorted(filter(None, map(support_of, known)))]
    return [
        found("qi07", SUBJECT, [name for name in BASELINES if name in known]),
        found("qi08", SUBJECT, [name for name in (ONE_SHOT,) if name in known]),
        found("qi09", sizes[-1] if sizes else SUBJECT, sizes[:-1][:1]),
    ]

"""Which runs and points the study of the rewards has, and where their files lie.

Light: the Snakefile, DVC's glue and the tests read it, and it imports none of what the jobs compute with.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from energyflow.config import layout
from energyflow.config.params import Params
from energyflow.envs.tasks import modules
from energyflow.policies.registry import METHODS
from energyflow.rewards.registry import SOURCES, models_of
from energyflow.studies.rewards import resolve
from energyflow.studies.rewards.sections import PointParams, RankingParams, RewardsParams
from energyflow.studies.study import Check, CheckKey, Job, Study

NAME = "rewards"
HERE = "energyflow.studies.rewards"
RANKING = "ranking"
RUN = "{variant}/{task}/{source}/seed{seed}/"
JOBS = {
    f"{NAME}_shape": Job("shape", f"shape/{RUN}", ("curve.csv", *layout.EPISODES), ("collect", "reward_model")),
}
CURVES = "curves"
POINTS = {  # in the order of the page -> what they are made of
    "claims": (CURVES, RANKING),
    "scratch": (CURVES,),
    "demonstrations": (CURVES,),
    "unit": (CURVES,),
    "ranking": (RANKING,),
    "drift": (CURVES,),
}


class Run(NamedTuple):
    """SAC on one source with one seed; the variant is empty for the preset's own."""

    variant: str
    task: str
    source: str
    seed: int


def runs(p: Params, variant: str = "") -> list[Run]:
    """The runs of a variant, or the preset's own that the study looks at."""
    grid = product(resolve.tasks(p, variant), resolve.sources(p, variant), resolve.seeds(p))
    return [Run(variant, *each) for each in grid]


def added(p: Params) -> list[Run]:
    """Every run that the preset does not have."""
    return [run for variant in resolve.rewards_of(p).variants for run in runs(p, variant)]


def outputs(p: Params, run: Run) -> list[str]:
    """Files of a run, of the preset or of the study."""
    patterns = STUDIES[NAME].outputs(p.preset)[f"{NAME}_shape"] if run.variant else layout.patterns(p.preset)["shape"]
    return [pattern.format(**run._asdict()) for pattern in patterns]


def ranked(p: Params) -> list[CheckKey]:
    """The jobs of the ranking: a task and seed."""
    seeds = [seed for seed in resolve.rewards_of(p).ranking.seeds if seed in p.seeds]
    return [CheckKey(RANKING, task, seed) for task in resolve.judged(p) for seed in seeds]


def ranking_inputs(p: Params, key: CheckKey) -> list[str]:
    """Demonstrations, and the reward models of a seed with their descriptions."""
    patterns = layout.patterns(p.preset)
    models = [
        file
        for model in models_of(resolve.sources(p))
        for file in layout.expand(patterns["reward_model"][:2], p, model=[model], task=[key.subject], seed=[key.seed])
    ]
    return [*layout.expand(patterns["collect"][:1], p, task=[key.subject]), *models]


def ranking_code(key: CheckKey) -> list[str]:
    """Modules of every source, of the models that they read, and of the task."""
    models = [(model, METHODS[model].model.partition(":")) for model in models_of(SOURCES)]
    return [
        *(SOURCES.module(source) for source in SOURCES if source not in resolve.UNRANKED),
        *(module if colon else METHODS.module(model) for model, (module, colon, _) in models),
        *modules(key.subject, expert=False),
    ]


def rows_of(p: Params, point: str) -> list[str]:
    """The rows that a point is made of."""
    found: list[str] = []
    if CURVES in POINTS[point]:
        found += [outputs(p, run)[0] for run in (*runs(p), *added(p))]
    if RANKING in POINTS[point]:
        found += [STUDIES[NAME].check_files(p, key)[0] for key in ranked(p)]
    return found


def points(p: Params) -> list[str]:
    """The points of the page, in their order: those that the preset has runs for."""
    changes = [variant.shape for name, variant in resolve.rewards_of(p).variants.items() if runs(p, name)]
    there = {
        "demonstrations": any(change.get("demo_share") for change in changes),
        "unit": any(set(change) == {"unit"} for change in changes),
    }
    return [point for point in POINTS if there.get(point, bool(rows_of(p, point)))]


def owned(p: Params) -> dict[str, list[str]]:
    """What the DVC stage of the runs owns."""
    return {f"{NAME}_shape": [file for run in added(p) for file in outputs(p, run)]}


STUDIES = {
    NAME: Study(
        name=NAME,
        title="Which reward trains, and which ranks",
        params=RewardsParams,
        points=points,
        rows=rows_of,
        reads=PointParams,
        section=lambda p, _: resolve.point_section(p),
        build=f"{HERE}.page:build",
        head=f"{HERE}.page:HEAD",
        checks={
            RANKING: Check(
                params=RankingParams,
                module=f"{HERE}.ranking",
                keys=ranked,
                section=resolve.ranking_section,
                inputs=ranking_inputs,
                code=ranking_code,
            ),
        },
        reads_stages=("collect", "reward_model", "shape"),
        sections=("collect", "train", "network", "method", "source", "shape", "evaluate", "reward_model"),
        jobs=JOBS,
        made=owned,
        valid=resolve.check,
    )
}

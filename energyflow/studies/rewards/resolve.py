"""From params.yaml to the sections of the study: what each variant changes, and what each job reads."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from energyflow.config.params import Params
from energyflow.config.section import describe
from energyflow.config.sections import ShapeParams, ShapeSection
from energyflow.core.errors import UserError, nearest
from energyflow.envs.tasks import check_simulated
from energyflow.rewards.registry import SOURCES
from energyflow.studies.rewards.sections import PointParams, RankingParams, RewardsParams

NAMES = re.compile(r"[a-z0-9_]+")  # of variants, as they stand in paths
SCRATCH = "scratch"  # the regime of the preset's own runs
ORACLE, CONTROL = "dense", "constant"
BOUNDED, COST = "centered_energy_bounded", "step_cost"  # both end at success: the control says what that alone is worth
UNRANKED = (COST,)  # to a rank it is what `constant` is, one value everywhere
JUDGE = "judge"  # of the ranking, which stands among the sources that it judges


def rewards_of(p: Params) -> RewardsParams:
    """The section of a preset that has one."""
    found = p.studies["rewards"]
    assert isinstance(found, RewardsParams)
    return found


def section(p: Params, variant: str, task: str, source: str) -> ShapeParams:
    """What a run reads: the preset's section of the task and source, under the changes of the variant.

    Raises:
        UserError: a change is unknown, mistyped, out of bounds, or does not go together with the rest.
    """
    changes, where = rewards_of(p).variants[variant].shape, f"rewards.variants.{variant}.shape"
    for key in changes:
        if key not in ShapeSection.model_fields:
            known = list(ShapeSection.model_fields)
            raise UserError(f"params.yaml: {where}: unknown key '{key}'; {nearest(str(key), known)}")
    return _changed(p.of(task).shape[source], changes, where)


def _changed(section: ShapeParams, changes: dict[str, Any], where: str) -> ShapeParams:
    try:
        return ShapeParams.model_validate(section.model_dump() | changes)
    except ValidationError as error:
        raise UserError(f"params.yaml: {where}: {describe(error)}") from None


def tasks(p: Params, variant: str = "") -> list[str]:
    """Tasks of a variant, or those of the preset's own runs that the study looks at."""
    own = rewards_of(p)
    if not variant:
        return [task for task in own.tasks if task in p.every_shape_task]
    return [task for task in own.variants[variant].tasks or own.tasks if task in own.tasks]


def sources(p: Params, variant: str = "") -> list[str]:
    """Sources of the preset's own runs, on any grid, or those of them that a variant has."""
    wanted = rewards_of(p).variants[variant].sources if variant else "all"
    return [source for source in SOURCES if source in p.every_source and (wanted == "all" or source in wanted)]


def seeds(p: Params) -> list[int]:
    """Seeds that the preset has."""
    return [seed for seed in rewards_of(p).seeds if seed in p.seeds]


def check(p: Params) -> None:
    """Every variant is one that its sources can be run with.

    Raises:
        UserError: a name or a change is wrong, or the preset's own runs are not those of the regime from scratch.
    """
    own = rewards_of(p)
    for task in (*own.tasks, *(task for each in own.variants.values() for task in each.tasks or ())):
        check_simulated(task)
    for name, variant in own.variants.items():
        if not NAMES.fullmatch(name) or name == SCRATCH:
            raise UserError(
                f"params.yaml: rewards.variants: '{name}' stands in paths: small letters, digits and _ alone"
            )
        for source in variant.sources if variant.sources != "all" else ():
            SOURCES[source]
        for task in tasks(p, name):
            for source in sources(p, name):
                section(p, name, task, source)
    ranking_section(p)
    if any(p.of(task).shape[ORACLE].demo_share for task in tasks(p)):
        raise UserError("params.yaml: shape.demo_share: the study `rewards` has its runs from scratch there: make it 0")


def ranking_section(p: Params) -> RankingParams:
    """What a job of the ranking reads.

    Raises:
        UserError: there is no such agent, or it cannot be trained for so many steps.
    """
    grid, agents = rewards_of(p).ranking, [SCRATCH, *rewards_of(p).variants]
    if grid.judge not in agents:
        where = "params.yaml: rewards.ranking.judge"
        raise UserError(f"{where}: unknown agent '{grid.judge}'; {nearest(grid.judge, agents)}")
    steps = {"steps": grid.steps, "eval_every": grid.steps}  # judged at its end alone
    judges = {task: _judge(p, grid.judge, task) for task in judged(p)}
    return RankingParams(
        **grid.model_dump(),
        judges={task: _changed(judge, steps, "rewards.ranking.steps") for task, judge in judges.items()},
        sources={source: p.shape[source].source_params for source in sources(p) if source not in UNRANKED},
    )


def judged(p: Params) -> list[str]:
    """Tasks of the ranking: those of its judges."""
    return tasks(p, "" if (judge := rewards_of(p).ranking.judge) == SCRATCH else judge)


def _judge(p: Params, name: str, task: str) -> ShapeParams:
    return p.of(task).shape[ORACLE] if name == SCRATCH else section(p, name, task, ORACLE)


def point_section(p: Params) -> PointParams:
    """How rows become a point."""
    own, look = rewards_of(p), p.plots["rewards"].model_dump()
    changes: dict[str, dict[str, Any]] = {name: variant.shape for name, variant in own.variants.items()}
    return PointParams(
        rules=own.rules,
        changes=changes,
        unit=p.shape[ORACLE].unit,
        report=p.report,
        dpi=look["dpi"],
        palette=look["palette"],
    )

"""The energy as a weight: which checks and points there are, and which files each reads.

Light: the Snakefile, DVC's glue and the tests read it, and it imports none of what the jobs compute with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from energyflow.config.params import Params
from energyflow.config.section import Section
from energyflow.envs.tasks import modules
from energyflow.policies.registry import METHODS
from energyflow.studies.study import Check, CheckKey, Study
from energyflow.studies.theory.experts.registry import modules as expert_modules
from energyflow.studies.weighting import resolve, sections
from energyflow.studies.weighting.resolve import NAME, weighting_of
from energyflow.studies.weighting.sections import PointParams, WeightingParams

HERE = "energyflow.studies.weighting"
# check -> what its jobs read of params.yaml, and how that is made
CHECKS: dict[str, tuple[type[Section], Callable[[Params], Section]]] = {
    "imitation": (sections.Imitation, resolve.imitation),
    "temperature": (sections.TemperatureParams, resolve.temperature),
    "rescaling": (sections.RescalingParams, resolve.rescaling),
    "chain": (sections.Chain, resolve.chain),
}
# in the order of the page -> the checks whose rows they are made of
POINTS: dict[str, tuple[str, ...]] = {"claims": tuple(CHECKS)} | {check: (check,) for check in CHECKS}


def keys(check: str, p: Params) -> list[CheckKey]:
    """Every job of a check: a task, or an expert, and a seed."""
    grid = getattr(weighting_of(p), check)
    subjects = grid.tasks if check in ("imitation", "chain") else grid.experts
    return [CheckKey(check, subject, seed) for subject in subjects for seed in weighting_of(p).seeds]


def code(key: CheckKey) -> list[str]:
    """Modules of the energy, and of the closed form, or of the simulator with its scripted expert."""
    simulated = modules(key.subject, expert=True) if "/" in key.subject else []
    return [METHODS.module(resolve.ENERGY), *expert_modules(key.subject), *simulated]


def rows(p: Params, point: str) -> list[str]:
    """The rows that a point is made of."""
    return [STUDIES[NAME].check_files(p, key)[0] for check in POINTS[point] for key in keys(check, p)]


def _check(name: str) -> Check:
    kind, section = CHECKS[name]
    return Check(kind, f"{HERE}.checks.{name}", partial(keys, name), section, code=code)


STUDIES = {
    NAME: Study(
        name=NAME,
        title="The first paper's energy as the second's weight",
        params=WeightingParams,
        points=lambda _: list(POINTS),
        rows=rows,
        reads=PointParams,
        section=lambda p, _: resolve.point_section(p),
        build=f"{HERE}.page:build",
        head=f"{HERE}.page:HEAD",
        checks={name: _check(name) for name in CHECKS},
        sections=("collect", "train", "network", "method", "reward_model"),
        valid=resolve.check,
    )
}

"""Energy-weighted flow matching in numbers: which checks and points there are, and which files each reads.

Light: the Snakefile, DVC's glue and the tests read it, and it imports none of what the jobs compute with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from energyflow.config.params import Params
from energyflow.config.section import Section
from energyflow.core.errors import UserError, nearest
from energyflow.studies.offline import pilot, sections
from energyflow.studies.offline.sections import OfflineParams, OfflineVerdicts
from energyflow.studies.study import Check, CheckKey, Study

NAME = "offline"
HERE = "energyflow.studies.offline"
CLAIMS = "claims"
PILOT = "pilot"  # the point of the runs in environments
SETS = ("8gaussians", "moons", "swissroll", "rings", "2spirals", "checkerboard")  # of energyflow/offline/sets.py
# check -> what its jobs read of params.yaml, and what it is done on; none: the sets of the preset
CHECKS: dict[str, tuple[type[Section], tuple[str, ...]]] = {
    "toys": (sections.Toys, ()),
    "field": (sections.FieldCheck, ("mixture",)),
    "gradient": (sections.Gradient, ("mixture",)),
    "importance": (sections.Importance, ("mixture",)),
    "classifier_free": (sections.ClassifierFree, ("two_modes",)),
    "support": (sections.Support, ("normal",)),
    "renewal": (sections.Renewal, ("linear", "quadratic")),
    "acting": (sections.ActingCheck, ("hopper", "walker2d", "antmaze")),
}
# in the order of the page -> the checks whose rows they are made of
POINTS: dict[str, tuple[str, ...]] = {
    CLAIMS: tuple(CHECKS),
    "field": ("field",),
    "gradient": ("gradient",),
    "importance": ("importance", "toys"),
    "classifier_free": ("classifier_free",),
    "toys": ("toys",),
    "samples": ("toys",),
    "cost": ("toys",),
    "support": ("support",),
    "renewal": ("renewal",),
    "temperature": ("renewal",),
    "acting": ("acting",),
}


def offline_of(p: Params) -> OfflineParams:
    """The offline section of a preset that has one."""
    found = p.studies[NAME]
    assert isinstance(found, OfflineParams)
    return found


def keys(check: str, p: Params) -> list[CheckKey]:
    """Every job of a check: a set, or a closed form, and a seed."""
    own = offline_of(p)
    return [CheckKey(check, subject, seed) for subject in CHECKS[check][1] or own.toys.sets for seed in own.seeds]


def section(check: str, p: Params) -> Section:
    """What the jobs of a check read: its group without its grid."""
    if check == "acting":
        return acting(p)
    kind = CHECKS[check][0]
    return kind(**{key: getattr(getattr(offline_of(p), check), key) for key in kind.model_fields})


def acting(p: Params) -> sections.ActingCheck:
    """The networks of `rl` beside the published ones, and EnergyFlow's numbers as the preset has them."""
    own = offline_of(p)
    ours = sections.ActingSize(hidden=own.rl.hidden, time_dim=own.rl.time_dim, ot=own.rl.acting.ot, vp=own.rl.acting.vp)
    return sections.ActingCheck(
        sizes={"published": own.acting.published, "ours": ours},
        energyflow=p.train["energyflow"].method_params,
        rounds=own.acting.rounds,
        calls=own.acting.calls,
    )


def points(p: Params) -> list[str]:
    """The points of the page, in their order; the pilot where the preset has one."""
    return [*POINTS, *([PILOT] if pilot.keys(offline_of(p)) else [])]


def owned(p: Params) -> dict[str, list[str]]:
    """What the DVC stages of the pilot own."""
    return pilot.made(offline_of(p), STUDIES[NAME].outputs(p.preset))


def rows(p: Params, point: str) -> list[str]:
    """The rows that a point is made of."""
    study = STUDIES[NAME]
    made = owned(p)
    records = [file for file in made[f"{NAME}_record"] if file.endswith("/manifest.json")]
    episodes = [*records, *(file for file in made[f"{NAME}_evaluate"] if file.endswith(".csv"))]
    if point == PILOT:
        return episodes
    checked = [study.check_files(p, key)[0] for check in POINTS[point] for key in keys(check, p)]
    return [*checked, *(episodes if point == CLAIMS else [])]


def verdicts(p: Params, _point: str) -> OfflineVerdicts:
    """How rows become verdicts and figures."""
    look = p.plots[NAME].model_dump()
    return OfflineVerdicts(
        confidence=p.report.confidence,
        tolerances=offline_of(p).tolerances,
        dpi=look["dpi"],
        palette=look["palette"],
    )


def valid(p: Params) -> None:
    """Say what of the section does not go together, before any job.

    Raises:
        UserError: an unknown set; a batch that the contrastive groups do not divide; a beta that a set has no law for.
    """
    toys = offline_of(p).toys
    pilot.check(offline_of(p))
    for name in toys.sets:
        if name not in SETS:
            raise UserError(f"offline.toys.sets: unknown set '{name}'; {nearest(name, SETS)}")
    if toys.fit.batch_size % toys.group:
        raise UserError(
            f"offline.toys: fit.batch_size {toys.fit.batch_size} is no multiple of group {toys.group}; change one"
        )
    if "swissroll" in toys.sets and max(toys.betas) >= 112.5:
        raise UserError(f"offline.toys.betas: swissroll has no law at {max(toys.betas):g}; stay below 112.5")


def _check(name: str) -> Check:
    own: Callable[[Params], list[CheckKey]] = partial(keys, name)
    return Check(CHECKS[name][0], f"{HERE}.checks.{name}", own, partial(section, name))


STUDIES = {
    NAME: Study(
        name=NAME,
        title="Energy-weighted flow matching",
        params=OfflineParams,
        points=points,
        rows=rows,
        reads=OfflineVerdicts,
        section=verdicts,
        build=f"{HERE}.page:build",
        head=f"{HERE}.page:HEAD",
        sections=("method",),
        checks={name: _check(name) for name in CHECKS},
        jobs=pilot.JOBS,
        made=owned,
        valid=valid,
    )
}

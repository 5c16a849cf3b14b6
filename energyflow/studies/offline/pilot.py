"""The pilot in environments: which data sets are made, which methods learn from them, and who starts from whose parts.

Light: the Snakefile, DVC's glue and the tests read it, and it imports none of what the jobs compute with.

    record    one SAC run an environment             -> three data sets
    learn     a data set, a learner, a seed          -> a policy; behaviour models and the critic are trained once
    evaluate  that policy in its environment         -> episodes.csv

A learner is a method, or QIPO-OT with another number M of support actions: `qipo_ot_m16`.
"""

from __future__ import annotations

import re
from itertools import product
from typing import NamedTuple

from energyflow.core.errors import UserError, nearest
from energyflow.offline.methods.registry import METHODS
from energyflow.offline.methods.sections import LearnParams
from energyflow.studies.offline.sections import OfflineParams, Recording
from energyflow.studies.study import Job

NAME = "offline"
QUALITIES = ("medium", "medium-replay", "medium-expert")
DATA = ("data/main_data.hdf5", "data/metadata.json")
CHECKPOINT = ("model.safetensors", "model.json", "parts.safetensors", "parts.json", "train.csv", "run.json")
RUN = "{env}/{quality}/{learner}/seed{seed}/"
JOBS = {
    f"{NAME}_record": Job(
        f"{NAME}_record",
        "record/{env}/",
        ("manifest.json", "curve.csv", "run.json", *(f"{quality}-v0/{file}" for quality in QUALITIES for file in DATA)),
        (),
    ),
    f"{NAME}_learn": Job(f"{NAME}_learn", f"learn/{RUN}", CHECKPOINT, (f"{NAME}_record",)),
    f"{NAME}_evaluate": Job(f"{NAME}_evaluate", f"rollouts/{RUN}", ("episodes.csv", "run.json"), (f"{NAME}_learn",)),
}
CLONES = {"ot": "bc", "vp": "bc_diff"}  # whose behaviour model the methods on a path start from
CRITIC = "best_of"  # whose critic all have that ask for the softmax one
WIDENED = "qipo_ot"  # the method that `supports` are tried with


class LearnKey(NamedTuple):
    """One policy."""

    env: str
    quality: str
    learner: str
    seed: int


def keys(own: OfflineParams) -> list[LearnKey]:
    """Every policy of the pilot."""
    pilot = own.pilot
    grid = product(own.recording.environments, pilot.qualities, learners(own), pilot.seeds)
    return [LearnKey(*each) for each in grid]


def learners(own: OfflineParams) -> list[str]:
    """The methods, and QIPO-OT with other supports."""
    return [*own.pilot.methods, *(f"{WIDENED}_m{count}" for count in own.pilot.supports)]


def method_of(learner: str) -> str:
    """The method of a learner."""
    return WIDENED if support_of(learner) else learner


def support_of(learner: str) -> int | None:
    """M of a learner that has one of its own."""
    match = re.fullmatch(rf"{WIDENED}_m(\d+)", learner)
    return int(match[1]) if match else None


def numbers(own: OfflineParams, learner: str) -> LearnParams:
    """What the training of a learner reads."""
    improvement = own.rl.improvement.model_copy(update={"support": support_of(learner) or own.rl.improvement.support})
    return own.rl.model_copy(update={"improvement": improvement})


def starts_from(learner: str) -> list[str]:
    """Methods whose runs on the same data and seed a learner takes its parts from."""
    method = method_of(learner)
    declared = METHODS[method]
    found = [CLONES[declared.path]] if declared.path else []
    found += [CRITIC] if declared.critic == "softmax" else []
    return [name for name in found if name != method]


def recording(own: OfflineParams) -> Recording:
    """What a recording reads: the group without its grid."""
    return Recording(**{key: getattr(own.recording, key) for key in Recording.model_fields})


def made(own: OfflineParams, outputs: dict[str, list[str]]) -> dict[str, list[str]]:
    """What each DVC stage of the pilot owns, by the study's patterns."""
    environments = own.recording.environments if keys(own) else []
    found = {f"{NAME}_record": [file.format(env=env) for env in environments for file in outputs[f"{NAME}_record"]]}
    for rule in (f"{NAME}_learn", f"{NAME}_evaluate"):
        found[rule] = [file.format(**key._asdict()) for key in keys(own) for file in outputs[rule]]
    return found


def check(own: OfflineParams) -> None:
    """Say what of the pilot does not go together, before any job.

    Raises:
        UserError: an unknown method or quality, a method without one whose parts it starts from, or supports that are
            those of no method, or of another learner already.
    """
    for quality in own.pilot.qualities:
        if quality not in QUALITIES:
            raise UserError(f"offline.pilot.qualities: unknown quality '{quality}'; {nearest(quality, QUALITIES)}")
    if own.pilot.supports and WIDENED not in own.pilot.methods:
        raise UserError(f"offline.pilot.supports: are of '{WIDENED}'; list that in offline.pilot.methods")
    if (count := own.rl.improvement.support) in own.pilot.supports:
        raise UserError(f"offline.pilot.supports: offline.rl.improvement.support is {count} already; leave it out")
    for method in own.pilot.methods:
        for other in starts_from(method):
            if other not in own.pilot.methods:
                raise UserError(f"offline.pilot.methods: '{method}' starts from the run of '{other}'; list that too")

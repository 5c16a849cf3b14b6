"""Which runs and points the ablations have, where their files lie, and which runs of the preset they compare with.

Light: the Snakefile, DVC's glue and the tests read it, and it imports none of what the jobs compute with.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

from energyflow.config import layout
from energyflow.config.params import Params
from energyflow.envs.tasks import modules
from energyflow.policies.registry import METHODS
from energyflow.studies.ablations import resolve
from energyflow.studies.ablations.sections import AblationsParams, PointParams, TailsParams
from energyflow.studies.study import Check, CheckKey, Job, Study

NAME = "ablations"
RUN = "{axis}/{value}/{task}/{item}/seed{seed}/"
JOBS = {
    f"{NAME}_{part}": Job(entry, f"{part}/{where}", files, reads)
    for part, entry, where, files, reads in (
        ("demos", "ablations_demos", "{task}/n{first}/", ("demos.hdf5", "manifest.json"), ("collect",)),
        ("train", "train", RUN, layout.CHECKPOINT, ("collect", f"{NAME}_demos")),
        ("sample", "ablations_sample", RUN, layout.CHECKPOINT[:2], ("train",)),
        ("evaluate", "evaluate", RUN, layout.EPISODES, (f"{NAME}_train", f"{NAME}_sample")),
        ("shape", "shape", RUN, ("curve.csv", *layout.EPISODES), ("collect", "reward_model")),
        ("gradients", "ablations_gradients", RUN, ("rows.csv", "run.json"), ("collect", "train", f"{NAME}_train")),
        ("latency", "ablations_latency", "{method}/", ("latency.csv", "run.json"), ("train",)),
    )
}
FIELDS = ("energyflow", "unconstrained")  # the pair that differs by the conservative constraint alone
TAILED = (*FIELDS, "flow_policy")  # whose samples are set against the demonstrator, as the preset has them, and
TURNED = ("centred", "law")  # with these axes turned
DIFFERENTIATED = "activation"  # the axis whose models are also looked at for gradients that are zero
# In the order of the page -> the axes that they show. An axis of params.yaml that none of them shows has its own point.
POINTS: dict[str, tuple[str, ...]] = {
    "centred": TURNED,
    "tails": (),
    "gamma": ("gamma",),
    "sampler": ("sampler",),
    "parameterisation": ("spectral_norm",),
    "head": ("head",),
    "activation": ("activation",),
    "noise": ("sigma_min", "sigma_max"),
    "demonstrations": ("demonstrations",),
    "levels": (),
    "reward": ("readout", "references"),
    "latency": (),
}


class Run(NamedTuple):
    """One setting of one axis on one task, with one seed; the item is a method or a source of reward."""

    axis: str
    value: str
    task: str
    item: str
    seed: int


def outputs(p: Params, rule: str, run: Run) -> list[str]:
    """Outputs of a rule for a run."""
    return [pattern.format(**run._asdict()) for pattern in STUDIES[NAME].outputs(p.preset)[f"{NAME}_{rule}"]]


def demos_files(p: Params, task: str, count: str) -> list[str]:
    """The first demonstrations of a task, in a file of their own."""
    return [pattern.format(task=task, first=count) for pattern in STUDIES[NAME].outputs(p.preset)[f"{NAME}_demos"]]


def of_preset(p: Params, rule: str, run: Run) -> list[str]:
    """Outputs of a rule of the preset for the run that an axis compares with."""
    filled = {"task": run.task, "method": run.item, "source": run.item, "seed": run.seed}
    return [pattern.format(**filled) for pattern in layout.patterns(p.preset)[rule]]


def compared(p: Params, axis: str) -> list[Run]:
    """Every run of an axis, those of the preset included."""
    found = resolve.ablations_of(p)
    section = found.axes[axis]
    shaped = section.kind == "shape"
    wanted, ran = (found.shape_tasks, p.shape_tasks) if shaped else (found.tasks, p.every_task)
    tasks = [task for task in wanted if task in ran]
    seeds = [seed for seed in found.seeds if seed in p.seeds]
    return [
        Run(axis, value, task, item, seed)
        for item in resolve.present(p, section)
        for task, value, seed in product(tasks, resolve.settings(p, axis, item), seeds)
    ]


def is_reference(p: Params, run: Run) -> bool:
    """Whether the preset has this run."""
    return run.value == resolve.reference(p, run.axis, run.item)


def runs(p: Params, *kinds: str) -> list[Run]:
    """Every run that the preset does not have, of axes of these kinds."""
    axes = (axis for axis, section in resolve.ablations_of(p).axes.items() if section.kind in kinds)
    return [run for axis in axes for run in compared(p, axis) if not is_reference(p, run)]


def checkpoint(p: Params, run: Run) -> list[str]:
    """Weights and description of a run, of the preset or of the ablations."""
    if is_reference(p, run):
        return of_preset(p, "train", run)[:2]
    return outputs(p, "sample" if resolve.ablations_of(p).axes[run.axis].kind == "sample" else "train", run)[:2]


def rows_file(p: Params, run: Run) -> str:
    """The rows of a run, of the preset or of the ablations."""
    axis = resolve.ablations_of(p).axes[run.axis]
    rule = "shape" if axis.kind == "shape" else "evaluate"
    if is_reference(p, run):
        return of_preset(p, "nfe" if axis.every_nfe else rule, run)[0]
    return outputs(p, rule, run)[0]


def demos_file(p: Params, run: Run) -> str:
    """The demonstrations that a run of kind `train` or `data` learns from."""
    if resolve.ablations_of(p).axes[run.axis].kind == "data":
        return demos_files(p, run.task, run.value)[0]
    return of_preset(p, "collect", run)[0]


def differentiated(p: Params) -> list[Run]:
    """The runs whose models are looked at for gradients that are zero."""
    return compared(p, DIFFERENTIATED) if DIFFERENTIATED in resolve.ablations_of(p).axes else []


def axes_of(p: Params, point: str) -> list[str]:
    """The axes that a point shows, of those that the preset has runs of."""
    return [axis for axis in POINTS.get(point, (point,)) if axis in resolve.ablations_of(p).axes and compared(p, axis)]


def points(p: Params) -> list[str]:
    """The points of the page, in their order."""
    shown = {axis for axes in POINTS.values() for axis in axes}
    found = [*POINTS, *(axis for axis in resolve.ablations_of(p).axes if axis not in shown)]
    return [point for point in found if rows_of(p, point)]


def rows_of(p: Params, point: str) -> list[str]:
    """The rows that a point is made of."""
    if point == "levels":
        if not set(FIELDS) <= set(p.methods):
            return []
        return layout.expand(layout.patterns(p.preset)["evaluate"][:1], p, method=list(FIELDS))
    if point == "latency":
        return latency_files(p)
    if point == "tails":
        return [STUDIES[NAME].check_files(p, key)[0] for key in tails(p)]
    files = [rows_file(p, run) for axis in axes_of(p, point) for run in compared(p, axis)]
    if point == DIFFERENTIATED:
        files += [outputs(p, "gradients", run)[0] for run in differentiated(p)]
    return list(dict.fromkeys(files))  # a run of the preset belongs to several axes


def tails(p: Params) -> list[CheckKey]:
    """The jobs of the tails: a task and seed, of all policies that are compared."""
    found = resolve.ablations_of(p)
    if not set(TAILED) <= set(p.methods):
        return []
    tasks = [task for task in found.tasks if task in p.every_task and p.of(task).collect.source == "scripted"]
    return [CheckKey("tails", task, seed) for task in tasks for seed in found.seeds if seed in p.seeds]


def tails_inputs(p: Params, key: CheckKey) -> list[str]:
    """The checkpoints of one job."""
    turned = [run for axis in TURNED if axis in resolve.ablations_of(p).axes for run in compared(p, axis)]
    own = [run for run in turned if (run.task, run.seed) == (key.subject, key.seed) and not is_reference(p, run)]
    preset = [Run("", "", key.subject, method, key.seed) for method in TAILED]
    return [
        *(of_preset(p, "train", run)[0] for run in preset),
        *(checkpoint(p, run)[0] for run in own),
    ]


def tails_code(key: CheckKey) -> list[str]:
    """Modules of the policies of a job, and of what demonstrates its task."""
    named = [resolve.VARIANTS.get(method, method) for method in TAILED]
    return [*(METHODS.module(method) for method in (*TAILED, *named)), *modules(key.subject, expert=True)]


def latency_files(p: Params) -> list[str]:
    """Latency of every method of the preset, on whichever grid: the table is one."""
    patterns = STUDIES[NAME].outputs(p.preset)[f"{NAME}_latency"]
    return [pattern.format(method=method) for method in p.every_method for pattern in patterns]


def owned(p: Params) -> dict[str, list[str]]:
    """What each DVC stage owns, points and page apart."""

    def each(rule: str, wanted: Iterable[Run]) -> list[str]:
        return [file for run in wanted for file in outputs(p, rule, run)]

    fewer = dict.fromkeys((run.task, run.value) for run in runs(p, "data"))
    files = {
        "demos": [file for task, count in fewer for file in demos_files(p, task, count)],
        "train": each("train", runs(p, "train", "data")),
        "sample": each("sample", runs(p, "sample")),
        "evaluate": each("evaluate", runs(p, "train", "data", "sample")),
        "shape": each("shape", runs(p, "shape")),
        "gradients": each("gradients", differentiated(p)),
        "latency": latency_files(p),
    }
    return {f"{NAME}_{part}": found for part, found in files.items()}


STUDIES = {
    NAME: Study(
        name=NAME,
        title="One choice at a time",
        params=AblationsParams,
        points=points,
        rows=rows_of,
        reads=PointParams,
        section=lambda p, point: resolve.point_section(p, axes_of(p, point)),
        build="energyflow.studies.ablations.page:build",
        head="energyflow.studies.ablations.page:HEAD",
        checks={
            "tails": Check(
                params=TailsParams,
                module="energyflow.studies.ablations.tails",
                keys=tails,
                section=resolve.tails_section,
                inputs=tails_inputs,
                code=tails_code,
            ),
        },
        reads_stages=("train", "evaluate", "nfe", "shape"),
        sections=("collect", "train", "network", "method", "source", "shape", "evaluate"),
        jobs=JOBS,
        made=owned,
        valid=resolve.check,
    )
}

"""dvc.yaml, generated: `make generated` writes it, and a test compares it with what is committed.

A DVC stage asks Snakemake for its outputs (`energyflow job stage NAME`), and Snakemake decides which jobs that takes.
So a stage names whatever may matter to it: the stages that it reads, rooms of code, whole sections.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from energyflow.config import layout
from energyflow.config.params import Params
from energyflow.envs.tasks import every_task, suite_of
from energyflow.pipeline import digests, plan
from energyflow.pipeline.code import code
from energyflow.policies.registry import policies
from energyflow.rewards.registry import SOURCES, models_of
from energyflow.studies.registry import STUDIES
from energyflow.studies.study import Study

PROVENANCE = "provenance"
CMD = "python -m energyflow.cli job stage {}"
HEAD = "# Generated from the plan by `make generated`. `dvc repro{}` makes what `snakemake{}` makes.\n"
# stage -> stages that it reads, sections of params.yaml that may matter to it
READS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "collect": ((), ("collect",)),
    "train": (("collect", "reward_model"), ("train", "network", "method", "shape", "source", "online", "evaluate")),
    "evaluate": (("train",), ("evaluate",)),
    "nfe": (("train",), ("evaluate",)),
    "expert": ((), ("evaluate",)),
    "latency": (("train",), ()),
    "landscape": (("collect", "train"), ("plots.landscape", "report")),
    "reward_model": (("collect",), ("train", "network", "method", "reward_model")),
    "shape": (("collect", "reward_model"), ("shape", "source", "evaluate")),
    plan.REPORT: (
        ("collect", "train", "evaluate", "nfe", "expert", "latency", "landscape", "reward_model", "shape"),
        ("report", "evaluate", *(f"plots.{name}" for name in layout.FIGURES)),
    ),
}
PLOTS = {  # data of `dvc plots` -> axes and template of .dvc/plots
    "ood": {"x": "level", "y": "success", "template": "levels", "title": "Success beyond the training range (%)"},
    "nfe": {"x": "nfe", "y": "success", "template": "steps", "title": "Success by sampling steps (%)"},
    "learning": {"x": "step", "y": "success", "template": "steps", "title": "SAC on each reward source (%)"},
    "loss": {"x": "step", "y": "loss", "template": "steps", "title": "Training loss"},
}


def stage_file(target: str) -> str:
    """The file of the DVC stages that make what a target of Snakemake makes."""
    return "dvc.yaml" if target == "all" else f"workflow/{target}/dvc.yaml"


def _code(stage: str) -> set[str]:
    """Code of any job of a stage of the target `all`."""
    offline, online, tasks = policies(online=False), policies(online=True), every_task()
    each: dict[str, Iterable[list[str]]] = {
        "collect": [code("collect", task=task, expert=True) for task in tasks],
        "train": [
            *(code("train", method=method) for method in offline),
            *(code("train_online", method=method, task=task) for method in online for task in tasks),
        ],
        "evaluate": [code("evaluate", method=method, task=task) for method in policies() for task in tasks],
        "expert": [code("evaluate", task=task, expert=True) for task in tasks],
        "latency": [code("latency", method=method) for method in policies()],
        "landscape": [code("landscape", method=method) for method in plan.ENERGIES],
        "reward_model": [code("train", method=model) for model in models_of(SOURCES)],
        "shape": [code("shape", source=source, task=task) for source in SOURCES for task in tasks],
        plan.REPORT: [
            code("table"),
            code("figure"),
            *(code("video", task=task) for task in tasks if suite_of(task).filmed),
        ],
    }
    return {file for files in each["evaluate" if stage == "nfe" else stage] for file in files}


def _study_code(study: Study, stage: str, p: Params) -> set[str]:
    """Code of any job of a stage of a study; which method, source or task a job is of is not looked at."""
    if stage == study.name:
        return {*code("point", study.build.partition(":")[0]), *code("page", study.head.partition(":")[0])}
    if stage in study.jobs:
        return {*code(study.jobs[stage].entry), *_code("train"), *_code("shape")}
    keys = ((check, key) for check in study.checks.values() for key in check.keys(p))
    return {file for check, key in keys for file in code("check", check.module, *check.code(key))}


def _rooms(files: Iterable[str]) -> list[str]:
    """The rooms of the package that some files are in."""
    return sorted({"/".join(Path(file).parts[:2]) for file in files})


def _stage(cmd: str, deps: Iterable[str], params: Iterable[str], outs: list[Any], *, away: bool) -> dict[str, Any]:
    keys = ["grid", "run", "tasks", *params, "presets.${preset}"]
    return ({"wdir": "../.."} if away else {}) | {"cmd": cmd, "deps": list(deps), "params": keys, "outs": outs}


def _outs(folders: Iterable[str], *, cached: bool) -> list[Any]:
    return [{folder: {"persist": True} | ({} if cached else {"cache": False})} for folder in folders]


def _folders(stage: str, p: Params) -> list[str]:
    return [folder.replace(f"/{p.preset}", "/${preset}") for folder in plan.folders(stage, p)]


def _digests(stages: Iterable[str]) -> list[str]:
    return [digests.file(stage, "${preset}") for stage in stages if digests.has_one(stage)]


def main_file(p: Params) -> str:
    """dvc.yaml of the target `all`; the preset is a variable of it."""
    stages: dict[str, Any] = {}
    for name, (reads, params) in READS.items():
        deps = _digests(reads) + _rooms(_code(name))
        outs = _outs(_folders(name, p), cached=name != plan.REPORT) + _outs(_digests([name]), cached=False)
        stages[name] = _stage(CMD.format(name), deps, params, outs, away=False)
    # Snakemake's own records travel with the outputs that they describe
    stages[PROVENANCE] = {"cmd": CMD.format(PROVENANCE), "deps": [*_digests(READS), *_folders(plan.REPORT, p)]}
    stages[PROVENANCE]["outs"] = _outs([".snakemake/metadata"], cached=True)
    plots = [{f"results/${{preset}}/plots/{name}.csv": look} for name, look in PLOTS.items()]
    shown = {"metrics": [f"results/${{preset}}/{layout.METRICS}"], "plots": plots}
    return _written("", {"vars": ["params.yaml"], "stages": stages, **shown})


def study_file(name: str, p: Params) -> str:
    """dvc.yaml of a study, which belongs to one preset."""
    study, stages = STUDIES[name], {}
    owned = study.stage_folders()
    own = [stage for stage in owned if stage != name]
    for stage, folders in owned.items():
        mine = [f"{study.folder(p.preset)}/{folder}" for folder in folders]
        reads = study.jobs[stage].reads if stage in study.jobs else study.reads_stages
        reads = (*reads, *(own if stage == name else study.jobs if stage == f"{name}_check" else ()))
        deps = _digests(reads) + _rooms(_study_code(study, stage, p))
        outs = _outs([*mine, study.page(p.preset)] if stage == name else mine, cached=stage != name)
        outs += _outs(_digests([stage]), cached=False)
        params = [name, *study.sections, *(("report", f"plots.{name}") if stage == name else ())]
        stages[stage] = _stage(CMD.format(stage), deps, params, outs, away=True)
    return _written(f" workflow/{name}/dvc.yaml", {"vars": ["../../params.yaml"], "stages": stages})


def _written(what: str, content: dict[str, Any]) -> str:
    target = f" {what.split('/')[1]}" if what else ""
    return HEAD.format(what, target) + yaml.safe_dump(content, sort_keys=False, width=140)

"""The plan: which files a preset has, and which stage owns each. Light: the Snakefile reads it before every run."""

from __future__ import annotations

from energyflow.config import layout
from energyflow.config.params import Params
from energyflow.envs.tasks import suite_of
from energyflow.rewards.registry import models_of, sources_of
from energyflow.studies.registry import STUDIES

REPORT = "report"


def patterns(preset: str) -> dict[str, list[str]]:
    """Map each rule that makes results to the patterns of its outputs, those of studies included."""
    found = layout.patterns(preset)
    for study in STUDIES:
        found |= STUDIES[study].outputs(preset)
    return found


def reward_model_files(params: Params) -> list[str]:
    """What the sources read where rewards are tried, and the methods' own sources wherever these are trained."""
    wanted = [(task, params.sources) for task in params.shape_tasks]
    wanted += [(task, sources_of(params.methods)) for task in params.tasks]
    pattern = layout.patterns(params.preset)["reward_model"]
    files = [layout.expand(pattern, params, task=[task], model=models_of(sources)) for task, sources in wanted]
    return list(dict.fromkeys(file for part in files for file in part))


def video_files(params: Params) -> list[str]:
    """One demonstration of each task whose suite is filmed."""
    filmed = [task for task in params.tasks if suite_of(task).filmed]
    return layout.expand([layout.VIDEO.replace("{preset}", params.preset)], params, task=filmed)


def stages(params: Params) -> dict[str, list[str]]:
    """Map each stage of the target `all` to the files that it owns."""
    pattern = layout.patterns(params.preset)
    demonstrated = list(dict.fromkeys([*params.tasks, *params.shape_tasks]))
    return {
        "collect": layout.expand(pattern["collect"], params, task=demonstrated),
        "train": layout.expand(pattern["train"], params),
        "expert": layout.expand(pattern["expert"], params),
        "evaluate": layout.expand(pattern["evaluate"], params),
        "nfe": layout.expand(pattern["nfe"], params, method=params.nfe_methods),
        "latency": layout.expand(pattern["latency"], params),
        "reward_model": reward_model_files(params),
        "shape": layout.expand(pattern["shape"], params, task=params.shape_tasks),
        REPORT: [
            *(file for table in layout.shown(params, layout.TABLES) for file in layout.table_files(params, table)),
            *(file for figure in layout.shown(params, layout.FIGURES) for file in layout.figure_files(params, figure)),
            *layout.plot_files(params),
            *video_files(params),
            layout.metrics_file(params),
        ],
    }


def outputs(params: Params) -> dict[str, list[str]]:
    """Map each DVC stage to the files that it owns, those of studies included."""
    found = stages(params)
    for study in STUDIES:
        found |= STUDIES[study].stages(params)
    return found


def folders(stage: str, params: Params) -> list[str]:
    """Folders that a DVC stage owns, which are its outs."""
    if stage == "collect":
        return [f"data/{params.preset}"]
    for study in (STUDIES[name] for name in STUDIES):
        if stage in study.stage_folders():
            return [f"{study.folder(params.preset)}/{name}" for name in study.stage_folders()[stage]]
    if stage == REPORT:
        return [f"{layout.report_dir(params)}/{kind}" for kind in ("tables", "figures", "plots")]
    return [f"results/{params.preset}/{stage}"]

"""The plan: which files a preset has, and which stage owns each. Light: the Snakefile reads it before every run."""

from __future__ import annotations

from energyflow.config import layout
from energyflow.config.params import Params
from energyflow.envs.tasks import suite_of
from energyflow.rewards.registry import models_of, sources_of
from energyflow.studies.registry import STUDIES

REPORT = "report"
ENERGIES = ("energyflow", "energyflow_paper")  # of which the first that a preset has is sliced for the landscape


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


def videos(params: Params) -> dict[str, str]:
    """Map the video of each task whose suite is filmed to the demonstrations that it shows one of."""
    filmed = [task for task in params.simulated(params.tasks) if suite_of(task).filmed]
    demos = layout.expand(layout.patterns(params.preset)["collect"][:1], params, task=filmed)
    files = layout.expand([layout.VIDEO.replace("{preset}", params.preset)], params, task=filmed)
    return dict(zip(files, demos, strict=True))


def landscape_files(params: Params) -> list[str]:
    """The slice through the first energy that there is, on the first task, with the first seed."""
    energies = [method for method in ENERGIES if method in params.methods][:1]
    pattern = layout.patterns(params.preset)["landscape"]
    return layout.expand(pattern, params, method=energies, task=params.tasks[:1], seed=params.seeds[:1])


def _rows(params: Params) -> dict[str, list[str]]:
    """Map each stage of jobs of the target `all`, those of the report apart, to the files that it owns."""
    pattern = layout.patterns(params.preset)
    demonstrated = list(dict.fromkeys([*params.tasks, *params.shape_tasks]))
    return {
        "collect": layout.expand(pattern["collect"], params, task=demonstrated),
        "train": layout.expand(pattern["train"], params),
        "expert": layout.expand(pattern["expert"], params, task=params.simulated(params.tasks)),
        "evaluate": layout.expand(pattern["evaluate"], params),
        "nfe": layout.expand(pattern["nfe"], params, method=params.nfe_methods),
        "latency": layout.expand(pattern["latency"], params),
        "landscape": landscape_files(params),
        "reward_model": reward_model_files(params),
        "shape": layout.expand(pattern["shape"], params, task=params.shape_tasks),
    }


def _packed(params: Params) -> dict[str, list[str]]:
    """What is packed beside the tables of a grid: `full` leaves out what `core` has, so that a row has one place."""
    rows = _rows(params)
    if params.grid == "core":
        return rows
    core = _rows(params.model_copy(update=params.core.model_dump(exclude={"studies"})))
    there = {file for files in core.values() for file in files}
    return {stage: [file for file in files if file not in there] for stage, files in rows.items()}


def archive(params: Params) -> str:
    """Folder of the packed rows of a preset on a grid."""
    return f"{layout.report_dir(params)}/{layout.ROWS}"


def packed_files(params: Params) -> list[str]:
    """The packed rows of a preset on a grid."""
    return layout.archive_files(archive(params), _packed(params))


def archives(params: Params) -> dict[str, dict[str, list[str]]]:
    """Map each folder of packed rows to the outputs, by stage, whose rows and records are in there."""
    found = {archive(params): _packed(params)}
    wanted = (study for study in STUDIES.values() if study.wanted(params))
    return found | {study.archive(params.preset): study.computed(params) for study in wanted}


def stages(params: Params) -> dict[str, list[str]]:
    """Map each stage of the target `all` to the files that it owns."""
    return _rows(params) | {
        REPORT: [
            *(file for table in layout.shown(params, layout.TABLES) for file in layout.table_files(params, table)),
            *(file for figure in layout.shown(params, layout.FIGURES) for file in layout.figure_files(params, figure)),
            *layout.plot_files(params),
            *videos(params),
            *layout.metrics_files(params),
            *packed_files(params),
        ],
    }


def report_rows(params: Params) -> dict[str, list[str]]:
    """Map each table and figure, `plots` and `metrics` to the files that it is made of."""
    patterns = layout.patterns(params.preset)

    def grid(rule: str, *names: str, **fixed: list[str]) -> list[str]:
        return layout.expand([f for name in names for f in patterns[rule] if f.endswith(f"/{name}")], params, **fixed)

    simulated = params.simulated(params.tasks)
    episodes, expert = grid("evaluate", "episodes.csv"), grid("expert", "episodes.csv", task=simulated)
    models, latency = grid("train", "model.json"), grid("latency", "latency.csv")
    trained = grid("train", "run.json")
    levels = [*episodes, *expert, *grid("expert", "run.json", task=simulated), *models]
    found = {
        "success": [*episodes, *expert, *trained, *models, *grid("collect", "manifest.json")],
        "ranking": [*episodes, *models],
        "ood": levels,
        "ood_differences": levels,
        "nfe": grid("nfe", "episodes.csv", method=params.nfe_methods),
        "learning": grid("shape", "curve.csv", task=params.shape_tasks),
        "loss": grid("train", "train.csv"),
        "cost": [*trained, *models, *grid("evaluate", "run.json"), *latency],
        "claims_cost": [*trained, *models, *latency],
        "time": [*episodes, *trained],
        "landscape": landscape_files(params),
    }
    every = list(dict.fromkeys(file for name in ("ood", "nfe", "learning", "loss", "cost") for file in found[name]))
    return found | {"plots": every, "metrics": [*levels, *found["learning"]]}


def seen(params: Params) -> list[str]:
    """What the target `all` makes: all but checkpoints and demonstrations, which are made where a job needs them."""
    owned = stages(params)
    return [*layout.small(file for stage in owned if stage != REPORT for file in owned[stage]), *owned[REPORT]]


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
        return [
            f"{layout.report_dir(params)}/{kind}"
            for kind in ("tables", "figures", "plots", layout.METRICS, layout.ROWS)
        ]
    return [f"results/{params.preset}/{stage}"]

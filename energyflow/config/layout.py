"""Every path pattern and every expected output, written once: the rules, the engines' glue and the tests use it.

A path reads like a sentence: `results/laptop/train/metaworld/hammer/energyflow/seed0/model.safetensors`.
"""

from __future__ import annotations

from itertools import product

from energyflow.pipeline.params import Params
from energyflow.rewards.registry import models_of, sources_of
from energyflow.studies.registry import TARGETS

FIGURE_FORMATS = ("png", "svg", "pdf")
TABLE_FORMATS = ("csv", "md", "tex")
TABLES = ("success", "ranking", "ood", "nfe", "learning", "cost")
FIGURES = ("success", "ood", "nfe", "learning", "loss", "landscape")
PLOT_DATA = ("ood", "nfe", "learning", "loss")  # small CSV files that `dvc plots` draws
SHAPED = "learning"  # what there is of these only if rewards are tried: `shape_tasks` is not empty
FILMED = "robomimic/"  # tasks whose demonstrations store the states that a video is rendered from

DATA = "data/{preset}/{task}/"
TRAIN = "results/{preset}/train/{task}/{method}/seed{seed}/"
EVALUATE = "results/{preset}/evaluate/{task}/{method}/seed{seed}/"
NFE = "results/{preset}/nfe/{task}/{method}/seed{seed}/"
EXPERT = "results/{preset}/expert/{task}/"
REWARD_MODEL = "results/{preset}/reward_model/{task}/{model}/seed{seed}/"
SHAPE = "results/{preset}/shape/{task}/{source}/seed{seed}/"
VIDEO = "results/{preset}/figures/{task}.gif"
LATENCY = "results/{preset}/latency/{method}/"


def patterns(preset: str) -> dict[str, list[str]]:
    """Map each rule that makes results to the patterns of its outputs, wildcards in braces."""
    checkpoint = ("model.safetensors", "model.json", "train.csv", "run.json")
    table = {
        "collect": [DATA + f for f in ("demos.hdf5", "manifest.json")],
        "train": [TRAIN + f for f in checkpoint],
        "train_online": [TRAIN + f for f in checkpoint],
        "evaluate": [EVALUATE + f for f in ("episodes.csv", "run.json")],
        "nfe": [NFE + f for f in ("episodes.csv", "run.json")],
        "expert": [EXPERT + f for f in ("episodes.csv", "run.json")],
        "reward_model": [REWARD_MODEL + f for f in checkpoint],
        "shape": [SHAPE + f for f in ("curve.csv", "episodes.csv", "run.json")],
        "latency": [LATENCY + f for f in ("latency.csv", "run.json")],
    }
    for target in TARGETS:
        table |= target.outputs(preset)
    return {rule: [p.replace("{preset}", preset) for p in ps] for rule, ps in table.items()}


def report_dir(params: Params) -> str:
    """Folder of tables, figures and metrics: each grid has its own, for it shows other methods of the same rows."""
    return f"results/{params.preset}" + ("" if params.grid == "core" else f"/{params.grid}")


def shown(params: Params, names: tuple[str, ...]) -> list[str]:
    """Those of `TABLES`, `FIGURES` or `PLOT_DATA` that a preset has rows for."""
    return [name for name in names if name != SHAPED or params.shape_tasks]


def table_files(params: Params, table: str) -> list[str]:
    """All files of one table."""
    return [f"{report_dir(params)}/tables/{table}.{e}" for e in TABLE_FORMATS]


def figure_files(params: Params, figure: str) -> list[str]:
    """All files of one figure."""
    return [f"{report_dir(params)}/figures/{figure}.{e}" for e in FIGURE_FORMATS]


def plot_files(params: Params) -> list[str]:
    """The small CSV files behind `dvc plots`."""
    return [f"{report_dir(params)}/plots/{p}.csv" for p in shown(params, PLOT_DATA)]


def video_files(params: Params) -> list[str]:
    """One demonstration of each task that stores its states."""
    filmed = [task for task in params.tasks if task.startswith(FILMED)]
    return expand([p.replace("{preset}", params.preset) for p in (VIDEO,)], params, task=filmed)


def metrics_file(params: Params) -> str:
    """The file behind `dvc metrics`."""
    return f"{report_dir(params)}/metrics.json"


def expand(pattern_list: list[str], params: Params, **fixed: list[str] | list[int]) -> list[str]:
    """Fill the wildcards of the patterns with the grid of the preset; `fixed` narrows a wildcard."""
    grid: dict[str, list[str] | list[int]] = {
        "task": params.tasks,
        "method": params.methods,
        "seed": params.seeds,
        "source": params.sources,
        "model": params.models,
        **fixed,
    }
    files = []
    for pattern in pattern_list:
        used = [k for k in grid if "{" + k + "}" in pattern]
        for values in product(*(grid[k] for k in used)):
            files.append(pattern.format(**dict(zip(used, values, strict=True))))
    return files


def reward_model_files(params: Params) -> list[str]:
    """What the sources read where rewards are tried, and the methods' own sources wherever these are trained."""
    wanted = [(task, params.sources) for task in params.shape_tasks]
    wanted += [(task, sources_of(params.methods)) for task in params.tasks]
    pattern = patterns(params.preset)["reward_model"]
    files = [expand(pattern, params, task=[task], model=models_of(sources)) for task, sources in wanted]
    return list(dict.fromkeys(file for part in files for file in part))


def stages(params: Params) -> dict[str, list[str]]:
    """Map each DVC stage (`name`, or `name@item` of a matrix stage) to the files that it owns."""
    pattern = patterns(params.preset)
    shape_tasks = params.shape_tasks
    demonstrated = list(dict.fromkeys([*params.tasks, *shape_tasks]))
    owned: dict[str, list[str]] = {"collect": expand(pattern["collect"], params, task=demonstrated)}
    for method in params.methods:
        owned[f"train@{method}"] = expand(pattern["train"], params, method=[method])
    owned["expert"] = expand(pattern["expert"], params)
    for method in params.methods:
        owned[f"evaluate@{method}"] = expand(pattern["evaluate"], params, method=[method])
    owned["nfe"] = expand(pattern["nfe"], params, method=params.nfe_methods)
    owned["latency"] = expand(pattern["latency"], params)
    owned["reward_model"] = reward_model_files(params)
    for source in params.sources:
        owned[f"shape@{source}"] = expand(pattern["shape"], params, task=shape_tasks, source=[source])
    owned["report"] = [
        *(f for table in shown(params, TABLES) for f in table_files(params, table)),
        *(f for figure in shown(params, FIGURES) for f in figure_files(params, figure)),
        *plot_files(params),
        *video_files(params),
        metrics_file(params),
    ]
    return owned

"""Every path pattern, written once: rules, the engines' glue, studies and the report use it.

A path reads like a sentence: `results/laptop/train/metaworld/hammer/energyflow/seed0/model.safetensors`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import PurePath

from energyflow.config.params import Params

FIGURE_FORMATS = ("png", "svg", "pdf")
TABLE_FORMATS = ("csv", "md", "tex")
TABLES = ("success", "ranking", "ood", "ood_differences", "nfe", "learning", "cost", "claims_cost")
FIGURES = ("success", "ood", "nfe", "learning", "loss", "time", "landscape")
PLOT_DATA = ("ood", "nfe", "learning", "loss")  # small CSV files that `dvc plots` draws
SHAPED = "learning"  # what there is of these only if rewards are tried: `shape_tasks` is not empty

DATA = "data/{preset}/{task}/"
TRAIN = "results/{preset}/train/{task}/{method}/seed{seed}/"
EVALUATE = "results/{preset}/evaluate/{task}/{method}/seed{seed}/"
NFE = "results/{preset}/nfe/{task}/{method}/seed{seed}/"
EXPERT = "results/{preset}/expert/{task}/"
REWARD_MODEL = "results/{preset}/reward_model/{task}/{model}/seed{seed}/"
SHAPE = "results/{preset}/shape/{task}/{source}/seed{seed}/"
VIDEO = "results/{preset}/figures/{task}.gif"
LATENCY = "results/{preset}/latency/{method}/"
LANDSCAPE = "results/{preset}/landscape/{task}/{method}/seed{seed}/"
METRICS, SAC = "metrics", "sac/"  # folder of the files behind `dvc metrics`, and in there of those of SAC
ROWS = "rows"  # folder of the packed rows, beside the tables that are made of them
SMALL = (".csv", ".json")  # what is packed of the outputs of jobs: all but checkpoints and demonstrations
INDEX, RECORDS = "files.jsonl.gz", "snakemake.jsonl.gz"
CHECKPOINT = ("model.safetensors", "model.json", "train.csv", "run.json")
EPISODES = ("episodes.csv", "run.json")
STAGES: dict[str, tuple[str, tuple[str, ...]]] = {  # rule -> folder, files
    "collect": (DATA, ("demos.hdf5", "manifest.json")),
    "train": (TRAIN, CHECKPOINT),
    "train_online": (TRAIN, CHECKPOINT),
    "evaluate": (EVALUATE, EPISODES),
    "nfe": (NFE, EPISODES),
    "expert": (EXPERT, EPISODES),
    "reward_model": (REWARD_MODEL, CHECKPOINT),
    "shape": (SHAPE, ("curve.csv", *EPISODES)),
    "latency": (LATENCY, ("latency.csv", "run.json")),
    "landscape": (LANDSCAPE, ("grid.csv", "samples.csv", "run.json")),
}


def patterns(preset: str) -> dict[str, list[str]]:
    """Map each rule that makes results to the patterns of its outputs, wildcards in braces."""
    return {
        rule: [(folder + file).replace("{preset}", preset) for file in files]
        for rule, (folder, files) in STAGES.items()
    }


def expand(pattern_list: Sequence[str], params: Params, **fixed: Sequence[str | int]) -> list[str]:
    """Fill the wildcards of the patterns with the grid of the preset; `fixed` narrows a wildcard."""
    grid: dict[str, Sequence[str | int]] = {
        "task": params.tasks,
        "method": params.methods,
        "seed": params.seeds,
        "source": params.sources,
        "model": params.models,
        **fixed,
    }
    files = []
    for pattern in pattern_list:
        used = [key for key in grid if "{" + key + "}" in pattern]
        for values in product(*(grid[key] for key in used)):
            files.append(pattern.format(**dict(zip(used, values, strict=True))))
    return files


def report_dir(params: Params) -> str:
    """Folder of tables, figures and metrics: each grid has its own, for it shows other methods of the same rows."""
    return f"results/{params.preset}" + ("" if params.grid == "core" else f"/{params.grid}")


def shown(params: Params, names: tuple[str, ...]) -> list[str]:
    """Those of `TABLES`, `FIGURES` or `PLOT_DATA` that a preset has rows for."""
    return [name for name in names if name != SHAPED or params.shape_tasks]


def table_files(params: Params, table: str) -> list[str]:
    """All files of one table."""
    return [f"{report_dir(params)}/tables/{table}.{kind}" for kind in TABLE_FORMATS]


def figure_files(params: Params, figure: str) -> list[str]:
    """All files of one figure."""
    return [f"{report_dir(params)}/figures/{figure}.{kind}" for kind in FIGURE_FORMATS]


def plot_files(params: Params) -> list[str]:
    """The small CSV files behind `dvc plots`."""
    return [f"{report_dir(params)}/plots/{name}.csv" for name in shown(params, PLOT_DATA)]


def metrics_files(params: Params) -> list[str]:
    """The files behind `dvc metrics`, which shows a row for each: one a method, and one a source of reward."""
    sources = [f"{SAC}{source}" for source in params.sources if params.shape_tasks]
    return [f"{report_dir(params)}/{METRICS}/{name}.json" for name in [*params.methods, *sources]]


def small(files: Iterable[str]) -> list[str]:
    """Rows and records: those of the outputs of jobs that are small."""
    return [file for file in files if file.endswith(SMALL)]


def kinds(owned: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Map each file of rows to the packed file that it belongs to: one for each stage and file name."""
    rows = [(stage, file) for stage, files in owned.items() for file in files if file.endswith(".csv")]
    return {file: f"{stage}_{PurePath(file).stem}.csv.gz" for stage, file in rows}


def archive_files(folder: str, owned: Mapping[str, Sequence[str]]) -> list[str]:
    """The files that the small outputs of stages are packed in."""
    return [f"{folder}/{name}" for name in (INDEX, RECORDS, *sorted(set(kinds(owned).values())))]

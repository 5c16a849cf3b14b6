"""`energyflow <stage> ...`: thin. Parses, calls one function, prints clear errors; imports each stage lazily."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energyflow.config.section import parse_section
from energyflow.config.sections import (
    CollectParams,
    EvaluateParams,
    OnlineParams,
    ReportParams,
    ShapeParams,
    TrainParams,
)
from energyflow.core.errors import UserError

if TYPE_CHECKING:
    from energyflow.pipeline.params import Sections

Arguments = argparse.Namespace


def _of_params_yaml(a: Arguments, task: str) -> Sections:
    """The sections of params.yaml for a task, where the command line does not carry them."""
    from energyflow.pipeline.params import load

    return load(preset=a.preset).of(task)


def _collect(a: Arguments) -> None:
    from energyflow.datasets import human, scripted

    section = parse_section(CollectParams, a.params) if a.params else _of_params_yaml(a, a.task).collect
    section = section.model_copy(update={"source": a.source}) if a.source else section
    out = a.out or Path("data", section.source, a.task)
    {"scripted": scripted, "human": human}[section.source].collect(a.task, section, out)
    print(f"wrote {out}/demos.hdf5")


def _train(a: Arguments) -> None:
    from energyflow.datasets.format import load_demos
    from energyflow.envs.tasks import task_of
    from energyflow.learning.trainer import train

    task = a.task or task_of(load_demos(a.demos).env_args, a.demos.stem)
    section = parse_section(TrainParams, a.params) if a.params else _of_params_yaml(a, task).training(a.method)
    seed = a.seed or 0
    out = a.out or Path("runs", task, section.method, f"seed{seed}")
    train(task, seed, section, a.demos, out)
    print(f"wrote {out}/model.safetensors")


def _train_online(a: Arguments) -> None:
    from energyflow.agents.online import train_online
    from energyflow.datasets.format import load_demos
    from energyflow.envs.tasks import task_of

    task = a.task or task_of(load_demos(a.demos).env_args, a.demos.stem)
    section = parse_section(OnlineParams, a.params) if a.params else _of_params_yaml(a, task).training_online(a.method)
    seed = a.seed or 0
    out = a.out or Path("runs", task, section.method, f"seed{seed}")
    train_online(task, seed, section, a.demos, a.model, out)
    print(f"wrote {out}/model.safetensors")


def _evaluate(a: Arguments) -> None:
    from energyflow.core.files import read_json
    from energyflow.learning.evaluation import evaluate

    trained = read_json(a.model.with_suffix(".json"))
    task = a.task or trained["task"]
    section = parse_section(EvaluateParams, a.params) if a.params else _of_params_yaml(a, task).evaluate_levels()
    out = a.out or a.model.parent / "evaluate"
    evaluate(task, trained["seed"] if a.seed is None else a.seed, section, a.model, out)
    print(f"wrote {out}/episodes.csv")


def _expert(a: Arguments) -> None:
    from energyflow.learning.evaluation import evaluate_expert

    evaluate_expert(a.task, parse_section(EvaluateParams, a.params), a.out)


def _latency(a: Arguments) -> None:
    from energyflow.learning.latency import measure_latency

    measure_latency(a.model, a.out)


def _shape(a: Arguments) -> None:
    from energyflow.agents.sac import run_shape

    run_shape(a.task, a.source, a.seed, parse_section(ShapeParams, a.params), a.model, a.demos, a.out)


def _video(a: Arguments) -> None:
    if sys.platform == "linux":  # read when MuJoCo is imported: by default it wants a screen
        os.environ.setdefault("MUJOCO_GL", "egl")
    from energyflow.report.video import write_video

    write_video(a.demos, *a.outputs)


def _table(a: Arguments) -> None:
    from energyflow.report.outputs import write_table

    write_table(a.name, a.inputs, parse_section(ReportParams, a.params), a.outputs)


def _figure(a: Arguments) -> None:
    from energyflow.config.plots import PLOTS
    from energyflow.report.outputs import write_figure

    report = parse_section(ReportParams, a.report)
    write_figure(a.name, a.inputs, parse_section(PLOTS[a.name], a.params), report, a.outputs)


def _plots(a: Arguments) -> None:
    from energyflow.report.outputs import write_plot_data

    write_plot_data(a.inputs, parse_section(ReportParams, a.params), a.outputs)


def _metrics(a: Arguments) -> None:
    from energyflow.report.outputs import write_metrics

    write_metrics(a.inputs, parse_section(ReportParams, a.params), a.outputs)


def _theory_model(a: Arguments) -> None:
    from energyflow.studies.theory.models import train_model

    train_model(a.name, parse_section(TrainParams, a.params), a.count, a.seed, a.out)


def _theory_check(a: Arguments) -> None:
    from energyflow.studies.theory.jobs import run_check

    run_check(a.name, a.subject, a.seed, a.params, a.inputs, a.out)


def _point(target: str) -> Callable[[Arguments], None]:
    """Write a point of a target's page."""
    return lambda a: import_module(f"energyflow.{target}.report.points").write_point(
        a.name, a.inputs, a.params, a.outputs
    )


def _page(target: str) -> Callable[[Arguments], None]:
    """Write a target's page."""
    return lambda a: import_module(f"energyflow.{target}.page").write_page(a.inputs, *a.outputs)


def _ablations_demos(a: Arguments) -> None:
    from energyflow.studies.ablations.demos import write_subset

    write_subset(a.demos, a.count, a.out)


def _ablations_sample(a: Arguments) -> None:
    from energyflow.studies.ablations.sampling import resample
    from energyflow.studies.ablations.sections import SamplingParams

    resample(a.model, parse_section(SamplingParams, a.params), a.out)


def _ablations_gradients(a: Arguments) -> None:
    from energyflow.studies.ablations.gradients import measure

    measure(a.model, a.demos, a.out)


def _ablations_latency(a: Arguments) -> None:
    from energyflow.studies.ablations.latency import measure
    from energyflow.studies.ablations.sections import LatencyParams

    measure(a.model, parse_section(LatencyParams, a.params), a.out)


OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"help": "name of the table, figure, expert, check or point"},
    "task": {"help": "suite/task, for example robomimic/lift"},
    "--task": {"help": "suite/task, for example metaworld/hammer; custom/NAME for demonstrations of your own task"},
    "--source": {"help": "collect: scripted or human; shape: a source of reward, for example centered_energy"},
    "--method": {"default": "energyflow", "help": "method, where --params is not given (default: energyflow)"},
    "--seed": {"type": int, "help": "seed of the run"},
    "--preset": {"help": "preset of params.yaml, where --params is not given (default: the file's own)"},
    "--params": {"help": "the stage's section of params.yaml as JSON"},
    "--report": {"help": "the report section of params.yaml as JSON"},
    "--demos": {"type": Path, "help": "demonstrations, robomimic HDF5 layout"},
    "--model": {"type": Path, "help": "checkpoint: model.safetensors with model.json beside it"},
    "--out": {"type": Path, "help": "folder of the outputs"},
    "--subject": {"help": "what a check is done on: an expert of the theory, or a task"},
    "--count": {"type": int, "help": "how many demonstrations"},
    "--inputs": {"type": Path, "nargs": "+", "help": "files of rows"},
    "--outputs": {"type": Path, "nargs": "+", "help": "files to write"},
}
REPORT_IO = ("--inputs", "--outputs")
COMPUTING = (  # stages that compute with torch, on as many threads as the environment says
    *("train", "train_online", "evaluate", "shape", "latency", "theory_model", "theory_check"),
    *("ablations_gradients", "ablations_latency"),
)
OWN = ("--params", "--preset", "--out")  # what a user may leave to params.yaml; the workflow gives all of it


@dataclass(frozen=True)
class Stage:
    """One sub-command."""

    handler: Callable[[Arguments], None]
    text: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


STAGES = {
    "collect": Stage(_collect, "demonstrations of a scripted expert, or of people", ("task",), ("--source", *OWN)),
    "train": Stage(_train, "train a policy", ("--demos",), ("--task", "--method", "--seed", *OWN)),
    "train_online": Stage(
        _train_online,
        "train a policy in the simulator",
        ("--demos",),
        ("--model", "--task", "--method", "--seed", *OWN),
    ),
    "evaluate": Stage(_evaluate, "roll a checkpoint out", ("--model",), ("--task", "--seed", *OWN)),
    "expert": Stage(_expert, "roll the scripted expert out", ("--task", "--params", "--out")),
    "latency": Stage(_latency, "time planning calls", ("--model", "--out")),
    "shape": Stage(
        _shape,
        "SAC on a source of reward",
        ("--task", "--source", "--seed", "--params", "--out"),
        ("--model", "--demos"),
    ),
    "video": Stage(_video, "film one demonstration", ("--demos", "--outputs")),
    "table": Stage(_table, "a result table", ("name", "--params", *REPORT_IO)),
    "figure": Stage(_figure, "a figure", ("name", "--params", "--report", *REPORT_IO)),
    "theory_model": Stage(
        _theory_model, "train on an expert of the theory", ("name", "--params", "--count", "--seed", "--out")
    ),
    "theory_check": Stage(
        _theory_check, "check a theorem", ("name", "--subject", "--seed", "--params", "--inputs", "--out")
    ),
    "ablations_demos": Stage(_ablations_demos, "the first demonstrations of a file", ("--demos", "--count", "--out")),
    "ablations_sample": Stage(
        _ablations_sample, "a checkpoint under another sampler", ("--model", "--params", "--out")
    ),
    "ablations_gradients": Stage(_ablations_gradients, "gradients that are zero", ("--model", "--demos", "--out")),
    "ablations_latency": Stage(_ablations_latency, "time planning calls", ("--model", "--params", "--out")),
    "plots": Stage(_plots, "data of `dvc plots`", ("--params", *REPORT_IO)),
    "metrics": Stage(_metrics, "data of `dvc metrics`", ("--params", *REPORT_IO)),
}
for _target in ("theory", "ablations"):
    STAGES[f"{_target}_point"] = Stage(_point(_target), "a point of a page", ("name", "--params", *REPORT_IO))
    STAGES[f"{_target}_page"] = Stage(_page(_target), "a page of points", REPORT_IO)


def parser() -> argparse.ArgumentParser:
    """The command line: one sub-command a stage."""
    top = argparse.ArgumentParser(prog="energyflow", description=__doc__)
    stages = top.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name, stage in STAGES.items():
        sub = stages.add_parser(name, help=stage.text, description=stage.text)
        sub.set_defaults(handler=stage.handler)
        for option in stage.required:  # a positional argument is required as it is
            sub.add_argument(option, **OPTIONS[option] | ({"required": True} if option.startswith("-") else {}))
        for option in stage.optional:
            sub.add_argument(option, **OPTIONS[option])
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one stage; a user's mistake is one line on stderr and exit status 2, a bug is a traceback."""
    arguments = parser().parse_args(argv)
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads and arguments.stage in COMPUTING:
        import torch

        torch.set_num_threads(int(threads))
    try:
        arguments.handler(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

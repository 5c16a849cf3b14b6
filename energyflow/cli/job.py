"""`energyflow job ...`: what the rules of the workflow call. Each parses, calls one function, and imports it lazily.

A job is told everything: its section of params.yaml as JSON, its inputs, where to write.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energyflow.config import sections
from energyflow.config.section import parse_section
from energyflow.core.errors import UserError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

Arguments = argparse.Namespace


def _collect(a: Arguments) -> None:
    from energyflow.datasets.collect import collect

    collect(a.task, parse_section(sections.CollectParams, a.params), a.out)


def _train(a: Arguments) -> None:
    from energyflow.learning.trainer import train

    train(a.task, a.seed, parse_section(sections.TrainParams, a.params), a.demos, a.out)


def _train_online(a: Arguments) -> None:
    from energyflow.agents.online import train_online

    train_online(a.task, a.seed, parse_section(sections.OnlineParams, a.params), a.demos, a.model, a.out)


def _evaluate(a: Arguments) -> None:
    from energyflow.learning.evaluation import evaluate

    evaluate(a.task, a.seed, parse_section(sections.EvaluateParams, a.params), a.model, a.out)


def _expert(a: Arguments) -> None:
    from energyflow.learning.evaluation import evaluate_expert

    evaluate_expert(a.task, parse_section(sections.EvaluateParams, a.params), a.out)


def _latency(a: Arguments) -> None:
    from energyflow.learning.latency import measure_latency

    measure_latency(a.model, a.out)


def _shape(a: Arguments) -> None:
    from energyflow.agents.sac import run_shape

    run_shape(a.task, a.source, a.seed, parse_section(sections.ShapeParams, a.params), a.model, a.demos, a.out)


def _video(a: Arguments) -> None:
    if sys.platform == "linux":  # read when MuJoCo is imported: by default it wants a screen
        os.environ.setdefault("MUJOCO_GL", "egl")
    try:
        from energyflow.report.video import write_video
    except (ImportError, AttributeError, RuntimeError) as error:  # what a back end raises that is not there
        raise UserError(f"MUJOCO_GL={os.environ.get('MUJOCO_GL')}: cannot be used here ({error}); unset it") from None

    write_video(a.demos, *a.outputs)


def _table(a: Arguments) -> None:
    from energyflow.report.outputs import write_table

    write_table(a.name, a.inputs, parse_section(sections.ReportParams, a.params), a.outputs)


def _figure(a: Arguments) -> None:
    from energyflow.config.plots import PLOTS
    from energyflow.report.outputs import write_figure

    report = parse_section(sections.ReportParams, a.report)
    write_figure(a.name, a.inputs, parse_section(PLOTS[a.name], a.params), report, a.outputs)


def _plots(a: Arguments) -> None:
    from energyflow.report.outputs import write_plot_data

    write_plot_data(a.inputs, parse_section(sections.ReportParams, a.params), a.outputs)


def _metrics(a: Arguments) -> None:
    from energyflow.report.outputs import write_metrics

    write_metrics(a.inputs, parse_section(sections.ReportParams, a.params), a.outputs)


def _check(a: Arguments) -> None:
    from energyflow.studies.jobs import run_check

    run_check(a.study, a.name, a.subject, a.seed, a.params, a.inputs, a.out)


def _point(a: Arguments) -> None:
    from energyflow.studies.jobs import write_point

    write_point(a.study, a.name, a.inputs, a.params, a.outputs)


def _page(a: Arguments) -> None:
    from energyflow.studies.jobs import write_page

    write_page(a.study, a.inputs, *a.outputs)


def _theory_model(a: Arguments) -> None:
    from energyflow.studies.theory.models import train_model

    train_model(a.name, parse_section(sections.TrainParams, a.params), a.count, a.seed, a.out)


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


def _stage(a: Arguments) -> int:
    from energyflow.pipeline import engines, params

    return engines.stage(params.load(), a.name)


def _generated(a: Arguments) -> None:
    from energyflow.pipeline.generated import write

    for path in write():
        print(f"wrote {path}")


OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"help": "name of the table, figure, expert, check, point or stage"},
    "study": {"help": "name of the study"},
    "--task": {"help": "suite/task"},
    "--source": {"help": "source of reward"},
    "--seed": {"type": int, "help": "seed of the run"},
    "--params": {"help": "the section of params.yaml as JSON"},
    "--report": {"help": "the report section of params.yaml as JSON"},
    "--demos": {"type": Path, "help": "demonstrations, robomimic HDF5 layout"},
    "--model": {"type": Path, "help": "checkpoint: model.safetensors with model.json beside it"},
    "--out": {"type": Path, "help": "folder of the outputs"},
    "--subject": {"help": "what a check is done on: an expert of the theory, or a task"},
    "--count": {"type": int, "help": "how many demonstrations"},
    "--inputs": {"type": Path, "nargs": "+", "help": "files of rows"},
    "--outputs": {"type": Path, "nargs": "+", "help": "files to write"},
}
RUN = ("--task", "--seed", "--params", "--out")
FILES = ("--inputs", "--outputs")


@dataclass(frozen=True)
class Job:
    """One job of the workflow; `computes`: with torch, on as many threads as the environment says."""

    handler: Callable[[Arguments], int | None]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    computes: bool = False


JOBS = {
    "collect": Job(_collect, ("--task", "--params", "--out")),
    "train": Job(_train, (*RUN, "--demos"), computes=True),
    "train_online": Job(_train_online, (*RUN, "--demos"), ("--model",), computes=True),
    "evaluate": Job(_evaluate, (*RUN, "--model"), computes=True),
    "expert": Job(_expert, ("--task", "--params", "--out")),
    "latency": Job(_latency, ("--model", "--out"), computes=True),
    "shape": Job(_shape, (*RUN, "--source"), ("--model", "--demos"), computes=True),
    "video": Job(_video, ("--demos", "--outputs")),
    "table": Job(_table, ("name", "--params", *FILES)),
    "figure": Job(_figure, ("name", "--params", "--report", *FILES)),
    "plots": Job(_plots, ("--params", *FILES)),
    "metrics": Job(_metrics, ("--params", *FILES)),
    "check": Job(_check, ("study", "name", "--subject", "--seed", "--params", "--inputs", "--out"), computes=True),
    "point": Job(_point, ("study", "name", "--params", *FILES)),
    "page": Job(_page, ("study", *FILES)),
    "theory_model": Job(_theory_model, ("name", "--params", "--count", "--seed", "--out"), computes=True),
    "ablations_demos": Job(_ablations_demos, ("--demos", "--count", "--out")),
    "ablations_sample": Job(_ablations_sample, ("--model", "--params", "--out")),
    "ablations_gradients": Job(_ablations_gradients, ("--model", "--demos", "--out"), computes=True),
    "ablations_latency": Job(_ablations_latency, ("--model", "--params", "--out"), computes=True),
    "stage": Job(_stage, ("name",)),
    "generated": Job(_generated, ()),
}


def add(commands: Commands) -> None:
    """Add `job` and its sub-commands."""
    door = commands.add_parser("job", help="one job of the workflow; its rules call it")
    jobs = door.add_subparsers(dest="job", required=True, metavar="JOB")
    for name, job in JOBS.items():
        one = jobs.add_parser(name)
        one.set_defaults(handler=job.handler, computes=job.computes, flagged=False)
        for option in job.required:  # a positional argument is required as it is
            one.add_argument(option, **OPTIONS[option] | ({"required": True} if option.startswith("-") else {}))
        for option in job.optional:
            one.add_argument(option, **OPTIONS[option])

"""`energyflow <stage> ...`: thin. Parses, calls one function, prints clear errors; imports each stage lazily."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from energyflow.sections import (
    CollectParams,
    EvaluateParams,
    ParamsError,
    PlotParams,
    ReportParams,
    ShapeParams,
    TrainParams,
    parse_section,
)

Arguments = argparse.Namespace


def _collect(a: Arguments) -> None:
    from energyflow.demos.scripted import collect

    collect(a.task, parse_section(CollectParams, a.params), a.out)


def _train(a: Arguments) -> None:
    from energyflow.training import train

    train(a.task, a.seed, parse_section(TrainParams, a.params), a.demos, a.out)


def _evaluate(a: Arguments) -> None:
    from energyflow.evaluation import evaluate

    evaluate(a.task, a.seed, parse_section(EvaluateParams, a.params), a.model, a.out)


def _expert(a: Arguments) -> None:
    from energyflow.evaluation import evaluate_expert

    evaluate_expert(a.task, parse_section(EvaluateParams, a.params), a.out)


def _latency(a: Arguments) -> None:
    from energyflow.evaluation import measure_latency

    measure_latency(a.model, a.out)


def _shape(a: Arguments) -> None:
    from energyflow.rewards.sac import run_shape

    run_shape(a.task, a.source, a.seed, parse_section(ShapeParams, a.params), a.model, a.demos, a.out)


def _table(a: Arguments) -> None:
    from energyflow.report.outputs import write_table

    write_table(a.name, a.inputs, parse_section(ReportParams, a.params), a.outputs)


def _figure(a: Arguments) -> None:
    from energyflow.report.outputs import write_figure

    report = parse_section(ReportParams, a.report)
    write_figure(a.name, a.inputs, parse_section(PlotParams, a.params), report, a.outputs)


def _plots(a: Arguments) -> None:
    from energyflow.report.outputs import write_plot_data

    write_plot_data(a.inputs, parse_section(ReportParams, a.params), a.outputs)


def _metrics(a: Arguments) -> None:
    from energyflow.report.outputs import write_metrics

    write_metrics(a.inputs, parse_section(ReportParams, a.params), a.outputs)


OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"help": "name of the table or figure"},
    "--task": {"required": True, "help": "suite/task, for example metaworld/hammer"},
    "--source": {"required": True, "help": "source of reward, for example centered_energy"},
    "--seed": {"required": True, "type": int, "help": "seed of the run"},
    "--params": {"required": True, "help": "the stage's section of params.yaml as JSON"},
    "--report": {"required": True, "help": "the report section of params.yaml as JSON"},
    "--demos": {"type": Path, "help": "demonstrations, robomimic HDF5 layout"},
    "--model": {"type": Path, "help": "checkpoint: model.safetensors with model.json beside it"},
    "--out": {"required": True, "type": Path, "help": "folder of the outputs"},
    "--inputs": {"required": True, "type": Path, "nargs": "+", "help": "files of rows"},
    "--outputs": {"required": True, "type": Path, "nargs": "+", "help": "files to write"},
}
REPORT_IO = ("--inputs", "--outputs")
# stage -> handler, what it does, options; an option that the stage cannot do without is repeated in the last field
STAGES: dict[str, tuple[Callable[[Arguments], None], str, tuple[str, ...], tuple[str, ...]]] = {
    "collect": (_collect, "demonstrations of a scripted expert", ("--task", "--params", "--out"), ()),
    "train": (_train, "train a policy", ("--task", "--seed", "--params", "--demos", "--out"), ("--demos",)),
    "evaluate": (
        _evaluate,
        "roll a checkpoint out",
        ("--task", "--seed", "--params", "--model", "--out"),
        ("--model",),
    ),
    "expert": (_expert, "roll the scripted expert out", ("--task", "--params", "--out"), ()),
    "latency": (_latency, "time planning calls", ("--model", "--out"), ("--model",)),
    "shape": (
        _shape,
        "SAC on a source of reward",
        ("--task", "--source", "--seed", "--params", "--model", "--demos", "--out"),
        (),
    ),
    "table": (_table, "a result table", ("name", "--params", *REPORT_IO), ()),
    "figure": (_figure, "a figure", ("name", "--params", "--report", *REPORT_IO), ()),
    "plots": (_plots, "data of `dvc plots`", ("--params", *REPORT_IO), ()),
    "metrics": (_metrics, "data of `dvc metrics`", ("--params", *REPORT_IO), ()),
}


def parser() -> argparse.ArgumentParser:
    """The command line: one sub-command a stage."""
    top = argparse.ArgumentParser(prog="energyflow", description=__doc__)
    stages = top.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name, (handler, text, options, needed) in STAGES.items():
        sub = stages.add_parser(name, help=text, description=text)
        sub.set_defaults(handler=handler)
        for option in options:
            sub.add_argument(option, **(OPTIONS[option] | ({"required": True} if option in needed else {})))
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one stage; a user's mistake is one line on stderr and exit status 2, a bug is a traceback."""
    from energyflow.storage import StorageError

    arguments = parser().parse_args(argv)
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads and arguments.stage in ("train", "evaluate", "shape", "latency"):
        import torch

        torch.set_num_threads(int(threads))
    try:
        arguments.handler(arguments)
    except (ParamsError, StorageError, ValueError, RuntimeError) as error:
        if type(error) in (
            ValueError,
            RuntimeError,
        ):  # not one of the errors that this project words for its users
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`energyflow job ...`: what the rules of the workflow call. A job is told all: its section, inputs, where to write."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energyflow.config.section import parse_section
from energyflow.core.registry import implementation
from energyflow.pipeline.jobs import JOBS, Job

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

POSITIONAL = ("study", "name")
OPTIONS: dict[str, dict[str, Any]] = {
    "seed": {"type": int},
    "count": {"type": int, "help": "how many demonstrations"},
    "params": {"help": "the section of params.yaml as JSON"},
    "report": {"help": "the report section of params.yaml as JSON"},
    "demos": {"type": Path, "help": "demonstrations, robomimic HDF5 layout"},
    "model": {"type": Path, "help": "checkpoint: model.safetensors with model.json beside it"},
    "out": {"type": Path, "help": "folder, or file, of the output"},
    "subject": {"help": "what a check is done on: an expert of the theory, or a task"},
    "inputs": {"type": Path, "nargs": "*", "help": "files of rows; a check that computes all itself has none"},
    "outputs": {"type": Path, "nargs": "+", "help": "files to write"},
}


def _run(job: Job, given: argparse.Namespace) -> int | None:
    if sys.platform == "linux":  # read when MuJoCo is imported: by default it wants a screen
        os.environ.setdefault("MUJOCO_GL", "egl")
    values = {name: getattr(given, name) for name in (*job.takes, *job.optional)}
    if job.section is not None:
        values["params"] = parse_section(job.section, values["params"])
    done: int | None = implementation(job.function)(**values)
    return done


def add(commands: Commands) -> None:
    """Add `job` and its sub-commands."""
    door = commands.add_parser("job", help="one job of the workflow; its rules call it")
    jobs = door.add_subparsers(dest="job", required=True, metavar="JOB")
    for name, job in JOBS.items():
        one = jobs.add_parser(name)
        one.set_defaults(handler=partial(_run, job), computes=job.computes, flagged=False)
        for argument in (*job.takes, *job.optional):
            more: dict[str, Any] = OPTIONS.get(argument, {})
            if argument in POSITIONAL:
                one.add_argument(argument, **more)
            else:
                one.add_argument(f"--{argument}", required=argument in job.takes, **more)

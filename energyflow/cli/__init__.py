"""The one command line: `energyflow ...` for people, and `energyflow job ...` for the rules (job.py)."""

from __future__ import annotations

import argparse
import logging
import os
import platform
import re
import sys
from collections.abc import Sequence

from energyflow import __version__
from energyflow.cli import completion, data, evaluate, job, offline, people, results, reward, serve, train
from energyflow.core.errors import UserError

FLAG = re.compile(r"[a-z_]+\.[^=\s]+=")  # section.key=value, anywhere among the options


def parser() -> argparse.ArgumentParser:
    """The command line: one sub-command a task of people's, and `job`."""
    top = argparse.ArgumentParser(prog="energyflow", usage="%(prog)s COMMAND ...", description=people.__doc__)
    top.add_argument("--version", action="version", version=f"energyflow {__version__}")
    completion.add(top)
    commands = top.add_subparsers(prog="energyflow", dest="command", required=True, metavar="COMMAND")
    for part in (data, people, train, evaluate, reward, offline, serve, results, job):
        part.add(commands)
    return top


def _same_everywhere() -> None:
    """Have NumPy compute alike on every x86 processor, so that demonstrations are equal to the last bit.

    OpenBLAS chooses its kernels by the processor when it is loaded, and they round differently. Those of the oldest
    kind are in every build; what is multiplied here is so small that they cost no time that could be measured.
    """
    if platform.machine().lower() in ("x86_64", "amd64"):
        os.environ["OPENBLAS_CORETYPE"] = "Prescott"


def threads() -> int | None:
    """Threads that the environment asks for.

    Raises:
        UserError: OMP_NUM_THREADS is no positive number.
    """
    text = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # OpenMP allows one number a nesting level
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}: expected a number of threads, at least 1")
    return int(text)


def _say_aloud() -> None:
    """Print what the library has to say, each thing once: a file may be read twice."""
    said: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        known = record.getMessage() in said
        said.add(record.getMessage())
        return not known

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("note: %(message)s"))
    handler.addFilter(is_new)
    logging.getLogger("energyflow").handlers = [handler]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; a user's mistake is one line on stderr and exit status 2, a bug is a traceback."""
    top = parser()
    arguments, rest = top.parse_known_args(argv)
    arguments.flags = [each for each in rest if FLAG.match(each)]
    if unknown := [each for each in rest if not FLAG.match(each) or not arguments.flagged]:
        top.error(f"unrecognized arguments: {' '.join(unknown)}")
    _say_aloud()
    _same_everywhere()
    if getattr(arguments, "job", "") != "video" and not getattr(arguments, "video", None):
        os.environ["MUJOCO_GL"] = "disabled"  # nothing else draws, and a back end that is missing fails at import
    try:
        if arguments.computes and (count := threads()) is not None:
            import torch

            torch.set_num_threads(count)
        return int(arguments.handler(arguments) or 0)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2

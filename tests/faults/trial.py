"""One trial: a command on a damaged input, in a process of its own, and what became of it."""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from energyflow.cli import main

Verdict = Literal["fine", "refused", "lost", "silent", "traceback", "hang"]
GOOD: tuple[Verdict, ...] = ("fine", "refused")
VERDICTS: tuple[Verdict, ...] = ("fine", "refused", "lost", "silent", "traceback", "hang")
LIMIT = 120.0  # seconds; the commands need one or two
MEMORY = 12 << 30  # bytes of address space: what asks for more is told so, not killed


@dataclass(frozen=True)
class Trial:
    """What is tried.

    Attributes:
        what: the damage, in words.
        argv: arguments of `energyflow`.
        senseless: whether it must be refused: it cannot mean anything.
        same: whether what came out is what comes out without the damage; asked where the command succeeds.
        cwd: where it runs.
    """

    what: str
    argv: Sequence[str]
    senseless: bool
    same: Callable[[], bool] = field(default=lambda: True)
    cwd: Path | None = None


@dataclass(frozen=True)
class Ended:
    """How a process ended; `status` is None if it had to be killed."""

    status: int | None
    said: str


def run(argv: Sequence[str], cwd: Path | None = None, limit: float = LIMIT) -> Ended:
    """Run the command line in a child of this process, which has imported everything already."""
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            _child(argv, cwd, said.fileno())
        status, deadline = None, time.monotonic() + limit
        while time.monotonic() < deadline:
            done, code = os.waitpid(child, os.WNOHANG)
            if done:
                status = os.waitstatus_to_exitcode(code)
                break
            time.sleep(0.005)
        else:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
        said.seek(0)
        return Ended(status, said.read().decode(errors="replace"))


def _child(argv: Sequence[str], cwd: Path | None, said: int) -> None:
    status = 1
    try:
        os.setsid()
        for stream in (1, 2):
            os.dup2(said, stream)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        if cwd is not None:
            os.chdir(cwd)
        status = main(list(argv))
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def judge(trial: Trial, ended: Ended) -> Verdict:
    """Right, refused in a line, or one of the four ways to be wrong."""
    if ended.status is None:
        return "hang"
    if ended.status == 0:
        return "fine" if not trial.senseless and trial.same() else "silent"
    if "Traceback (most recent call last)" in ended.said or ended.status != 2 or "error:" not in ended.said:
        return "traceback"
    return "refused"

"""Who runs the workflow: a lock that a killed run gives back by itself, and a living one keeps.

Snakemake's own lock is files in .snakemake/locks, which stay behind when it is killed. This one belongs to a process:
whoever holds it is alive, so that files left while nobody holds it are those of a dead run.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from energyflow.core.errors import UserError
from energyflow.core.lock import take

LOCK = Path(".snakemake/workflow.lock")  # what it holds: process id and command of the last holder
LOCKS = Path(".snakemake/locks")  # Snakemake's own
HOLDER = "ENERGYFLOW_RUN"  # process id of the holder, in the environment of all that it starts


@contextmanager
def workflow_lock(root: Path, *, wait: bool = False) -> Iterator[None]:
    """Be the one run of the workflow in a checkout; what the holder starts is part of its run and passes through.

    Args:
        root: of the checkout.
        wait: for a run that goes on to end, instead of refusing.

    Raises:
        UserError: another run goes on; its process and command are named.
    """
    path = root / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); the workflow keeps its records there") from None
    try:
        if _is_ours(path, descriptor):
            yield
            return
        if not take(descriptor, wait=wait):
            raise UserError(f"{root}: the workflow is being run by {_holder(path)}; wait for it to end, or stop it")
        _enter(descriptor)
        before = os.environ.get(HOLDER)
        os.environ[HOLDER] = str(os.getpid())
        try:
            yield
        finally:
            if before is None:
                del os.environ[HOLDER]
            else:
                os.environ[HOLDER] = before
    finally:
        os.close(descriptor)


def free_dead_locks(root: Path) -> list[Path]:
    """Remove the locks that a killed Snakemake left behind; call it before Snakemake takes its own.

    Returns:
        What was removed: nothing while another run goes on.
    """
    try:
        with workflow_lock(root):
            dead = sorted((root / LOCKS).glob("*.lock"))
            for file in dead:
                file.unlink(missing_ok=True)
            return dead
    except UserError:
        return []


def _enter(descriptor: int) -> None:
    """Say who holds it."""
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "command": command}).encode(), 0)


def _read(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError:  # the holder is just about to write it
        return {}
    return found if isinstance(found, dict) else {}


def _holder(path: Path) -> str:
    found = _read(path)
    return f"process {found.get('pid', '?')} ({found.get('command', 'just started')})"


def _is_ours(path: Path, descriptor: int) -> bool:
    """Whether this process belongs to the run that holds the lock."""
    mine = os.environ.get(HOLDER)
    return mine is not None and mine == str(_read(path).get("pid")) and not take(descriptor)

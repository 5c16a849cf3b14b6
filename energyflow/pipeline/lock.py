"""Who runs the workflow: a lock that a killed run gives back by itself, and a living one keeps.

Snakemake's own locks are files in .snakemake/locks, or rows of its database, and stay behind when it is killed. This
one belongs to a process: whoever holds it is alive, so that what is left while nobody holds it is of a dead run.
"""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from energyflow.core.errors import UserError
from energyflow.core.lock import take

LOCK = Path(".snakemake/workflow.lock")  # what it holds: process id and command of the last holder
LOCKS, DATABASE = Path(".snakemake/locks"), Path(".snakemake/metadata.db")  # Snakemake's own; a profile says which
# Options of Snakemake with which it runs no job.
PLANS = {
    *("--dry-run", "--dryrun", "--summary", "--detailed-summary", "--dag", "--rulegraph", "--filegraph", "--d3dag"),
    *("--list", "--list-rules", "--list-target-rules", "--lint", "--report", "--print-compilation", "--archive"),
}
HOLDER = "ENERGYFLOW_RUN"  # process id of the holder, in the environment of all that it starts


def runs(command: Sequence[str]) -> bool:
    """Whether a command line of Snakemake runs jobs, and does not only plan them."""
    short = (each[1:] for each in command[1:] if each.startswith("-") and not each.startswith("--"))
    planning = any(each.isalpha() and "n" in each for each in short)
    return not planning and not PLANS & {each.partition("=")[0] for each in command}


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
            where = f"{root.absolute()}: the workflow"  # a path, also where the root is the present folder
            raise UserError(f"{where} is being run by {_holder(path)}; wait for it to end, or stop it")
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


def free_dead_locks(root: Path) -> int:
    """Remove the locks that a killed Snakemake left behind; call it before Snakemake takes its own.

    Returns:
        How many there were: none, and none are removed, while another run goes on.
    """
    try:
        with workflow_lock(root):
            dead = list((root / LOCKS).glob("*.lock"))
            for file in dead:
                file.unlink(missing_ok=True)
            return len(dead) + _free_rows(root / DATABASE)
    except UserError:
        return 0


def _free_rows(database: Path) -> int:
    if not database.is_file():
        return 0
    with closing(sqlite3.connect(database)) as connection, connection:
        table = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'snakemake_locks'").fetchone()
        return connection.execute("DELETE FROM snakemake_locks").rowcount if table else 0


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

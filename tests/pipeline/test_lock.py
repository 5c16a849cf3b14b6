"""The lock of the workflow: held by the living, given back by the dead, open to what the holder starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from snakemake.persistence import PersistenceBase
from snakemake.persistence.db import DbPersistence
from snakemake.persistence.file import FilePersistence

from energyflow.core.errors import UserError
from energyflow.pipeline.lock import HOLDER, LOCK, free_dead_locks, workflow_lock
from tests.conftest import ROOT

HOLD = """
import sys
from pathlib import Path
from energyflow.pipeline.lock import workflow_lock
with workflow_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
Start = Callable[[Path], "subprocess.Popen[str]"]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a run that holds the lock until its standard input is closed, or until it is killed."""
    monkeypatch.delenv(HOLDER, raising=False)
    started = []

    def begin(root: Path) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        run = subprocess.Popen([sys.executable, "-c", HOLD, str(root)], cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        started.append(run)
        assert run.stdout is not None
        assert run.stdout.readline() == "held\n"
        return run

    yield begin
    for run in started:
        run.kill()
        run.communicate()


def snakemake_locks(root: Path) -> list[PersistenceBase]:
    """Both ways in which Snakemake keeps locks, with the locks of a run."""
    ways: list[PersistenceBase] = [kind(path=root / ".snakemake") for kind in (FilePersistence, DbPersistence)]
    for way in ways:
        way._write_locks("input", ["data/a"])
        way._write_locks("output", ["results/a", "results/b"])
    assert all(len(list(way._read_locks())) == 3 for way in ways)
    return ways


def test_a_living_run_refuses_a_second_and_is_named(start: Start, tmp_path: Path) -> None:
    ways, run = snakemake_locks(tmp_path), start(tmp_path)
    message = rf"^{tmp_path}: the workflow is being run by process {run.pid} \(-c {tmp_path}\); wait for it"
    with pytest.raises(UserError, match=message), workflow_lock(tmp_path):
        pass
    assert free_dead_locks(tmp_path) == 0
    assert all(list(way._read_locks()) for way in ways)
    with workflow_lock(tmp_path / "another checkout"):
        pass


def test_a_killed_run_leaves_nothing_locked(start: Start, tmp_path: Path) -> None:
    ways, run = snakemake_locks(tmp_path), start(tmp_path)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert free_dead_locks(tmp_path) > 2
    assert not any(list(way._read_locks()) for way in ways)
    assert free_dead_locks(tmp_path) == 0
    with workflow_lock(tmp_path):
        pass


def test_a_run_that_ends_lets_the_next_one_in(start: Start, tmp_path: Path) -> None:
    run = start(tmp_path)
    entered = threading.Event()

    def second() -> None:
        with workflow_lock(tmp_path, wait=True):
            entered.set()

    waiting = threading.Thread(target=second, daemon=True)
    waiting.start()
    assert not entered.wait(0.2)
    run.communicate()
    assert entered.wait(30)
    waiting.join()


def test_what_the_holder_starts_belongs_to_its_run(start: Start, tmp_path: Path) -> None:
    with workflow_lock(tmp_path):
        ways = snakemake_locks(tmp_path)
        with workflow_lock(tmp_path):  # in the same process
            pass
        start(tmp_path)
        assert free_dead_locks(tmp_path)
        assert not any(list(way._read_locks()) for way in ways)
        environment = {key: value for key, value in os.environ.items() if key != HOLDER}
        command = [sys.executable, "-c", HOLD, str(tmp_path)]
        other = subprocess.run(
            command, cwd=ROOT, env=environment, input="", capture_output=True, text=True, check=False
        )
    assert f"by process {os.getpid()} " in other.stderr


def test_the_name_of_a_dead_holder_opens_nothing(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that outlived its run must not pass for a part of the next one."""
    first = start(tmp_path)
    first.kill()
    first.wait()
    start(tmp_path)
    monkeypatch.setenv(HOLDER, str(first.pid))
    with pytest.raises(UserError, match="is being run by"), workflow_lock(tmp_path):
        pass


def test_an_orphan_of_a_dead_run_takes_the_lock_like_anybody(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = start(tmp_path)
    dead.kill()
    dead.wait()
    monkeypatch.setenv(HOLDER, str(dead.pid))
    with workflow_lock(tmp_path):
        monkeypatch.setenv(HOLDER, "1")
        with pytest.raises(UserError, match=f"by process {os.getpid()} "), workflow_lock(tmp_path):
            pass


def test_an_empty_lock_file_and_one_of_another_program_are_no_obstacle(tmp_path: Path) -> None:
    for content in ("", "[1]", "\x00garbage"):
        (tmp_path / LOCK).parent.mkdir(exist_ok=True)
        (tmp_path / LOCK).write_text(content)
        with workflow_lock(tmp_path):
            pass


def test_a_checkout_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".snakemake").write_text("a file")
    with pytest.raises(UserError, match=r"workflow\.lock: cannot be written"), workflow_lock(tmp_path):
        pass

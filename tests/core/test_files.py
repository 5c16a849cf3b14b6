"""Files are whole or absent."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path, read_json, sha256, write_csv, write_json, write_text
from energyflow.core.lock import sole_writer
from energyflow.core.provenance import Run
from tests.conftest import ROOT


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_full_disk_is_a_clear_error_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    write_csv(path, [{"x": 1}])
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"a\.csv: could not be written \(No space left on device\).*disk space"):
        write_csv(path, [{"x": 2}])
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.csv"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_really_full_device_is_the_same_error() -> None:
    with (
        pytest.raises(UserError, match="No space left on device"),
        atomic_path(Path("/tmp/unused")) as temporary,
    ):
        temporary.symlink_to("/dev/full")
        temporary.write_text("x" * 10_000)


def test_a_read_only_disk_is_the_same_error(small_disk: Path) -> None:
    """Where even the attempt to clean up fails."""
    path = small_disk / "a.csv"
    write_csv(path, [{"x": 1}])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(UserError, match=r"a\.csv: could not be written \(Read-only file system\)"):
        write_csv(path, [{"x": 2}])
    with pytest.raises(UserError, match=r"small disk: cannot be written \(read-only\)"), sole_writer(small_disk):
        pass
    assert path.read_text() == "x\n1\n"


def test_a_small_disk_fills_up_and_the_old_file_stays(small_disk: Path) -> None:
    path = small_disk / "a.txt"
    write_text(path, "old")
    with pytest.raises(UserError, match=r"a\.txt: could not be written \(No space left on device\)"):
        write_text(path, "x" * 1_000_000)
    assert path.read_text() == "old"
    assert os.listdir(small_disk) == ["a.txt"]


@pytest.mark.parametrize("content", ["", "{", "[1]", "[" * 100_000, "\xff", "1" * 5_000, "null", '{"a": 1}}'])
def test_whatever_a_json_file_holds_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=r"a\.json: ") as caught:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read \\(Is a directory\\)"):
        read_json(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        read_json(tmp_path / "none.json")


# --- one writer at a time ---

WRITE = """
import sys
from pathlib import Path
from energyflow.core.lock import sole_writer
with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes into `out` until it is killed."""
    command, pipe = [sys.executable, "-c", WRITE, str(tmp_path / "out")], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_writer_is_refused_until_the_first_is_gone(writer: subprocess.Popen[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"out: another process is writing there"), Run("s", out, params={}, inputs=[]):
        pytest.fail("entered")
    assert not list(out.iterdir())
    with Run("s", tmp_path / "other", params={}, inputs=[]):
        pass
    writer.kill()
    writer.wait()
    with Run("s", out, params={}, inputs=[]):
        pass
    assert os.listdir(out) == ["run.json"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "a file")
    with pytest.raises(UserError, match=r"a/b: no folder to write into"), sole_writer(tmp_path / "a/b"):
        pass


def test_nan_does_not_enter_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()


def test_json_must_be_an_object(tmp_path: Path) -> None:
    write_text(tmp_path / "a.json", "[1]")
    with pytest.raises(UserError, match="expected a JSON object"):
        read_json(tmp_path / "a.json")


def test_run_records_inputs_and_only_success(tmp_path: Path) -> None:
    write_text(tmp_path / "in.txt", "x")
    with pytest.raises(ValueError, match="boom"), Run("s", tmp_path, params={}, inputs=[tmp_path / "in.txt"]):
        raise ValueError("boom")
    assert not (tmp_path / "run.json").exists()
    with Run("s", tmp_path, params={"a": 1}, inputs=[tmp_path / "in.txt"], seed=3) as run:
        run.note(extra=1)
    record = read_json(tmp_path / "run.json")
    assert record["inputs"] == {str(tmp_path / "in.txt"): sha256(tmp_path / "in.txt")}
    assert (record["params"], record["seed"], record["extra"]) == ({"a": 1}, 3, 1)
    assert record["wall_seconds"] >= 0
    assert record["versions"]["mujoco"]

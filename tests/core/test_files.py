"""Files are whole or absent."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path, read_json, sha256, write_csv, write_json, write_text
from energyflow.core.provenance import Run


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

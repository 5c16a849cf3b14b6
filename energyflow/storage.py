"""Files that are whole or absent: atomic writes, hashes, and the provenance record beside each output."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd

RECORDED_VERSIONS = ("torch", "numpy", "mujoco", "metaworld", "robosuite", "gymnasium", "stable-baselines3")


class StorageError(OSError):
    """A file could not be written or does not hold what it should; the message names it and the fix."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path`; rename it on success, remove it on failure.

    Raises:
        StorageError: the disk is full or the folder cannot be written. Whatever stood at `path` before is untouched.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # a full disk may only show up here
        temporary.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path}: could not be written ({error.strerror or error}); the previous file, if any, is intact."
            " Free some disk space or check the permissions, then run the same command again."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write text atomically; see `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def write_json(path: str | Path, value: Any) -> None:
    """Write sorted, indented JSON atomically. NaN and infinity are refused: other readers reject them."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_csv(path: str | Path, rows: list[dict[str, Any]] | pd.DataFrame) -> None:
    """Write rows atomically as CSV with a header."""
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        StorageError: the file is missing or is not a JSON object.
    """
    try:
        value = json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise StorageError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StorageError(f"{path}: damaged, not valid JSON ({error}); delete it and run again") from None
    if not isinstance(value, dict):
        raise StorageError(f"{path}: expected a JSON object")
    return value


def sha256(path: str | Path) -> str:
    """Hash of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def package_versions() -> dict[str, str]:
    """Versions of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for name in RECORDED_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


class Run:
    """Context manager that writes `run.json` beside the outputs when the block succeeds.

    Example:
        with Run("train", out, params=section, inputs=[demos], method="energyflow") as run:
            ...
            run.note(parameters=1234)
    """

    def __init__(self, stage: str, out: str | Path, *, params: Any, inputs: list[Path], **identity: Any) -> None:
        self._out = Path(out)
        self._record: dict[str, Any] = {
            "stage": stage,
            **identity,
            "params": params,
            "inputs": {str(path): sha256(path) for path in inputs},
        }

    def note(self, **values: Any) -> None:
        """Add values to the record."""
        self._record |= values

    def __enter__(self) -> Run:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        import torch  # only jobs that compute pay for the import

        status = _git("status", "--porcelain", "--untracked-files=no")
        defaults = {"device": "cpu", "threads": torch.get_num_threads()}
        write_json(
            self._out / "run.json",
            defaults
            | self._record
            | {
                "git_commit": _git("rev-parse", "HEAD"),
                "git_dirty": None if status is None else bool(status),
                "versions": package_versions(),
                "wall_seconds": round(time.perf_counter() - self._wall, 3),
                "cpu_seconds": round(time.process_time() - self._cpu, 3),
                "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            },
        )

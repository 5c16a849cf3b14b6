"""What an output was made from: `run.json` beside it."""

from __future__ import annotations

import json
import logging
import platform
import resource
import subprocess
import time
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from energyflow.core.errors import UserError
from energyflow.core.files import read_json, sha256, write_csv, write_json
from energyflow.core.lock import sole_writer

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

RECORD = "run.json"
RECORDED_VERSIONS = ("torch", "numpy", "mujoco", "metaworld", "robosuite", "gymnasium")
# What to do with a complete run that is found in the folder: refuse to touch one of other inputs; or put the new run in
# its place; or, in any case, compute again.
Existing = Literal["refuse", "replace", "redo"]


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


def check_rows(path: Path) -> None:
    """Hold rows against the record beside them, if there is one.

    Raises:
        UserError: they are not what the job wrote, or the record is damaged.
    """
    record = path.with_name(RECORD)
    if not (path.is_file() and record.is_file()):
        return
    outputs = read_json(record).get("outputs", {})
    written = outputs.get(path.name) if isinstance(outputs, dict) else None
    if isinstance(written, dict) and written.get("sha256") != sha256(path):
        raise UserError(
            f"{path}: not the {written.get('rows')} rows that its job wrote ({record} has another digest); restore it"
            " (`dvc checkout`), or move it away and run its stage again"
        )


class Run:
    """Context manager that writes `run.json` beside the outputs when the block succeeds.

    Within it no other process can write into the same folder.

    Example:
        with Run("train", out, params=section, inputs=[demos], method="energyflow") as run:
            ...
            run.note(parameters=1234)
    """

    def __init__(self, stage: str, out: str | Path, *, params: Any, inputs: list[Path], **identity: Any) -> None:
        self._out, self._held = Path(out), ExitStack()
        self._record: dict[str, Any] = {
            "stage": stage,
            **identity,
            "params": params,
            "inputs": {str(path): sha256(path) for path in inputs},
        }

    def is_there(self, files: tuple[str, ...], existing: Existing) -> bool:
        """Whether the folder holds a complete run of the same inputs, so that nothing has to be computed.

        Args:
            files: outputs of a complete run beside `run.json`.
            existing: what to do with it.

        Raises:
            UserError: it holds one of other inputs, which would be lost.
        """
        if existing == "redo" or not all((self._out / name).is_file() for name in (*files, "run.json")):
            return False
        found, wanted = read_json(self._out / "run.json"), json.loads(json.dumps(self._record))
        for record in (found, wanted):  # the files count, wherever they lie
            record["inputs"] = sorted(map(str, dict(record.get("inputs") or {}).values()))
        differ = [key for key, value in wanted.items() if found.get(key) != value]
        if not differ:
            log.warning("%s: already there, of the same inputs; --overwrite computes it again", self._out)
            return True
        other = f"{self._out}: holds another run, which differs in {', '.join(differ)}"
        if existing == "refuse":
            raise UserError(f"{other}: give another --out, or --overwrite to replace it")
        log.warning("%s: replaced", other)
        return False

    def note(self, **values: Any) -> None:
        """Add values to the record."""
        self._record |= values

    def write_csv(self, name: str, rows: list[dict[str, Any]] | pd.DataFrame) -> None:
        """Write rows among the outputs, and record how many there are and their digest; see `check_rows`."""
        write_csv(self._out / name, rows)
        written = {"rows": len(rows), "sha256": sha256(self._out / name)}
        self._record["outputs"] = self._record.get("outputs", {}) | {name: written}

    def __enter__(self) -> Run:
        self._held.enter_context(sole_writer(self._out))
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._held:
            if kind is None:
                self._write()

    def _write(self) -> None:
        import torch  # only jobs that compute pay for the import

        status = _git("status", "--porcelain", "--untracked-files=no")
        defaults = {"device": "cpu", "threads": torch.get_num_threads()}
        write_json(
            self._out / RECORD,
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

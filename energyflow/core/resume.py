"""Resume points: what a killed run continues from, bit for bit. One code for everything that trains."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

from energyflow.core.errors import UserError
from energyflow.core.provenance import package_versions
from energyflow.core.tensors import note_of, read_tensors, write_tensors

FORMAT = 1
PACKAGE = Path(__file__).parents[1]


@cache
def _code() -> str:
    """Digest of the library's own sources: the state of other code is not continued, it may mean something else."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


class ResumePoint:
    """`resume.safetensors` and `resume.json` beside the outputs: declared to no engine, gone when the run is complete.

    What is damaged, of another run or of other code is never continued: the run starts over, and says so.
    """

    def __init__(self, out: Path, identity: dict[str, Any]) -> None:
        """Nothing is read yet.

        Args:
            out: folder of the outputs.
            identity: what the run depends on: parameters, digests of its inputs, seed, device.
        """
        self.path = out / "resume.safetensors"
        own = {"code": _code(), "versions": package_versions()}
        self.identity = json.loads(json.dumps(identity | own))

    def store(self, tensors: Mapping[str, Tensor], state: dict[str, Any]) -> None:
        """Write the point over the one before.

        Args:
            tensors: everything that the next step depends on.
            state: the rest of it, as JSON values.

        Raises:
            UserError: the disk is full.
        """
        write_tensors(self.path, tensors, {"format": FORMAT, "identity": self.identity, "state": state})

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors and state as they were stored; None, with a line that says why, if the run has to start over."""
        if not (self.path.exists() or note_of(self.path).exists()):
            return None
        try:
            tensors, note = read_tensors(self.path, FORMAT)
        except UserError as error:
            print(f"{error}; starting over", flush=True)
            return None
        if note["identity"] != self.identity:
            other = [key for key, value in self.identity.items() if note["identity"].get(key) != value]
            print(f"{self.path}: left by another run ({', '.join(other)}); starting over", flush=True)
            return None
        return tensors, note["state"]

    def remove(self) -> None:
        """Forget it: the run is complete."""
        self.path.unlink(missing_ok=True)
        note_of(self.path).unlink(missing_ok=True)

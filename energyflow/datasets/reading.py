"""HDF5 as others write it: whatever goes wrong in reading is one line that names file, key and what to do."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from energyflow.core.errors import UserError, nearest
from energyflow.core.files import sha256

log = logging.getLogger(__name__)

NUMBERS = "biuf"  # kinds of NumPy types that become float64 without loss of meaning
LARGEST = 1 << 32  # numbers in one array: 32 GiB as float64
IMMENSE = 1e30  # no measurement, and soon none of single precision
PICTURE = 256  # from this width on, bytes are a flattened picture and no flags or counters
UNCOMPRESS = (
    "it needs a compression filter that is not installed here; where it is, repack a copy: `h5repack -f GZIP=4 IN OUT`"
)
# What the HDF5 library says, and what its user should know; the first that is found in its message.
CAUSES = (
    ("unable to lock file", "another program has it open for writing; close it there, then run again"),
    ("already open for write", "it was not closed by the program that wrote it; repair a copy with `h5clear -s`"),
    ("filter", UNCOMPRESS),
    ("plugin", UNCOMPRESS),  # the folder in which the library looks for filters
    ("ermission denied", "its permissions do not let you read it"),
    ("signature not found", "it is no HDF5 file, or its beginning is damaged"),
    ("truncated", "it ends too early, as after a copy that broke off; copy it again from where it came"),
)


class DemoFile:
    """An open file of demonstrations, in which every failure is a `UserError`.

    External links are followed; `digest` covers the files that they lead to.
    """

    def __init__(self, path: Path) -> None:
        """Remember where; `with` opens."""
        self.path = path
        self._read = {path.resolve()}

    def __enter__(self) -> DemoFile:
        if self.path.is_dir():
            raise UserError(f"{self.path}: is a folder; name the HDF5 file in it")
        if not self.path.is_file():
            raise UserError(f"{self.path}: no such file; run `energyflow collect` or the workflow's collect rule first")
        with self._guard(""):
            self._file = h5py.File(self.path, "r")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def error(self, key: str, problem: str) -> UserError:
        """An error that names this file and a key in it."""
        return UserError(f"{self.path}: {key + ': ' if key else ''}{problem}")

    def say(self, key: str, message: str) -> None:
        """Say aloud what is done with a key that is not as it should be."""
        log.warning("%s: %s: %s", self.path, key, message)

    @property
    def digest(self) -> str:
        """sha256 of the file, or of the hashes of all files that have been read if there are several."""
        linked = sorted(sha256(path) for path in self._read - {self.path.resolve()})
        own = sha256(self.path)
        return hashlib.sha256(" ".join([own, *linked]).encode()).hexdigest() if linked else own

    @contextmanager
    def _guard(self, key: str) -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        # What h5py raises on damaged or unusual files; UnicodeError is a ValueError.
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, MemoryError) as error:
            said = " ".join(str(error).split())
            cause = next((fix for words, fix in CAUSES if words in said), "it is damaged, or of a kind unknown here")
            raise self.error(key, f"cannot be read as HDF5: {cause} ({said})") from None

    def names(self, key: str) -> list[str]:
        """What a group holds, in the order of its names; nothing if it is no group."""
        with self._guard(key):
            group = self._at(key)
            return sorted(group) if isinstance(group, h5py.Group) else []

    def has(self, key: str) -> bool:
        """Whether there is something, or a link, at a key."""
        parent, _, name = key.rpartition("/")
        return name in self.names(parent or "/")

    def is_group(self, key: str) -> bool:
        """Whether a group is at a key."""
        with self._guard(key):
            return isinstance(self._at(key), h5py.Group)

    def attribute(self, key: str, name: str) -> Any:
        """Value of an attribute, None if there is none."""
        with self._guard(f"{key}: attribute {name}"):
            return self._at(key).attrs.get(name)

    def _at(self, key: str) -> Any:
        """The group or data set at a key. Raises UserError where a link leads nowhere."""
        at: Any = self._file
        for part in key.strip("/").split("/") if key.strip("/") else ():
            link = at.get(part, getlink=True) if isinstance(at, h5py.Group) else None
            if link is None:
                raise self.error(key, f"is missing; {nearest(part, at) if isinstance(at, h5py.Group) else 'no group'}")
            target = getattr(link, "path", "")
            if isinstance(link, h5py.ExternalLink):
                target = f"{link.filename}:{target}"
            try:
                at = at[part]
            except (KeyError, OSError, RuntimeError) as error:
                if not target:
                    raise
                raise self.error(
                    key,
                    f"is a link to {target}, which cannot be opened ({error}); put that file back, or copy its data in",
                ) from None
            self._read.add(Path(at.file.filename).resolve())
        return at

    def shape(self, key: str) -> tuple[int, ...]:
        """Shape [T, D] of an array, whose axes of length 1 after the first do not count."""
        with self._guard(key):
            rows, *rest = self._at(key).shape
        return (rows, *([n for n in rest if n != 1] or [1]))

    def objection(self, key: str) -> str:
        """Why what is at a key is no array of numbers [T, D]; nothing if it is one."""
        with self._guard(key):
            at = self._at(key)
            if isinstance(at, h5py.Group):
                inside = ", ".join(sorted(at)[:3])
                return f"is a group; name the arrays in it, as in {key.split('/')[-1]}/{inside or '...'}"
            if not isinstance(at, h5py.Dataset):
                return "is no array"
            if at.dtype.kind not in NUMBERS:
                return f"holds no plain numbers but {_kind(at.dtype)}"
            shape = at.shape
            if shape is None or not shape:
                return f"is a single value (shape {shape}), not one row a step"
            if at.external or at.is_virtual:
                return "keeps its numbers in other files; copy them into this one with `h5repack`"
        rows = self.shape(key)
        if len(rows) > 2:
            what = "pictures" if at.dtype == np.uint8 or len(rows) > 3 else "arrays"
            return f"holds {what} of shape {shape[1:]} at each step, not a vector"
        if at.dtype == np.uint8 and rows[-1] >= PICTURE:
            return f"holds {rows[-1]} bytes at each step: a picture"
        if rows[0] and not rows[-1]:
            return "is empty: its rows have no numbers"
        if at.size > LARGEST:
            return f"claims {at.size} numbers, more than can be read"
        if at.size and not at.id.get_storage_size():
            return "was created, but never written"
        return ""

    def array(self, key: str) -> NDArray[np.float64]:
        """Numbers [T, D], all finite.

        Raises:
            UserError: missing, something else than a vector of numbers at each step, NaN or infinite.
        """
        if problem := self.objection(key):
            raise self.error(key, problem)
        with self._guard(key), np.errstate(over="ignore"):
            values = np.asarray(self._at(key)[()], dtype=np.float64)
        rows = values.reshape(self.shape(key))
        bad = np.argwhere(~(np.abs(rows) < IMMENSE).all(axis=1))  # of NaN as well
        if len(bad):
            what = "NaN or infinity" if not np.isfinite(rows[bad[0, 0]]).all() else f"a number beyond {IMMENSE:g}"
            raise self.error(key, f"{what} at step {bad[0, 0]}; drop this demonstration or repair it")
        return rows

    def texts(self, key: str) -> list[str]:
        """A list of names.

        Raises:
            UserError: missing, or something else.
        """
        with self._guard(key):
            at = self._at(key)
            values = np.ravel(at[()]).tolist() if isinstance(at, h5py.Dataset) else []
            if not values or not all(isinstance(value, str | bytes) for value in values):
                raise self.error(key, "is no list of names of demonstrations, such as demo_0; write it again")
            return [value.decode() if isinstance(value, bytes) else value for value in values]


def _kind(dtype: np.dtype[Any]) -> str:
    kinds = {"O": "text or lists of any length", "S": "text", "U": "text", "c": "complex numbers", "V": "records"}
    return kinds.get(dtype.kind, f"{dtype}")


def env_args(file: DemoFile) -> dict[str, Any]:
    """`env_args` of a file; none, said aloud, where it is something else than a JSON object."""
    raw = file.attribute("data", "env_args")
    if raw is None:
        return {}
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        value = json.loads(text)
        problem = "" if isinstance(value, dict) else f"is {str(text)[:40]!r}, not a JSON object"
    except (TypeError, ValueError, RecursionError) as error:
        problem = f"is not JSON ({error})"
    if problem:
        file.say("data: env_args", f"{problem}; the demonstrations are taken as of a task without a simulator here")
        return {}
    found: dict[str, Any] = value
    return found

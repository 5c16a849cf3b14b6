"""Files that are whole or absent: atomic writes, hashes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energyflow.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path`; rename it on success, remove it on failure.

    Raises:
        UserError: the disk is full or the folder cannot be written. Whatever stood at `path` before is untouched.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
        mode = temporary.stat().st_mode  # as the umask says: some libraries make files that only their owner reads
        temporary.unlink()
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # a full disk may only show up here
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"{path}: could not be written ({error.strerror or error}); the previous file, if any, is intact."
            " Free some disk space or check the permissions, then run the same command again."
        ) from error
    finally:
        with suppress(OSError):  # on a read-only file system even this fails, and would hide the message
            temporary.unlink()


def write_text(path: str | Path, text: str) -> None:
    """Write text atomically; see `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def json_text(value: Any) -> str:
    """Sorted, indented JSON. NaN and infinity are refused: other readers reject them."""
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"


def write_json(path: str | Path, value: Any) -> None:
    """Write `json_text` atomically."""
    write_text(path, json_text(value))


def write_csv(path: str | Path, rows: list[dict[str, Any]] | pd.DataFrame) -> None:
    """Write rows atomically as CSV with a header."""
    import pandas as pd  # only what writes tables pays for the import

    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        UserError: the file is missing, cannot be read or is not a JSON object.
    """
    try:
        value = json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except (
        ValueError,
        RecursionError,
    ) as error:  # also no UTF-8, endless digits or nesting
        raise UserError(f"{path}: damaged, not valid JSON ({error}); restore it, or make it again") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object")
    return value


def sha256(path: str | Path) -> str:
    """Hash of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

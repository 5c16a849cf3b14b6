"""Files from the web: resumed, checked, and never half there.

A download grows in `<name>.part` and takes its final name only when it has the size that the server said and the sha256
that is pinned, or was recorded the first time in `<name>.source.json`. It is continued only if the server confirms that
the file is still the one that was begun (`If-Range` with the ETag in `<name>.part.json`).
"""

from __future__ import annotations

import errno
import http.client
import re
import shutil
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from tqdm import tqdm

from energyflow.config.section import Section, describe
from energyflow.core.errors import UserError
from energyflow.core.files import read_json, sha256, write_json
from energyflow.core.lock import sole_writer

BLOCK = 1 << 20
TIMEOUT = 30.0  # seconds without a byte
ATTEMPTS = 4
PAUSE = 1.0  # seconds before the second attempt; doubled for each further one
SIGNATURE = b"\x89HDF\r\n\x1a\n"  # the first bytes of an HDF5 file
LOOPBACK = ("127.0.0.1", "::1", "localhost")
LOCAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG, errno.EISDIR)


class Record(Section):
    """What a file had when it was first fetched."""

    url: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class Begun(Section):
    """Which version of which file the bytes of a `.part` are of."""

    url: str
    validator: str = Field(min_length=1)
    size: int = Field(ge=0)


class _Stopped(Exception):
    """An answer that another attempt may better: it ended early, or does not continue what is there."""


def fetch(url: str, path: Path, *, pinned: str | None = None, timeout: float = TIMEOUT, pause: float = PAUSE) -> bool:
    """Make sure that `path` holds the HDF5 file at `url`; return whether anything had to be downloaded.

    Without a pin, size and sha256 of the first download are recorded in `<path>.source.json`, and later ones must agree
    with it. A file that is there without a record was put there by hand, and is recorded as it is.

    Args:
        url: https; http from this machine alone.
        path: where the file belongs.
        pinned: sha256 of the file, where it is known beforehand.
        timeout: seconds without a byte after which an attempt is given up.
        pause: seconds before the second attempt.

    Raises:
        UserError: no connection, no such file, an answer that is no HDF5 file or of a length that nobody knows, the
            server stops early again and again, the disk is full, or the content differs from its pin or record.
    """
    record = path.with_name(path.name + ".source.json")
    known = _recorded(record)
    wanted = {"pinned": pinned, f"recorded (in {record.name})": None if known is None else known.sha256}
    if _present(path, wanted):
        if known is None:
            _write(Record(url=url, sha256=sha256(path), size=path.stat().st_size), record)
        return False
    with sole_writer(path.parent, wait=True):
        if path.is_file():  # whoever was waited for has fetched it
            return False
        part = _Part(url, path)
        _download(part, timeout, pause)
        try:
            digest = _compare(url, part.path, wanted)
        except UserError:
            part.drop()
            raise
        _write(Record(url=url, sha256=digest, size=part.have), record)
        part.path.replace(path)
        part.note.unlink(missing_ok=True)
    return True


def _present(path: Path, wanted: dict[str, str | None]) -> bool:
    """Whether the file is there, and as it should be."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        _check_start(path, file.read(len(SIGNATURE)))
    _compare(path, path, wanted)
    return True


def _compare(what: object, path: Path, wanted: dict[str, str | None]) -> str:
    """The sha256 of a file, held against what it should be according to each source."""
    digest = sha256(path)
    for source, other in wanted.items():
        if other and digest != other:
            raise UserError(
                f"{what}: its sha256 is {digest[:12]}..., not the {source} {other[:12]}...: corrupted, or replaced; run"
                " again. If it is what you want, move it and its record away first"
            )
    return digest


def _recorded(path: Path) -> Record | None:
    if not path.is_file():
        return None
    try:
        return Record.model_validate(read_json(path))
    except ValidationError as error:
        raise UserError(f"{path}: {describe(error)}; restore it, or move it away") from None


def _write(value: Section, path: Path) -> None:
    write_json(path, value.model_dump())


def _check_start(what: object, start: bytes) -> None:
    if not start.startswith(SIGNATURE):
        raise UserError(
            f"{what}: no HDF5 file, it begins with {start[: len(SIGNATURE)]!r}; a page that asks to log in?"
        )


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise UserError(f"{url}: only https is fetched")


@dataclass(frozen=True)
class _Part:
    """The file that grows, and the note beside it on what its bytes belong to."""

    url: str
    target: Path

    @property
    def path(self) -> Path:
        return self.target.with_name(self.target.name + ".part")

    @property
    def note(self) -> Path:
        return self.target.with_name(self.target.name + ".part.json")

    @property
    def have(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def begun(self) -> Begun | None:
        """What can be continued, if anything: bytes of this address, of a known version."""
        if not (self.have and self.note.is_file()):
            return None
        try:
            begun = Begun.model_validate(read_json(self.note))
        except (UserError, ValidationError):
            return None
        return begun if begun.url == self.url and self.have < begun.size else None

    def drop(self) -> None:
        """Start over."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def _download(part: _Part, timeout: float, pause: float) -> None:
    """Fill the part, in a few attempts."""
    _check_address(part.url)
    for attempt in range(ATTEMPTS):
        try:
            return _attempt(part, timeout)
        except urllib.error.HTTPError as error:
            if error.code == 416:  # what is there is longer than the file: it is of another one
                part.drop()
            elif error.code < 500:
                raise UserError(
                    f"{part.url}: the server says {error.code} {error.reason}; has the file moved?"
                ) from None
            problem: Exception = error
        except (OSError, http.client.HTTPException, _Stopped) as error:
            if isinstance(error, OSError) and error.errno in LOCAL:
                raise UserError(f"{part.path}: cannot be written ({error.strerror}); mend that and run again") from None
            problem = error
        if attempt + 1 < ATTEMPTS:
            time.sleep(pause * 2**attempt)
    raise UserError(
        f"{part.url}: {ATTEMPTS} attempts failed, the last one with: {problem}. Run the same command again: it resumes."
        f" Without a network, fetch the file elsewhere and put it at {part.target}"
    )


def _attempt(part: _Part, timeout: float) -> None:
    """Append to the part what is missing from it; start over unless the server can continue that very file."""
    begun = part.begun()
    headers = {"Range": f"bytes={part.have}-", "If-Range": begun.validator} if begun else {}
    with urllib.request.urlopen(urllib.request.Request(part.url, headers=headers), timeout=timeout) as answer:
        _check_address(answer.geturl())  # after redirections
        block = answer.read(BLOCK)
        if begun is not None and answer.status == 206:
            total = _continued(part, begun, answer.headers)
        else:
            total = _begin(part, answer, block)
        if shutil.disk_usage(part.path.parent).free < total - part.have:
            raise OSError(errno.ENOSPC, "No space left on device")
        bar = tqdm(total=total, initial=part.have, desc=part.target.name, unit="B", unit_scale=True)
        with part.path.open("ab") as file, bar:
            while block:
                file.write(block)
                bar.update(len(block))
                block = answer.read(BLOCK)
    if part.have != total:
        raise _Stopped(f"it ended after {part.have} of {total} bytes")


def _continued(part: _Part, begun: Begun, headers: http.client.HTTPMessage) -> int:
    """Size of the whole file, of which an answer 206 must be the rest."""
    said = headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", said.strip())
    rest = (part.have, begun.size - 1, begun.size)
    if match is None or tuple(map(int, match.groups())) != rest or _validator(headers) not in (None, begun.validator):
        part.drop()
        raise _Stopped(f"the server did not continue the file that was begun (Content-Range: {said or 'none'})")
    return begun.size


def _begin(part: _Part, answer: http.client.HTTPResponse, block: bytes) -> int:
    """Size of the whole file, which an answer must tell: a cut body could not be told from a whole one.

    Args:
        part: started over, if `block` is the beginning of an HDF5 file.
        answer: of the server.
        block: what it begins with.
    """
    said = answer.headers.get("Content-Length", "")
    if answer.status != 200 or not re.fullmatch(r"\d{1,15}", said):
        raise UserError(
            f"{part.url}: the server says {answer.status} and length '{said}': there is no telling when the file is"
            f" whole; fetch it elsewhere and put it at {part.target}"
        )
    total = int(said)
    if len(block) < min(total, len(SIGNATURE)):
        raise _Stopped(f"it ended after {len(block)} of {total} bytes")
    _check_start(part.url, block)
    part.drop()
    validator = _validator(answer.headers)
    if validator is not None:
        _write(Begun(url=part.url, validator=validator, size=total), part.note)
    return total


def _validator(headers: http.client.HTTPMessage) -> str | None:
    """What tells one version of a file from another, strong enough for `If-Range` (RFC 9110, section 13.1.5)."""
    tag = headers.get("ETag", "")
    return tag if tag.startswith('"') else None

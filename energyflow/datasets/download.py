"""Files from the web: resumed, checked, and never half there.

A download grows in `<name>.part` and takes its final name only when its size is what the server said and its hash is
what was recorded the first time, in `<name>.source.json`.
"""

from __future__ import annotations

import http.client
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tqdm import tqdm

from energyflow.core.errors import UserError
from energyflow.core.files import read_json, sha256, write_json

BLOCK = 1 << 20
TIMEOUT = 30.0  # seconds without a byte
ATTEMPTS = 4
PAUSE = 1.0  # seconds before the second attempt; doubled for each further one


def fetch(url: str, path: Path, *, timeout: float = TIMEOUT, pause: float = PAUSE) -> bool:
    """Make sure that `path` holds the file at `url`; return whether anything had to be downloaded.

    The size and sha256 of the first download are recorded in `<path>.source.json`; later ones must agree with it. A
    file that is there without a record was put there by hand, and is recorded as it is.

    Args:
        url: http or https.
        path: where the file belongs.
        timeout: seconds without a byte after which an attempt is given up.
        pause: seconds before the second attempt.

    Raises:
        UserError: no connection, no such file, the server stops early again and again, the disk is full, or the
            content differs from what was recorded.
    """
    record = path.with_name(path.name + ".source.json")
    known: dict[str, Any] = read_json(record) if record.is_file() else {}
    if path.is_file():
        if known and sha256(path) != known["sha256"]:
            raise UserError(f"{path}: differs from its record {record.name}; delete the file and run again")
        if not known:  # put there by hand
            write_json(record, {"url": url, "sha256": sha256(path), "size": path.stat().st_size})
        return False
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(ATTEMPTS):
        try:
            _continue(url, part, timeout)
            break
        except urllib.error.HTTPError as error:
            if error.code == 416:  # what is there is longer than the file: it is of another one
                part.unlink(missing_ok=True)
            elif error.code < 500:
                raise UserError(f"{url}: the server says {error.code} {error.reason}; has the file moved?") from None
            problem: Exception = error
        except (OSError, http.client.HTTPException, _Stopped) as error:
            if isinstance(error, OSError) and error.errno == 28:
                raise UserError(f"{part}: no space left on the disk; free some and run again") from None
            problem = error
        if attempt + 1 < ATTEMPTS:
            time.sleep(pause * 2**attempt)
    else:
        raise UserError(
            f"{url}: {ATTEMPTS} attempts failed, the last one with: {problem}. Run the same command again: it resumes."
            f" Without a network, fetch the file elsewhere and put it at {path}"
        )
    digest = sha256(part)
    if known and digest != known["sha256"]:
        part.unlink()
        raise UserError(
            f"{url}: sha256 {digest[:12]}... is not the recorded {known['sha256'][:12]}... ({record}): the download was"
            " corrupted or the file has changed. Run again; if it has really changed, delete the record first"
        )
    write_json(record, {"url": url, "sha256": digest, "size": part.stat().st_size})
    part.replace(path)
    return True


class _Stopped(Exception):
    """The connection ended before the size that the server had announced."""


def _continue(url: str, part: Path, timeout: float) -> None:
    """Append to `part` what is missing from it; start over if the server cannot do that."""
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    if not url.startswith(("http://", "https://")):
        raise UserError(f"{url}: only http and https are fetched")
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        resumed = answer.status == 206
        have = have if resumed else 0
        announced = answer.headers.get("Content-Length")
        total = have + int(announced) if announced else None
        if total and shutil.disk_usage(part.parent).free < total - have:
            raise OSError(28, "No space left on device")
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(total=total, initial=have, desc=part.stem, unit="B", unit_scale=True, mininterval=1.0) as bar,
        ):
            while block := answer.read(BLOCK):
                file.write(block)
                bar.update(len(block))
    if total is not None and part.stat().st_size != total:
        raise _Stopped(f"it ended after {part.stat().st_size} of {total} bytes")

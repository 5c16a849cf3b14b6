"""One writer at a time: advisory locks of the operating system, which end with the process that holds them."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from energyflow.core.errors import UserError

NO_LOCKS = (errno.EBADF, errno.ENOLCK, errno.ENOTSUP)  # some network file systems lock files alone, or nothing


def take(descriptor: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder; it stays locked until the descriptor is closed or the process ends, however.

    Returns:
        False if somebody else holds it. Where the file system knows no locks, nobody does.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    return True


@contextmanager
def sole_writer(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Make a folder of outputs and keep every other job out of it. The folder itself is locked: no file is left.

    Args:
        folder: of the outputs.
        wait: for whoever writes there to end, instead of refusing.

    Raises:
        UserError: it cannot be made or written, or another process is writing into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise UserError(f"{folder}: no folder to write into ({error.strerror}); choose another one") from None
    try:
        if not os.access(folder, os.W_OK):
            raise UserError(f"{folder}: cannot be written (read-only); change its permissions or choose another one")
        if not take(descriptor, wait=wait):
            raise UserError(f"{folder}: another process is writing there; wait for it to end or choose another folder")
        yield
    finally:
        os.close(descriptor)

"""Ways in which a file on a disk is no longer what was written."""

from __future__ import annotations

from pathlib import Path


def flip(path: Path, at: int, bit: int = 0) -> None:
    """Turn over one bit of one byte; a negative `at` counts from the end."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(bytes(data))

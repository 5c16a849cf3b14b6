"""The door for demonstrations of every format: what is not in the one layout yet is converted in front of `load_demos`.

robomimic   an HDF5 file with the group data/demo_0      read as it is
LeRobot     a folder with meta/info.json                 2.0, 2.1, 3.0
Minari      a folder with data/main_data.hdf5
D4RL        an HDF5 file with observations, actions, terminals in flat arrays

A converted file lies in `data/converted/<digest of the source>/<name>.hdf5`: a source that has changed gets another
one, and an equal one is not converted twice.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from energyflow.core.errors import UserError
from energyflow.core.files import sha256
from energyflow.datasets import d4rl, hub, lerobot, minari
from energyflow.datasets.episodes import Episodes
from energyflow.datasets.recording import Recorded, Recording, write_recording

log = logging.getLogger(__name__)

CONVERTED = Path("data/converted")
EDITION = 1  # of the conversion: a file that an older one made is made again
ROBOMIMIC = "robomimic"


@dataclass(frozen=True)
class Format:
    """A format that is converted.

    Attributes:
        files: path -> every file that is read, for the digest.
        read: path -> what is in it.
    """

    files: Callable[[Path], list[Path]]
    read: Callable[[Path], Recording]


def _minari_files(path: Path) -> list[Path]:
    folder = minari.data_folder(path)
    assert folder is not None  # by which the format was recognised
    return [folder / minari.FILE, folder / minari.METADATA]


def recorded(data: Episodes, title: str) -> Recording:
    """Episodes of offline data as demonstrations: what was observed after the last action is dropped."""
    keys = [key.replace("/", ".") for key in data.layout]  # of a dictionary within another one
    borders = np.cumsum(list(data.layout.values()))[:-1]
    episodes = [
        Recorded(
            dict(zip(keys, np.split(episode.observations[:-1], borders, axis=1), strict=True)),
            episode.actions,
            episode.rewards,
        )
        for episode in data.episodes
    ]
    return Recording(title, data.name, episodes, str(data.env.get("id", "")))


FORMATS: Mapping[str, Format] = {
    "LeRobot": Format(lerobot.source_files, lerobot.read_lerobot),
    "Minari": Format(_minari_files, lambda path: recorded(minari.read_minari(path), "Minari")),
    "D4RL": Format(lambda path: [path], lambda path: recorded(d4rl.read_d4rl(path), "D4RL")),
}


def found(path: Path) -> Path:
    """A path, or where the data set of Minari's lies that it is the name of; it is downloaded if it is not here.

    Raises:
        UserError: no such data set, or no connection.
    """
    return path if path.exists() or not hub.is_name(str(path)) else hub.download_minari(str(path))


def format_of(path: Path) -> str:
    """`robomimic`, or a key of `FORMATS`.

    Raises:
        UserError: there is nothing, or nothing that is known.
    """
    if (path / lerobot.INFO).is_file():
        return "LeRobot"
    if minari.data_folder(path) is not None:
        return "Minari"
    if path.is_dir():
        held = ", ".join(sorted(each.name for each in path.iterdir())[:5]) or "nothing"
        raise UserError(
            f"{path}: no data set that is known here: a LeRobot folder has {lerobot.INFO}, a Minari folder"
            f" data/{minari.FILE} and data/{minari.METADATA}; this one has {held}. Name a file by its own path"
        )
    if path.is_file() and d4rl.is_d4rl(path):
        return "D4RL"
    return ROBOMIMIC  # whose reader says what is wrong with the file


def read(path: Path) -> Recording:
    """Read a source of a format that is converted.

    Raises:
        UserError: it is none, or damaged; the message names file and key.
    """
    return FORMATS[format_of(path)].read(path)


def digest_of(files: list[Path]) -> str:
    """Hash of all files of a source, in their order, and of the edition of the conversion; not of where they lie."""
    digest = hashlib.sha256(f"edition {EDITION}".encode())
    for file in files:
        digest.update(f" {file.name} {sha256(file)}".encode())
    return digest.hexdigest()


def as_demos(path: Path, folder: Path = CONVERTED) -> Path:
    """The file that `load_demos` reads for a source: itself, or what it is converted to, said aloud.

    Args:
        path: of any format, or the name of a data set of Minari's.
        folder: of converted files.

    Raises:
        UserError: as `format_of` and `read`; the disk is full.
    """
    path = found(path)
    kind = format_of(path)
    if kind == ROBOMIMIC:
        return path
    made = folder / digest_of(FORMATS[kind].files(path))[:12]
    if known := sorted(made.glob("*.hdf5")):
        return known[0]
    recording = FORMATS[kind].read(path)
    out = made / file_name(recording)
    write_recording(recording, out)
    for key, reason in recording.left_out.items():
        log.warning("%s: %s: %s; left out", path, key, reason)
    log.warning("%s: %s, written to %s in the layout that is trained on", path, recording.format, out)
    return out


def file_name(recording: Recording) -> str:
    """Name of a converted file: that of the data set, as far as file names allow."""
    return (re.sub(r"[^A-Za-z0-9_.-]+", "_", recording.name).strip("._") or "demos") + ".hdf5"

"""LeRobot's folders, versions 2.0, 2.1 and 3.0: the numbers from Parquet; pictures are named and left out.

meta/info.json                          codebase_version, fps, features (dtype, shape), data_path, splits
meta/episodes.jsonl                     2.x: a line an episode: episode_index, length
meta/episodes/chunk-000/file-000.parquet    3.0: a row an episode, with the file that holds it
data/chunk-000/episode_000000.parquet   2.x: an episode a file
data/chunk-000/file-000.parquet         3.0: many episodes a file
    action, observation.state, ...      a row a frame, beside episode_index, frame_index, timestamp
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from energyflow.core.errors import UserError, nearest
from energyflow.core.files import read_json
from energyflow.datasets.recording import Array, Recorded, Recording, check_numbers

if TYPE_CHECKING:
    import pyarrow

log = logging.getLogger(__name__)

INFO = "meta/info.json"
READ = ("meta/episodes.jsonl", "meta/episodes/**/*.parquet", "data/**/*.parquet")
VERSIONS = ("v2.0", "v2.1", "v3.0")
NUMERIC = re.compile(r"(float|int|uint)\d+|bool")
ACTION, REWARD, SUCCESS = "action", "next.reward", "next.success"
LISTS = {"val": "valid", "validation": "valid"}  # splits -> what the trainer calls the list held out
UNEVEN = 0.1  # of a frame, that a timestamp may be off before it is said


@dataclass(frozen=True)
class _Place:
    """An episode of the index: its number, its frames, and the file that holds them."""

    index: int
    length: int
    file: Path


def source_files(folder: Path) -> list[Path]:
    """Every file that is read: not the pictures."""
    found = (folder.glob(pattern) for pattern in READ)
    return sorted([folder / INFO, *(file for files in found for file in files)])


class _Folder:
    """A folder, and what its `info.json` says."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / INFO
        self.info = read_json(self.path)
        self.version = self.info.get("codebase_version")
        if self.version not in VERSIONS:
            raise self.error(
                "codebase_version",
                f"is {self.version!r}, and {', '.join(VERSIONS)} are read; LeRobot has a script that converts",
            )
        features = self.info.get("features")
        if not isinstance(features, dict) or not all(isinstance(each, dict) for each in features.values()):
            raise self.error("features", "is no description of columns; restore the file")
        for key, feature in features.items():
            shape = feature.get("shape", [1])
            if not isinstance(shape, list) or not all(isinstance(size, int) and size > 0 for size in shape):
                raise self.error(f"features.{key}.shape", f"is {shape!r}, and must be a list of sizes such as [7]")
        self.features: dict[str, dict[str, Any]] = features

    def error(self, key: str, problem: str) -> UserError:
        return UserError(f"{self.path}: {key}: {problem}")

    def number(self, key: str, default: int | None = None) -> float:
        value = self.info.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise self.error(key, f"is {value!r}, and must be a number above 0")
        return value

    def width(self, key: str) -> int:
        """Numbers a frame of a column; raises UserError where there is none."""
        if key not in self.features:
            raise self.error("features", f"has no '{key}'; {nearest(key, self.features)}")
        return int(np.prod(self.features[key].get("shape") or [1]))

    def chosen(self) -> tuple[list[str], dict[str, str]]:
        """The columns that are observations, and why other columns are left out."""
        kept, left = [], {}
        for key, feature in self.features.items():
            kind, shape = str(feature.get("dtype")), feature.get("shape") or [1]
            if not key.startswith("observation."):
                continue
            if kind in ("image", "video"):
                left[key] = f"pictures ({kind}) of shape {shape}"
            elif not NUMERIC.fullmatch(kind):
                left[key] = f"holds {kind}, no numbers"
            elif len(shape) > 1:
                left[key] = f"arrays of shape {shape} at each step, not a vector"
            else:
                kept.append(key)
        if not kept:
            raise self.error("features", f"no observation.* that is a vector of numbers; there are {sorted(left)}")
        return kept, left

    def file(self, **numbers: int) -> Path:
        """The data file of an episode, by the template of `info.json`."""
        template = str(self.info.get("data_path"))
        try:
            path = self.folder / template.format(**numbers)
        except (LookupError, ValueError, AttributeError) as error:
            raise self.error("data_path", f"'{template}' is no template of a {self.version} folder ({error})") from None
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise self.error("data_path", f"'{template}' leads out of the folder")
        return path

    def places(self) -> list[_Place]:
        """The index of episodes, in order."""
        found = list(self._index_3() if self.version == "v3.0" else self._index_2())
        numbers, wanted = [place.index for place in found], self.info.get("total_episodes", len(found))
        if not found or len(set(numbers)) < len(found):
            raise UserError(f"{self.folder}/meta/episodes: lists {'an episode twice' if found else 'no episode'}")
        if len(found) != wanted:
            raise self.error("total_episodes", f"is {wanted}, but meta/episodes lists {len(found)}; restore the folder")
        return sorted(found, key=lambda place: place.index)

    def _index_2(self) -> Iterator[_Place]:
        path = self.folder / "meta/episodes.jsonl"
        if not path.is_file():
            raise UserError(f"{path}: no such file; a {self.version} folder lists its episodes there")
        size = int(self.number("chunks_size", 1000))
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if line.strip():
                try:
                    row = json.loads(line)
                    index, length = int(row["episode_index"]), int(row["length"])
                except (ValueError, KeyError, TypeError) as error:
                    raise UserError(f"{path}: line {number}: no episode_index and length ({error})") from None
                yield _Place(index, length, self.file(episode_chunk=index // size, episode_index=index))

    def _index_3(self) -> Iterator[_Place]:
        files = sorted(self.folder.glob("meta/episodes/*/*.parquet"))
        if not files:
            raise UserError(f"{self.folder}/meta/episodes: no Parquet file; a v3.0 folder lists its episodes there")
        keys = ["episode_index", "length", "data/chunk_index", "data/file_index"]
        for file in files:
            table = _table(file, keys)
            columns = [_column(table, key, 1, str(file))[:, 0].astype(int) for key in keys]
            for index, length, chunk, number in zip(*(column.tolist() for column in columns), strict=True):
                yield _Place(index, length, self.file(chunk_index=chunk, file_index=number))

    def lists(self, places: list[_Place]) -> dict[str, list[int]]:
        """Splits as lists of episodes, where there are several."""
        splits = self.info.get("splits")
        if not isinstance(splits, dict) or len(splits) < 2:
            return {}
        found: dict[str, list[int]] = {}
        for name, text in splits.items():
            match = re.fullmatch(r"(\d+):(\d+)", str(text))
            if match is None or not re.fullmatch(r"\w+", name):
                raise self.error(f"splits.{name}", f"is {text!r}, and must be a range of episodes such as 0:40")
            low, high, kind = int(match[1]), int(match[2]), LISTS.get(str(name), str(name))
            found[kind] = [at for at, place in enumerate(places) if low <= place.index < high]
            if high > len(places) or not found[kind]:
                raise self.error(f"splits.{name}", f"is {text}, of {len(places)} episodes")
        return found


def _table(path: Path, keys: list[str]) -> pyarrow.Table:
    """Columns of a Parquet file, all there.

    Raises:
        UserError: pyarrow is not installed; the file is missing or damaged, or lacks a column.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise UserError(f"{path}: is Parquet: pip install 'energyflow[lerobot]' ({error})") from None
    if not path.is_file():
        raise UserError(f"{path}: no such file, but meta lists episodes in it; copy the folder again")
    try:
        with parquet.ParquetFile(path) as file:
            for key in keys:
                if key not in file.schema_arrow.names:
                    raise UserError(f"{path}: no column '{key}'; {nearest(key, file.schema_arrow.names)}")
            return file.read(columns=keys)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read as Parquet ({' '.join(str(error).split())}); copy it again") from None


def _column(table: pyarrow.Table, key: str, width: int, where: str) -> Array:
    """Numbers [N, width] of a column of scalars, or of lists of one length."""
    import pyarrow

    column = table.column(key).combine_chunks()
    if column.null_count:
        raise UserError(f"{where}: {key}: {column.null_count} rows are empty; repair the file")
    lists = pyarrow.types.is_list(column.type) or pyarrow.types.is_fixed_size_list(column.type)
    flat = column.flatten() if lists else column
    if not _numeric(flat.type) or flat.null_count:
        raise UserError(f"{where}: {key}: holds {column.type}, not a vector of numbers at each step")
    lengths = set(column.value_lengths().to_pylist()) if lists else {1}
    if lengths - {width}:
        odd = min(lengths - {width})
        raise UserError(f"{where}: {key}: {odd} numbers in a row, but {width} by shape in {INFO}")
    values: Array = flat.to_numpy(zero_copy_only=False).astype(np.float64).reshape(-1, width)
    return values


def _numeric(kind: Any) -> bool:
    import pyarrow

    tests = (pyarrow.types.is_floating, pyarrow.types.is_integer, pyarrow.types.is_boolean)
    return any(test(kind) for test in tests)


def read_lerobot(folder: Path) -> Recording:
    """Read a LeRobot data set from its folder.

    Observations are the features `observation.*` that are vectors of numbers, under their own names. `next.reward`
    and `next.success` are read where they are there.

    Raises:
        UserError: of another version; a file is missing or damaged; index and data differ; a width is not as
            `features` says; NaN.
    """
    source = _Folder(folder)
    kept, left = source.chosen()
    rate = source.number("fps")
    optional = [key for key in (REWARD, SUCCESS) if key in source.features and source.width(key) == 1]
    keys = [*kept, ACTION, *optional]
    widths = {key: source.width(key) for key in keys} | {"episode_index": 1, "frame_index": 1, "timestamp": 1}
    places = source.places()
    episodes, open_file, columns = [], Path(), dict[str, Array]()
    for place in places:
        if place.file != open_file:  # of version 3.0, it holds many
            table = _table(place.file, list(widths))
            columns = {key: _column(table, key, width, str(place.file)) for key, width in widths.items()}
            open_file = place.file
        rows = np.flatnonzero(columns["episode_index"][:, 0] == place.index)
        where = f"{place.file}: episode {place.index}"
        if len(rows) != place.length or not len(rows):
            raise UserError(f"{where}: {len(rows)} frames, but meta/episodes says {place.length}; restore the folder")
        own = {key: values[rows] for key, values in columns.items()}
        if not np.array_equal(own["frame_index"][:, 0], np.arange(len(rows))):
            raise UserError(f"{where}: frame_index: does not count 0, 1, ..., {len(rows) - 1}; frames are missing")
        own = {key: check_numbers(where, key, values) for key, values in own.items()}
        _tell_uneven(where, own["timestamp"][:, 0], rate)
        scalars = {key: own[key][:, 0] for key in optional}
        obs = {key: own[key] for key in kept}
        episodes.append(Recorded(obs, own[ACTION], scalars.get(REWARD), scalars.get(SUCCESS)))
    robot = source.info.get("robot_type")
    return Recording(
        format=f"LeRobot {source.version}",
        name=folder.resolve().name,
        episodes=episodes,
        environment=robot if isinstance(robot, str) and robot != "unknown" else "",
        rate=rate,
        left_out=left,
        lists=source.lists(places),
    )


def _tell_uneven(where: str, seconds: Array, rate: float) -> None:
    """Say aloud where frames are not one period apart: to a policy, each is one control step."""
    off = np.flatnonzero(np.abs(np.diff(seconds) * rate - 1.0) > UNEVEN)
    if len(off):
        gap = seconds[off[0] + 1] - seconds[off[0]]
        log.warning("%s: timestamp: %.3g s after step %d, not 1/%g s; taken as one step", where, gap, off[0], rate)

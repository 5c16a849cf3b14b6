"""LeRobot folders of random numbers, written from the format's specification (versions 2.1 and 3.0)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

Rows = dict[str, NDArray[Any]]
FPS = 10
FEATURES: dict[str, dict[str, Any]] = {
    "observation.state": {"dtype": "float32", "shape": [3], "names": ["x", "y", "z"]},
    "observation.effort": {"dtype": "float32", "shape": [1], "names": None},
    "observation.images.front": {"dtype": "video", "shape": [48, 64, 3], "names": ["height", "width", "channels"]},
    "action": {"dtype": "float32", "shape": [2], "names": {"motors": ["a", "b"]}},
    "next.reward": {"dtype": "float32", "shape": [1], "names": None},
    "next.success": {"dtype": "bool", "shape": [1], "names": None},
    "timestamp": {"dtype": "float32", "shape": [1], "names": None},
    "frame_index": {"dtype": "int64", "shape": [1], "names": None},
    "episode_index": {"dtype": "int64", "shape": [1], "names": None},
    "index": {"dtype": "int64", "shape": [1], "names": None},
    "task_index": {"dtype": "int64", "shape": [1], "names": None},
}


def episode(index: int, length: int, seed: int = 0) -> Rows:
    """Columns of one episode."""
    rng, steps = np.random.default_rng([seed, index]), np.arange(length)
    return {
        "observation.state": rng.normal(size=(length, 3)).astype(np.float32),
        "observation.effort": rng.normal(size=length).astype(np.float32),
        "action": rng.uniform(-0.9, 0.9, (length, 2)).astype(np.float32),
        "next.reward": -steps.astype(np.float32),
        "next.success": steps == length - 1,
        "timestamp": (steps / FPS).astype(np.float32),
        "frame_index": steps,
        "episode_index": np.full(length, index),
        "index": steps,
        "task_index": np.zeros(length, dtype=np.int64),
    }


def table(rows: Mapping[str, NDArray[Any]]) -> pa.Table:
    """As the `datasets` library stores them: vectors are lists of one length."""
    columns = {}
    for key, values in rows.items():
        flat = pa.array(values.ravel())
        columns[key] = flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return pa.table(columns)


def write_folder(folder: Path, version: str = "v3.0", seed: int = 0, **info: Any) -> list[Rows]:
    """Write three episodes of random numbers; `info` goes over what `info.json` says."""
    episodes = [episode(index, length, seed) for index, length in enumerate((12, 9, 14))]
    write_episodes(folder, version, episodes, **info)
    return episodes


def write_episodes(folder: Path, version: str, episodes: list[Rows], **info: Any) -> None:
    """Write a data set of these columns; `info` goes over what `info.json` says."""
    (folder / "meta").mkdir(parents=True)
    lengths = [len(rows["action"]) for rows in episodes]
    said = {
        "codebase_version": version,
        "robot_type": "so100",
        "total_episodes": len(lengths),
        "total_frames": sum(lengths),
        "total_tasks": 1,
        "chunks_size": 1000,
        "fps": FPS,
        "splits": {"train": f"0:{len(lengths)}"},
        "features": FEATURES,
    }
    (_write_3 if version == "v3.0" else _write_2)(folder, episodes, said)
    (folder / "meta/info.json").write_text(json.dumps(said | info))


def _write_2(folder: Path, episodes: list[Rows], said: dict[str, Any]) -> None:
    """An episode a file."""
    said["data_path"] = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
    said["total_chunks"] = 1
    (folder / "data/chunk-000").mkdir(parents=True)
    lines = []
    for index, rows in enumerate(episodes):
        parquet.write_table(table(rows), folder / f"data/chunk-000/episode_{index:06d}.parquet")
        lines.append(json.dumps({"episode_index": index, "tasks": ["reach"], "length": len(rows["action"])}))
    (folder / "meta/episodes.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "meta/tasks.jsonl").write_text(json.dumps({"task_index": 0, "task": "reach"}) + "\n")


def _write_3(folder: Path, episodes: list[Rows], said: dict[str, Any]) -> None:
    """All but the last episode in one file, the last in another one; an index of episodes in Parquet."""
    said["data_path"] = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
    lengths = [len(rows["action"]) for rows in episodes]
    starts = np.cumsum([0, *lengths])
    for place in ("data/chunk-000", "meta/episodes/chunk-000"):
        (folder / place).mkdir(parents=True)
    for number, part in enumerate((episodes[:-1], episodes[-1:])):
        joined = {key: np.concatenate([rows[key] for rows in part]) for key in episodes[0]} if part else {}
        parquet.write_table(table(joined), folder / f"data/chunk-000/file-{number:03d}.parquet")
    index = {
        "episode_index": list(range(len(episodes))),
        "tasks": [["reach"]] * len(episodes),
        "length": lengths,
        "data/chunk_index": [0] * len(episodes),
        "data/file_index": [0] * (len(episodes) - 1) + [1],
        "dataset_from_index": starts[:-1].tolist(),
        "dataset_to_index": starts[1:].tolist(),
    }
    parquet.write_table(pa.table(index), folder / "meta/episodes/chunk-000/file-000.parquet")
    tasks = {"task_index": [0], "task": ["reach"]}
    parquet.write_table(pa.table(tasks), folder / "meta/tasks.parquet")

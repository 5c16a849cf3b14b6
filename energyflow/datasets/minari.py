"""Minari's layout of offline data (Farama Foundation), read and written without its package.

data/
  metadata.json               dataset_id, env_spec (JSON in a string), observation_space, action_space, totals
  main_data.hdf5
    episode_0/                attrs: id, total_steps, seed
      observations [T + 1, Do]  or a group of such arrays, at any depth: spaces of dictionaries
      actions      [T, Da]
      rewards, terminations, truncations  [T]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import h5py
import numpy as np

from energyflow.core.errors import UserError, nearest
from energyflow.core.files import atomic_path, json_text, read_json, write_text
from energyflow.datasets.episodes import Episode, Episodes, Floats
from energyflow.datasets.reading import DemoFile

FILE, METADATA = "main_data.hdf5", "metadata.json"
EPISODE = re.compile(r"episode_(\d+)")
VERSION = "0.5.4"  # of Minari, whose layout is written
PLAIN = "observations"


def data_folder(path: Path) -> Path | None:
    """The folder with Minari's two files: `path`, or `data` in it, or where `path` is one of them; None if none is."""
    folders = (path.parent,) if path.is_file() else (path, path / "data")
    return next((each for each in folders if (each / FILE).is_file() and (each / METADATA).is_file()), None)


def read_minari(path: Path, obs_keys: Sequence[str] | None = None) -> Episodes:
    """Read a local data set of Minari's.

    Args:
        path: its folder, the folder `data` in it, or `main_data.hdf5`.
        obs_keys: of a dictionary of observations, in the order in which they are concatenated; by default all, by name.

    Raises:
        UserError: files are missing or damaged; the data are in another format than HDF5; actions are discrete; an
            array is missing, of another length or holds NaN; an episode ends before its last step; no episode is there.
    """
    folder = data_folder(path)
    if folder is None:
        raise UserError(f"{path}: no data set of Minari's: it has no data/{FILE} with {METADATA} beside it")
    note = folder / METADATA
    metadata = read_json(note)
    if metadata.get("data_format", "hdf5") != "hdf5":
        raise UserError(
            f"{note}: data_format: '{metadata['data_format']}' is not read here; convert a copy to hdf5 with Minari"
        )
    space = _json_in(note, metadata, "action_space")
    if space.get("type", "Box") != "Box":
        raise UserError(f"{note}: action_space: {space['type']} actions; the methods here need a box of real numbers")
    with DemoFile(folder / FILE) as file:
        found = [(int(match[1]), name) for name in file.names("/") if (match := EPISODE.fullmatch(name))]
        if not found:
            raise file.error("", "holds no episode_0: no data set of Minari's, or an empty one")
        keys = _observation_keys(file, f"{min(found)[1]}/{PLAIN}", obs_keys)
        episodes = [_read_episode(file, name, keys) for _, name in sorted(found)]
        widths = {(e.observations.shape[1], e.actions.shape[1]) for e in episodes}
        if len(widths) > 1:
            raise file.error("", f"episodes differ in their widths of observation and action: {sorted(widths)}")
        first = f"{min(found)[1]}/"
        layout = {key.removeprefix(f"{PLAIN}/"): file.shape(first + key)[1] for key in keys}
        digest = file.digest
    return Episodes(
        path=folder / FILE,
        sha256=digest,
        episodes=episodes,
        layout=layout,
        env=_env(note, metadata),
        box=_box(note, space, episodes[0].actions.shape[1]),
        name=str(metadata.get("dataset_id") or folder.resolve().parent.name),
        references=_references(note, metadata),
    )


def _observation_keys(file: DemoFile, top: str, wanted: Sequence[str] | None) -> list[str]:
    """Keys below an episode, such as `observations/goal`."""
    if not file.is_group(top):
        if wanted not in (None, [PLAIN], (PLAIN,)):
            raise file.error(top, f"is one array, without the keys {', '.join(wanted or ())}; leave obs_keys out")
        return [PLAIN]
    known = [key.removeprefix(f"{top}/") for key in _leaves(file, top)]
    for key in wanted or ():
        if key not in known:
            raise file.error(f"{top}/{key}", f"is missing; {nearest(key, known)}")
    return [f"{PLAIN}/{key}" for key in wanted or known]


def _leaves(file: DemoFile, key: str) -> list[str]:
    """Arrays below a group, in the order of their names."""
    if not file.is_group(key):
        return [key]
    return [leaf for name in file.names(key) for leaf in _leaves(file, f"{key}/{name}")]


def _read_episode(file: DemoFile, name: str, keys: Sequence[str]) -> Episode:
    actions = file.array(f"{name}/actions")
    length = len(actions)
    if not length:
        raise file.error(f"{name}/actions", "is empty: an episode has at least one step")

    def rows(key: str, count: int) -> Floats:
        values = file.array(f"{name}/{key}")
        if len(values) != count:
            raise file.error(f"{name}/{key}", f"{len(values)} rows beside {length} actions, not {count}")
        return values

    ends = []
    for key in ("terminations", "truncations"):
        flags = rows(key, length)[:, 0] != 0
        if flags[:-1].any():
            raise file.error(f"{name}/{key}", f"is set at step {int(flags.argmax())} of {length}, before the last one")
        ends.append(bool(flags[-1]))
    return Episode(
        observations=np.concatenate([rows(key, length + 1) for key in keys], axis=1),
        actions=actions,
        rewards=rows("rewards", length)[:, 0],
        terminated=ends[0],
        truncated=ends[1],
    )


def _json_in(note: Path, metadata: dict[str, Any], key: str) -> dict[str, Any]:
    """A JSON object that the metadata keep as a string, or as an object; empty where there is none."""
    value = metadata.get(key) or {}
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise UserError(f"{note}: {key}: damaged, not valid JSON ({error}); restore it") from None
    if not isinstance(found, dict):
        raise UserError(f"{note}: {key}: expected a JSON object")
    return found


def _env(note: Path, metadata: dict[str, Any]) -> dict[str, Any]:
    """What builds the environment in Gymnasium's registry: never the file's own entry point, which is code."""
    spec = _json_in(note, metadata, "eval_env_spec") or _json_in(note, metadata, "env_spec")
    if not spec.get("id"):
        return {}
    found = {"id": str(spec["id"]), "kwargs": spec.get("kwargs") or {}}
    steps = spec.get("max_episode_steps")
    return found | ({"max_episode_steps": int(steps)} if steps else {})


def _box(note: Path, space: dict[str, Any], width: int) -> Floats | None:
    if "low" not in space or "high" not in space:
        return None
    try:
        box = np.array([np.ravel(space["low"]), np.ravel(space["high"])], dtype=np.float64)
        fits = box.shape == (2, width) and bool((box[0] <= box[1]).all())
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise UserError(f"{note}: action_space: low and high are no box of the {width} numbers of an action")
    return box if np.isfinite(box).all() else None


def _references(note: Path, metadata: dict[str, Any]) -> tuple[float, float] | None:
    """Returns that stand for 0 and for 100, under Minari's names."""
    found = [metadata.get(key) for key in ("ref_min_score", "ref_max_score")]
    if None in found:
        return None
    low, high = (float(value) if isinstance(value, int | float) else np.nan for value in found)
    if not low < high:
        raise UserError(f"{note}: ref_min_score and ref_max_score must be two numbers, the first below (got {found})")
    return low, high


def write_minari(
    folder: Path,
    episodes: Iterable[Episode],
    *,
    name: str,
    env: dict[str, Any],
    box: Floats,
    metadata: dict[str, Any] | None = None,
) -> None:
    """Write a data set that Minari opens; equal episodes give equal bytes of every array.

    Args:
        folder: of the data set; `data/` is made in it.
        episodes: what to write; observations are plain vectors.
        name: Minari's id, namespace/name-v0.
        env: `id` in Gymnasium's registry, and `kwargs` and `max_episode_steps` where they are not those of it.
        box: [2, Da], the bounds of the action space.
        metadata: more of it, such as `algorithm_name`, `description`, `ref_min_score`, `ref_max_score`.

    Raises:
        UserError: there is no episode, or the disk is full.
    """
    path = folder / "data" / FILE
    count = steps = 0
    with atomic_path(path) as temporary, h5py.File(temporary, "w", track_order=True) as file:
        for episode in episodes:
            group = file.create_group(f"episode_{count}")
            group.attrs.update({"id": count, "total_steps": len(episode)})
            last = np.arange(len(episode)) == len(episode) - 1
            arrays = {
                "observations": episode.observations,
                "actions": episode.actions,
                "rewards": episode.rewards,
                "terminations": last & episode.terminated,
                "truncations": last & episode.truncated,
            }
            for key, values in arrays.items():
                group.create_dataset(key, data=values, compression="gzip", compression_opts=4)
            group.create_group("infos")
            count, steps, width = count + 1, steps + len(episode), episode.observations.shape[1]
        if not count:
            raise UserError(f"{path}: no episode to write")
    spec = replace(gym.spec(env["id"]), **{key: value for key, value in env.items() if key != "id"})
    unbounded = [[bound] * width for bound in (-np.inf, np.inf)]
    written = {
        "dataset_id": name,
        "minari_version": VERSION,
        "data_format": "hdf5",
        "jpeg_encoding": False,
        "total_episodes": count,
        "total_steps": steps,
        "dataset_size": round(path.stat().st_size / 1e6, 1),
        "env_spec": spec.to_json(),
        "observation_space": _space(*unbounded),
        "action_space": _space(*np.asarray(box, dtype=np.float64).tolist()),
    }
    write_text(folder / "data" / METADATA, json_text((metadata or {}) | written))


def _space(low: list[float], high: list[float]) -> str:
    """A box as Minari says it: JSON in a string, in which it writes infinity as Python does."""
    return json.dumps({"type": "Box", "dtype": "float64", "shape": [len(low)], "low": low, "high": high})

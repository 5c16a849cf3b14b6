"""The on-disk format of demonstrations: robomimic's HDF5 layout plus a manifest beside it.

data/            attrs: total (transitions), env_args (JSON)
  demo_0/        attrs: num_samples, model_file (optional: the simulator's XML)
    actions      [T, Da]    executed actions, in the box [-1, 1]
    obs/<key>    [T, ...]   observation before the action; which keys, and in which order, a reader chooses
    states       [T, Ds]    simulator state before the action (optional: what a replay starts from)
    rewards      [T]        the simulator's dense reward
    dones        [T]        1 on the last transition
    success      [T]        success flag after the action (optional: files of others have none)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from energyflow.core.errors import UserError, nearest
from energyflow.core.files import atomic_path, read_json, sha256
from energyflow.envs.robomimic.tasks import LOW_DIM


@dataclass(frozen=True)
class Demonstration:
    """One episode: obs [T, Do], actions [T, Da], rewards [T], success [T] (all zeros where the file has none).

    `states` [T, Ds] and `model_file` are what a replay of a stored simulation starts from; reading skips them.
    """

    obs: NDArray[np.float64]
    actions: NDArray[np.float64]
    rewards: NDArray[np.float64]
    success: NDArray[np.float64]
    states: NDArray[np.float64] | None = None
    model_file: str | None = None


@dataclass(frozen=True)
class Demos:
    """All demonstrations of a file, with its hash, its `env_args` and the observation keys that were read."""

    path: Path
    sha256: str
    env_args: dict[str, Any]
    obs_keys: tuple[str, ...]
    episodes: list[Demonstration]

    @property
    def observations(self) -> NDArray[np.float64]:
        """Observations [N, Do] of every transition, each once."""
        return np.concatenate([episode.obs for episode in self.episodes])

    @property
    def actions(self) -> NDArray[np.float64]:
        """Actions [N, Da] of every transition."""
        return np.concatenate([episode.actions for episode in self.episodes])

    @property
    def obs_dim(self) -> int:
        """Width Do of the concatenated observation."""
        return self.episodes[0].obs.shape[1]

    @property
    def action_dim(self) -> int:
        """Width Da of the action."""
        return self.episodes[0].actions.shape[1]


def write_demos(
    path: Path, episodes: list[Demonstration], env_args: dict[str, Any], obs_layout: dict[str, int]
) -> None:
    """Write demonstrations atomically, gzip-compressed; equal episodes give equal bytes of every array.

    Args:
        path: of the HDF5 file.
        episodes: what to write.
        env_args: how to build the simulator.
        obs_layout: observation keys and their widths, in the order in which `obs` concatenates them.
    """
    borders = np.cumsum(list(obs_layout.values()))[:-1]
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        data = file.create_group("data")
        data.attrs["total"] = sum(len(e.actions) for e in episodes)
        data.attrs["env_args"] = json.dumps(env_args, sort_keys=True)
        for index, episode in enumerate(episodes):
            group = data.create_group(f"demo_{index}")
            group.attrs["num_samples"] = len(episode.actions)
            dones = np.zeros(len(episode.actions), dtype=np.int64)
            dones[-1] = 1
            arrays = {
                "actions": episode.actions,
                "rewards": episode.rewards,
                "success": episode.success,
                "dones": dones,
            }
            parts = np.split(episode.obs, borders, axis=1)
            arrays |= {f"obs/{key}": part for key, part in zip(obs_layout, parts, strict=True)}
            if episode.states is not None:
                arrays["states"] = episode.states
            if episode.model_file is not None:
                group.attrs["model_file"] = episode.model_file
            for key, values in arrays.items():
                group.create_dataset(key, data=values, compression="gzip", compression_opts=4)


def choose_keys(available: Iterable[str]) -> tuple[str, ...]:
    """Observation keys of a file, in order: robomimic's low-dimensional ones if they are there, else all of them."""
    found = set(available)
    usual = tuple(key for key in LOW_DIM if key in found)
    return usual if {"object", "robot0_eef_pos"} <= found else tuple(sorted(found))


def _episode(path: Path, name: str, group: h5py.Group, keys: tuple[str, ...]) -> Demonstration:
    for key in ("actions", "obs"):
        if key not in group:
            raise UserError(f"{path}: {name}: missing '{key}'; is this a robomimic low_dim file?")
    for key in keys:
        if key not in group["obs"]:
            raise UserError(f"{path}: {name}: no observation '{key}'; {nearest(key, list(group['obs']))}")
    actions = np.asarray(group["actions"], dtype=np.float64)
    parts = {key: np.asarray(group["obs"][key], dtype=np.float64) for key in keys}
    length = len(actions)
    if length == 0 or not parts:
        raise UserError(f"{path}: {name}: no transitions or no observation keys")
    for key, values in {"actions": actions, **{f"obs/{k}": v for k, v in parts.items()}}.items():
        if len(values) != length:
            raise UserError(f"{path}: {name}/{key}: {len(values)} rows, but {length} actions")
        bad = np.argwhere(~np.isfinite(values.reshape(length, -1)).all(axis=1))
        if len(bad):
            raise UserError(
                f"{path}: {name}/{key}: NaN or infinity at step {bad[0, 0]}; drop this demonstration or repair it"
            )
    if np.abs(actions).max() > 1.0 + 1e-6:
        raise UserError(
            f"{path}: {name}/actions: values up to {np.abs(actions).max():.3g}, outside the box [-1, 1];"
            " rescale the actions as robomimic does"
        )
    zeros = np.zeros(length)
    return Demonstration(
        obs=np.concatenate([v.reshape(length, -1) for v in parts.values()], axis=1),
        actions=actions,
        rewards=np.asarray(group["rewards"], dtype=np.float64) if "rewards" in group else zeros,
        success=np.asarray(group["success"], dtype=np.float64) if "success" in group else zeros,
    )


def load_demos(path: str | Path, obs_keys: Sequence[str] | None = None) -> Demos:
    """Read and check a demonstration file.

    A `manifest.json` beside the file, if there is one, must carry the file's hash.

    Args:
        path: of the HDF5 file.
        obs_keys: observation keys to concatenate, in this order; see `choose_keys` for the default.

    Raises:
        UserError: missing, truncated, of another hash than the manifest says, with NaN, without the
            expected arrays, or with demonstrations of different widths.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file; run `energyflow collect` or the workflow's collect rule first")
    digest = sha256(path)
    manifest = path.with_name("manifest.json")
    if manifest.is_file():
        recorded = read_json(manifest).get("sha256")
        if recorded != digest:
            raise UserError(
                f"{path}: sha256 is {digest[:12]}..., but {manifest} says {str(recorded)[:12]}...;"
                " the file was changed or damaged: delete both and collect again (or `dvc checkout`)"
            )
    try:
        with h5py.File(path, "r") as file:
            if "data" not in file:
                raise UserError(f"{path}: no group 'data'; is this a robomimic low_dim file?")
            data = file["data"]
            names = sorted((k for k in data if k.startswith("demo_")), key=lambda k: int(k.split("_")[1]))
            if not names:
                raise UserError(f"{path}: holds no demonstrations")
            keys = tuple(obs_keys or choose_keys(data[names[0]].get("obs", ())))
            episodes = [_episode(path, name, data[name], keys) for name in names]
            env_args = json.loads(data.attrs.get("env_args", "{}"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read as HDF5, perhaps truncated ({error}); fetch it again") from None
    for name, episode in zip(names, episodes, strict=True):
        if episode.obs.shape[1] != episodes[0].obs.shape[1] or episode.actions.shape[1] != episodes[0].actions.shape[1]:
            raise UserError(f"{path}: {name}: other observation or action width than {names[0]}")
    return Demos(path, digest, env_args, keys, episodes)

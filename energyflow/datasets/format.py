"""The on-disk format of demonstrations: robomimic's HDF5 layout plus a manifest beside it.

data/            attrs: total (transitions), env_args (JSON)
  demo_0/        attrs: num_samples, model_file (optional: the simulator's XML)
    actions      [T, Da]    actions to imitate; those of our simulators are in the box [-1, 1]
    actions_executed [T, Da] what the simulator was given (optional: where it is not `actions`)
    obs/<key>    [T, ...]   observation before the action; which keys, and in which order, a reader chooses
    states       [T, Ds]    simulator state before the action (optional: what a replay starts from)
    rewards      [T]        the simulator's dense reward
    dones        [T]        1 on the last transition
    success      [T]        success flag after the action (optional: files of others have none)
mask/<name>                 names of demonstrations (optional: a filter key, as robomimic's split script writes it)
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path
from energyflow.datasets.box import find_box, into_box
from energyflow.datasets.manifest import collected_task
from energyflow.datasets.reading import DemoFile, env_args
from energyflow.datasets.recognition import recognised
from energyflow.datasets.selection import EVERY, demo_names, masks, observation_keys
from energyflow.envs.tasks import CUSTOM, check_widths, named_task

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Demonstration:
    """One episode: obs [T, Do], actions [T, Da], rewards [T], success [T] (all zeros where the file has none).

    `actions` are what the demonstrator meant, for imitation; `executed` led from one observation to the next.
    `states` [T, Ds] and `model_file` are what a replay of a stored simulation starts from; reading skips them.
    """

    obs: NDArray[np.float64]
    actions: NDArray[np.float64]
    rewards: NDArray[np.float64]
    success: NDArray[np.float64]
    states: NDArray[np.float64] | None = None
    model_file: str | None = None
    actions_executed: NDArray[np.float64] | None = None

    @property
    def executed(self) -> NDArray[np.float64]:
        """What the simulator was given [T, Da]; the actions themselves where the file does not tell them apart."""
        return self.actions if self.actions_executed is None else self.actions_executed


@dataclass(frozen=True)
class Demos:
    """Demonstrations of a file, actions in the box [-1, 1].

    Attributes:
        path: of the file.
        sha256: of the file and those that it links to.
        env_args: how to build their simulator, as the file says it.
        obs_keys: observation keys that were read.
        episodes: what was read.
        layout: widths of the observations, by key.
        task: the simulated task that they are of, or `custom/<name>`.
        differs: why they are not of the simulated task that `env_args` name; empty if they are, or name none.
        box: [2, Da] what -1 and 1 stand for in the file's units; None: for themselves.
        filter_key: list of demonstrations that was read.
        filter_keys: all lists of the file.
    """

    path: Path
    sha256: str
    env_args: dict[str, Any]
    obs_keys: tuple[str, ...]
    episodes: list[Demonstration]
    layout: dict[str, int] = field(default_factory=dict)
    task: str = f"{CUSTOM}/demos"
    differs: str = ""
    box: NDArray[np.float64] | None = None
    filter_key: str = EVERY
    filter_keys: tuple[str, ...] = ()

    @property
    def description(self) -> dict[str, Any]:
        """What a checkpoint says of its data."""
        return {
            "sha256": self.sha256,
            "demos": len(self.episodes),
            "filter_key": self.filter_key,
            "differs": self.differs,
        }

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

    def check_fits(self, task: str) -> None:
        """Check that they can be those of a task that was asked for.

        Raises:
            UserError: the task has a simulator, and they were recorded in another one.
        """
        named = named_task(self.env_args)
        if task.startswith(f"{CUSTOM}/") or task == self.task:
            return
        if self.differs and named == task:
            raise UserError(f"{self.path}: {self.differs}; leave --task out, or give it a name of its own: {self.task}")
        if named not in (None, task):
            raise UserError(f"{self.path}: its env_args say {named}, asked for {task}; leave --task out, or pass that")
        try:
            check_widths(task, self.layout, self.action_dim)
        except UserError as error:
            raise UserError(f"{self.path}: {error}") from None


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
            optional = {"states": episode.states, "actions_executed": episode.actions_executed}
            arrays |= {key: values for key, values in optional.items() if values is not None}
            if episode.model_file is not None:
                group.attrs["model_file"] = episode.model_file
            for key, values in arrays.items():
                group.create_dataset(key, data=values, compression="gzip", compression_opts=4)


def _rows(file: DemoFile, key: str, length: int, *, obs: bool = False) -> NDArray[np.float64]:
    """Numbers [T, D] of a demonstration of T actions; the observation after the last action is dropped."""
    values = file.array(key)
    if obs and len(values) == length + 1:
        return values[:-1]
    if len(values) != length:
        raise file.error(key, f"{len(values)} rows, but {length} actions; each observation belongs before one action")
    return values


def _optional(file: DemoFile, key: str, length: int) -> NDArray[np.float64]:
    """Numbers [T] that no training reads: zeros where the file has none, or, said aloud, something else."""
    parent, _, name = key.rpartition("/")
    if name not in file.names(parent):
        return np.zeros(length)
    try:
        values = _rows(file, key, length)
        if values.shape[1] == 1:
            return values[:, 0]
        file.say(key, f"{values.shape[1]} numbers at each step, not one; taken as 0")
    except UserError as error:
        log.warning("%s; taken as 0", error)
    return np.zeros(length)


def _episode(file: DemoFile, name: str, keys: tuple[str, ...]) -> Demonstration:
    place = f"data/{name}"
    actions = file.array(f"{place}/actions")
    length = len(actions)
    if length == 0:
        raise file.error(place, "no transitions; remove this demonstration in a copy, or leave it out by --filter-key")
    executed = f"{place}/actions_executed"
    return Demonstration(
        obs=np.concatenate([_rows(file, f"{place}/obs/{key}", length, obs=True) for key in keys], axis=1),
        actions=actions,
        rewards=_optional(file, f"{place}/rewards", length),
        success=_optional(file, f"{place}/success", length),
        actions_executed=_rows(file, executed, length) if "actions_executed" in file.names(place) else None,
    )


def _tell_odd_lengths(file: DemoFile, names: list[str], keys: tuple[str, ...], episodes: list[Demonstration]) -> None:
    """Say aloud where an observation after the last action was dropped, and where episodes seem to be joined."""
    for name, episode in zip(names, episodes, strict=True):
        longer = [key for key in keys if file.shape(f"data/{name}/obs/{key}")[0] > len(episode.actions)]
        if longer:
            file.say(
                f"data/{name}/obs/{longer[0]}", "one row more than actions, the observation after the last: dropped"
            )
            break
    for name, episode in zip(names, episodes, strict=True):
        dones = _optional(file, f"data/{name}/dones", len(episode.actions))
        restarts = np.flatnonzero((dones[:-1] > 0) & (dones[1:] <= 0))
        if len(restarts):
            file.say(
                f"data/{name}/dones",
                f"1 at step {restarts[0]}, and 0 after it: if episodes were joined here, split them into demo_N each:"
                " chunks of actions run from one into the next",
            )
            break


def _check_equal_widths(file: DemoFile, names: list[str], episodes: list[Demonstration], first: Demonstration) -> None:
    for name, episode in zip(names, episodes, strict=True):
        for what, mine, others in (
            ("observations", episode.obs, first.obs),
            ("actions", episode.actions, first.actions),
        ):
            if mine.shape[1] != others.shape[1]:
                raise file.error(f"data/{name}", f"{what} have {mine.shape[1]} numbers, but {others.shape[1]} before")


def _boxed(episode: Demonstration, box: NDArray[np.float64] | None) -> Demonstration:
    given = episode.actions_executed
    return replace(
        episode,
        actions=into_box(episode.actions, box),
        actions_executed=None if given is None else into_box(given, box),
    )


def load_demos(
    path: str | Path,
    obs_keys: Sequence[str] | None = None,
    *,
    filter_key: str | None = None,
    like: Demos | None = None,
) -> Demos:
    """Read and check a demonstration file; what is unusual about it is said aloud.

    A `manifest.json` of ours beside the file, if there is one, must fit it.

    Args:
        path: of the HDF5 file.
        obs_keys: observation keys to concatenate, in this order; see `choose_keys` for the default.
        filter_key: list of demonstrations below `mask` to read, or `all`; by default `train` if the file has it.
        like: other demonstrations of the same file, whose box holds for these as well.

    Raises:
        UserError: missing, locked, damaged, not as the manifest says, with NaN, without the expected arrays, or with
            demonstrations of different widths.
    """
    path = Path(path)
    collected = collected_task(path)
    with DemoFile(path) as file:
        chosen, names = demo_names(file, filter_key)
        keys = observation_keys(file, names[0], obs_keys)
        episodes = [_episode(file, name, keys) for name in names]
        _tell_odd_lengths(file, names, keys, episodes)
        layout = {key: file.shape(f"data/{names[0]}/obs/{key}")[-1] for key in keys}
        args, digest, known = env_args(file), file.digest, masks(file)
    _check_equal_widths(file, names, episodes, (like.episodes if like else episodes)[0])
    task, differs = (collected, "") if collected else recognised(path, args, layout, episodes[0].actions.shape[1])
    box = like.box if like else find_box(path, task, np.concatenate([episode.actions for episode in episodes]))
    episodes = [_boxed(episode, box) for episode in episodes]
    return Demos(path, digest, args, keys, episodes, layout, task, differs, box, chosen, known)

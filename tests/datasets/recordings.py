"""Small recordings for the readers of offline data, and ways to spoil them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from energyflow.datasets.episodes import Episode
from energyflow.datasets.minari import write_minari

BOX = np.array([[-2.0], [2.0]])
ENV = {"id": "Pendulum-v1", "max_episode_steps": 7}


def some_episodes(lengths: tuple[int, ...] = (7, 4, 7), seed: int = 0) -> list[Episode]:
    """Episodes of three numbers and one action; those shorter than the clock's 7 steps ended for good."""
    rng = np.random.default_rng(seed)
    return [
        Episode(
            observations=rng.normal(size=(n + 1, 3)),
            actions=rng.uniform(-2, 2, size=(n, 1)),
            rewards=rng.normal(size=n),
            terminated=n < 7,
            truncated=n == 7,
        )
        for n in lengths
    ]


def a_minari_set(folder: Path, episodes: list[Episode] | None = None) -> Path:
    """A data set of Minari's; returns its HDF5 file."""
    write_minari(
        folder,
        some_episodes() if episodes is None else episodes,
        name="pendulum/small-v0",
        env=ENV,
        box=BOX,
        metadata={"algorithm_name": "random"},
    )
    return folder / "data" / "main_data.hdf5"


def a_d4rl_file(path: Path, episodes: list[Episode] | None = None, *, following: bool = True) -> Path:
    """The same in D4RL's flat arrays."""
    episodes = some_episodes() if episodes is None else episodes
    flags = {
        key: np.concatenate([np.arange(len(e)) == len(e) - 1 if end(e) else np.zeros(len(e), bool) for e in episodes])
        for key, end in (("terminals", lambda e: e.terminated), ("timeouts", lambda e: e.truncated))
    }
    arrays = flags | {
        "observations": np.concatenate([e.observations[:-1] for e in episodes]),
        "actions": np.concatenate([e.actions for e in episodes]),
        "rewards": np.concatenate([e.rewards for e in episodes]),
    }
    if following:
        arrays["next_observations"] = np.concatenate([e.observations[1:] for e in episodes])
    with h5py.File(path, "w") as file:
        for key, values in arrays.items():
            file[key] = values
        file["infos/qpos"] = np.zeros((len(arrays["rewards"]), 2))
    return path


def change(path: Path, key: str, values: np.ndarray | None) -> None:
    """Put other values in an array's place, or remove it."""
    with h5py.File(path, "a") as file:
        del file[key]
        if values is not None:
            file[key] = values

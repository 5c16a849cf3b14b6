"""Episodes of somebody else's format, all observations by their own names, and how they become our one format."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path
from energyflow.datasets.format import Demonstration, write_demos

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Recorded:
    """One episode: obs by key [T, D], actions [T, Da], rewards [T] and success [T] where the source has them."""

    obs: dict[str, Array]
    actions: Array
    rewards: Array | None = None
    success: Array | None = None


@dataclass(frozen=True)
class Recording:
    """What was read of a source.

    Attributes:
        format: of the source, with its version, as people call it.
        name: of the data set; the file that is written and the task `custom/<name>` are called so.
        episodes: all of them, with equal keys and widths.
        environment: robot or simulator, as the source calls it; empty if it does not.
        rate: control steps a second; None if the source does not say.
        left_out: key -> why it is not read.
        lists: named lists of episodes: `train` is what training reads, `valid` what it holds out.
    """

    format: str
    name: str
    episodes: list[Recorded]
    environment: str = ""
    rate: float | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[int]] = field(default_factory=dict)

    @property
    def layout(self) -> dict[str, int]:
        """Observation keys and their widths."""
        return {key: values.shape[1] for key, values in self.episodes[0].obs.items()}

    @property
    def env_args(self) -> dict[str, Any]:
        """What robomimic's files say of an environment, as far as it is known."""
        named = {"env_name": self.environment} if self.environment else {}
        rate = {"control_freq": self.rate} if self.rate else {}
        return {**named, "env_kwargs": rate, "source": self.format}


def write_recording(recording: Recording, out: Path) -> None:
    """Write a recording in the one format, atomically; equal recordings give equal bytes.

    Rewards and success that the source lacks are zeros, which no training reads.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    layout = recording.layout
    episodes = [
        Demonstration(
            obs=np.concatenate([episode.obs[key] for key in layout], axis=1),
            actions=episode.actions,
            rewards=np.zeros(len(episode.actions)) if episode.rewards is None else episode.rewards,
            success=np.zeros(len(episode.actions)) if episode.success is None else episode.success,
        )
        for episode in recording.episodes
    ]
    with atomic_path(out) as temporary:
        write_demos(temporary, episodes, recording.env_args, layout)
        with h5py.File(temporary, "r+") as file:
            for name, chosen in recording.lists.items():
                file[f"mask/{name}"] = np.array([f"demo_{index}".encode() for index in chosen])


def check_numbers(where: str, key: str, values: Array) -> Array:
    """Return the values [T, D] of an episode, all finite.

    Raises:
        UserError: NaN or infinity; `where` names file and episode.
    """
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise UserError(f"{where}: {key}: NaN or infinity at step {bad[0]}; repair this episode, or leave it out")
    return values

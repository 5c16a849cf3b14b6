"""Open-loop replay: do the recorded actions of a file succeed again in the simulator that policies are tested in?"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import h5py
import numpy as np
from tqdm import tqdm

from energyflow.core.errors import UserError
from energyflow.envs.simulator import Array


@runtime_checkable
class Replayable(Protocol):
    """A simulator whose states can be stored, so that a demonstration can be replayed from them."""

    def state(self) -> Array:
        """Simulator state [Ds]."""

    def model_xml(self) -> str:
        """The model that the states belong to."""

    def restore(self, state: Array) -> Array:
        """Start an episode from a stored state [Ds]: obs [Do]."""

    def step(self, action: Array) -> tuple[Array, float, bool]:
        """See `Simulator.step`."""


def replays(env: Replayable, path: Path, count: int) -> list[bool]:
    """Execute the recorded actions of `count` demonstrations, spread over the file, from their first states.

    Raises:
        UserError: the file stores no states, or states of another model.
    """
    width = len(env.state())
    with h5py.File(path, "r") as file:
        data: Any = file["data"]
        names = sorted(data, key=lambda name: int(name.split("_")[1]))
        spread = np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int)
        outcomes = []
        for name in tqdm([names[index] for index in spread], desc=f"replay {path.name}", unit="demo", mininterval=2.0):
            if "states" not in data[name]:
                raise UserError(f"{path}: {name}: no 'states' to replay the actions from")
            start = np.asarray(data[name]["states"][0], dtype=np.float64)
            if len(start) != width:
                raise UserError(
                    f"{path}: {name}/states: {len(start)} numbers, but this simulator's state has {width}: the file was"
                    " recorded with another model"
                )
            env.restore(start)
            outcomes.append(any(env.step(action)[2] for action in np.asarray(data[name]["actions"], dtype=np.float64)))
    return outcomes

"""Open-loop replay: do the recorded actions of a file succeed again in the simulator that policies are tested in?"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from tqdm import tqdm

from energyflow.core.errors import UserError
from energyflow.datasets.reading import DemoFile
from energyflow.datasets.selection import EVERY, demo_names
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
    with DemoFile(path) as file:
        _, names = demo_names(file, EVERY)
        spread = np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int)
        outcomes = []
        for name in tqdm([names[index] for index in spread], desc=f"replay {path.name}", unit="demo", mininterval=2.0):
            place = f"data/{name}"
            key = "actions_executed" if "actions_executed" in file.names(place) else "actions"
            start, actions = file.array(f"{place}/states")[0], file.array(f"{place}/{key}")
            if len(start) != width:
                raise UserError(
                    f"{path}: {name}/states: {len(start)} numbers, but this simulator's state has {width}: the file was"
                    " recorded with another model"
                )
            env.restore(start)
            outcomes.append(any(env.step(action)[2] for action in actions))
    return outcomes

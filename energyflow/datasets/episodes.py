"""Episodes as others record them, whatever the file: what happened, and how each episode ended.

`minari.py` and `d4rl.py` read them; `offline/transitions.py` learns from them, and nothing in here knows of rewards to
come. An episode that ended for good and one that was cut off are told apart, because what follows is worth nothing
after the one, and was merely not seen after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from energyflow.core.errors import UserError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Episode:
    """T steps of one episode, environment units.

    Attributes:
        observations: [T + 1, Do], the last one after the last action.
        actions: [T, Da].
        rewards: [T].
        terminated: whether the last step ended it for good: no value follows.
        truncated: whether a clock ended it; neither, if the recording merely stops there.
    """

    observations: Floats
    actions: Floats
    rewards: Floats
    terminated: bool
    truncated: bool

    def __len__(self) -> int:
        """T."""
        return len(self.actions)

    @property
    def ret(self) -> float:
        """Sum of the rewards."""
        return float(self.rewards.sum())


@dataclass(frozen=True)
class Episodes:
    """The episodes of a file.

    Attributes:
        path: of the HDF5 file.
        sha256: of it, and of those that it links to.
        episodes: in the order of the file.
        layout: observation keys and their widths, in the order in which they are concatenated; one key, `observations`,
            where the file has a plain vector.
        env: Gymnasium's id of the environment, and how it was built: `id`, `kwargs`, `max_episode_steps`; empty if the
            file does not say.
        box: [2, Da], least and largest action; None if the file does not say.
        name: of the data set, as its makers call it.
        references: returns of a random and of an expert policy, that stand for 0 and 100; None if the file has none.
        keys: of the file that hold rewards, terminations and truncations, for messages.
    """

    path: Path
    sha256: str
    episodes: list[Episode]
    layout: dict[str, int]
    env: dict[str, Any] = field(default_factory=dict)
    box: Floats | None = None
    name: str = ""
    references: tuple[float, float] | None = None
    keys: tuple[str, str, str] = ("rewards", "terminations", "truncations")

    @property
    def steps(self) -> int:
        """Transitions of all episodes."""
        return sum(map(len, self.episodes))

    @property
    def obs_dim(self) -> int:
        """Do."""
        return self.episodes[0].observations.shape[1]

    @property
    def action_dim(self) -> int:
        """Da."""
        return self.episodes[0].actions.shape[1]

    @property
    def env_id(self) -> str:
        """Gymnasium's id of the environment.

        Raises:
            UserError: neither the file nor the user says it.
        """
        if not self.env:
            raise UserError(f"{self.path}: does not say which environment it is of; pass --env, such as Hopper-v5")
        return str(self.env["id"])

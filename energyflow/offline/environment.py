"""Environments of Gymnasium's registry as vectors in and vectors out: never built from a file's own code.

Observations of a dictionary are concatenated by the keys, and in the order, that the data were read with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from energyflow.core.errors import UserError, nearest
from energyflow.datasets.episodes import Episodes, Floats
from energyflow.offline import maze

if maze.ID not in gym.registry:
    gym.register(maze.ID, entry_point="energyflow.offline.maze:PointMaze", max_episode_steps=maze.HORIZON)


def spec_of(name: str, where: str) -> EnvSpec:
    """What Gymnasium knows of an environment; `where` its name stands, for messages.

    Raises:
        UserError: it knows none of that name.
    """
    if name not in gym.registry:
        raise UserError(f"{where}: unknown environment '{name}'; {nearest(name, gym.registry)}")
    return gym.spec(name)


def horizon_of(data: Episodes) -> int | None:
    """Steps after which a clock ends an episode of the data's environment; None if there is none.

    Raises:
        UserError: the file says no environment, or one that Gymnasium does not have.
    """
    steps: int | None = data.env.get("max_episode_steps") or spec_of(data.env_id, str(data.path)).max_episode_steps
    return steps


class Environment:
    """One environment.

    Attributes:
        box: [2, Da], least and largest action.
        obs_dim: Do.
        horizon: steps after which a clock ends an episode; None if there is none.
    """

    def __init__(
        self,
        name: str,
        *,
        keys: Sequence[str] = ("observations",),
        given: Mapping[str, Any] | None = None,
        where: str | None = None,
    ) -> None:
        """Build it.

        Args:
            name: in Gymnasium's registry.
            keys: of its observations, where these are a dictionary.
            given: what it is built with.
            where: its name stands, for messages.

        Raises:
            UserError: it is unknown or cannot be built here; its actions are no box; it has no such keys.
        """
        self.name, self.keys, self.where = name, list(keys), where or name
        spec_of(name, self.where)
        try:
            self.env = gym.make(name, disable_env_checker=True, **(given or {}))
        except (gym.error.Error, ImportError, TypeError, ValueError) as error:
            said = " ".join(str(error).split())
            raise UserError(f"{self.where}: its environment {name} cannot be built here: {said}") from None
        action = self.env.action_space
        if not isinstance(action, spaces.Box):
            raise UserError(f"{self.where}: {name} takes {action}; the methods here need a box of real numbers")
        self.box: Floats = np.array([action.low.ravel(), action.high.ravel()], dtype=np.float64)
        self.obs_dim = sum(map(self._width, self.keys))
        self.horizon: int | None = self.env.spec.max_episode_steps if self.env.spec else None

    def _width(self, key: str) -> int:
        space: spaces.Space[Any] | None = self.env.observation_space
        for part in key.split("/") if isinstance(space, spaces.Dict) else ():
            space = space.spaces.get(part) if isinstance(space, spaces.Dict) else None
        if not isinstance(space, spaces.Box):
            have = self.env.observation_space
            raise UserError(f"{self.where}: observations: '{key}' is no vector of {self.name}, which has {have}")
        return int(np.prod(space.shape))

    def _vector(self, obs: Any) -> Floats:
        if not isinstance(obs, dict):
            return np.asarray(obs, dtype=np.float64).ravel()
        parts = []
        for key in self.keys:
            at: Any = obs
            for part in key.split("/"):
                at = at[part]
            parts.append(np.asarray(at, dtype=np.float64).ravel())
        return np.concatenate(parts)

    def reset(self, seed: int) -> Floats:
        """Start the episode of an initial state: observation [Do]."""
        return self._vector(self.env.reset(seed=seed)[0])

    def step(self, action: Floats) -> tuple[Floats, float, bool, bool]:
        """Take an action [Da] of the box: observation, reward, terminated, truncated."""
        space = self.env.action_space
        assert isinstance(space, spaces.Box)
        given = action.reshape(space.shape).astype(space.dtype)
        obs, reward, terminated, truncated, _ = self.env.step(given)
        return self._vector(obs), float(reward), bool(terminated), bool(truncated)

    def close(self) -> None:
        """Free it."""
        self.env.close()


def environment_of(data: Episodes) -> Environment:
    """The environment that a data set was recorded in, held against the widths of the data.

    Raises:
        UserError: see `Environment`; or widths differ.
    """
    steps = data.env.get("max_episode_steps")
    given = ({"max_episode_steps": steps} if steps else {}) | (data.env.get("kwargs") or {})
    found = Environment(data.env_id, keys=list(data.layout), given=given, where=str(data.path))
    wanted = {"observations": (data.obs_dim, found.obs_dim), "actions": (data.action_dim, found.box.shape[1])}
    for what, (mine, theirs) in wanted.items():
        if mine != theirs:
            raise UserError(f"{data.path}: {what}: {mine} numbers at each step, but {found.name} has {theirs}")
    return found

"""The environment that a data set was recorded in: found in Gymnasium's registry, never built from the file's own code.

Observations of a dictionary are concatenated by the keys, and in the order, that the data were read with.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from energyflow.core.errors import UserError, nearest
from energyflow.datasets.episodes import Episodes, Floats


def spec_of(data: Episodes) -> EnvSpec:
    """What Gymnasium knows of the data's environment.

    Raises:
        UserError: the file says none, or one that Gymnasium does not have.
    """
    name = data.env_id
    if name not in gym.registry:
        raise UserError(f"{data.path}: unknown environment '{name}'; {nearest(name, gym.registry)}")
    return gym.spec(name)


def horizon_of(data: Episodes) -> int | None:
    """Steps after which a clock ends an episode; None if there is none."""
    steps: int | None = data.env.get("max_episode_steps") or spec_of(data).max_episode_steps
    return steps


class Environment:
    """One environment: vectors in, vectors out.

    Attributes:
        box: [2, Da], least and largest action.
    """

    def __init__(self, data: Episodes) -> None:
        """Build it, and hold its widths against the data's.

        Raises:
            UserError: it is unknown or cannot be built here; its actions are no box; widths or keys differ.
        """
        name = spec_of(data).id
        given = {key: data.env[key] for key in ("max_episode_steps",) if data.env.get(key)}
        try:
            self.env = gym.make(name, disable_env_checker=True, **given, **(data.env.get("kwargs") or {}))
        except (gym.error.Error, ImportError, TypeError, ValueError) as error:
            said = " ".join(str(error).split())
            raise UserError(f"{data.path}: its environment {name} cannot be built here: {said}") from None
        action = self.env.action_space
        if not isinstance(action, spaces.Box):
            raise UserError(f"{data.path}: {name} takes {action}; the methods here need a box of real numbers")
        self.box: Floats = np.array([action.low.ravel(), action.high.ravel()], dtype=np.float64)
        self.keys = list(data.layout)
        have = self._widths(data)
        wanted = {"observations": (data.obs_dim, have), "actions": (data.action_dim, self.box.shape[1])}
        for what, (mine, theirs) in wanted.items():
            if mine != theirs:
                raise UserError(f"{data.path}: {what}: {mine} numbers at each step, but {name} has {theirs}")

    def _widths(self, data: Episodes) -> int:
        space = self.env.observation_space
        parts = []
        for key in self.keys:
            at: spaces.Space[Any] | None = space
            for part in key.split("/") if isinstance(space, spaces.Dict) else ():
                at = at.spaces.get(part) if isinstance(at, spaces.Dict) else None
            if not isinstance(at, spaces.Box):
                raise UserError(f"{data.path}: observations: '{key}' is no vector of {data.env_id}, which has {space}")
            parts.append(int(np.prod(at.shape)))
        return sum(parts)

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

"""Any Gymnasium environment as a simulator that rollouts drive: boxes of numbers, or a dictionary of them.

A rollout ends an episode where a simulator of ours succeeds. An environment of a user's ends it itself, well or badly,
so `step` says of each step whether it was the last one, and `endings` which of the episodes were successes.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from energyflow.config.sections import Level
from energyflow.core.errors import UserError, nearest
from energyflow.envs.simulator import Array, Expert

LEROBOT = "observation."
SUCCESS = ("success", "is_success")  # of `info`
Picture = NDArray[np.uint8]  # [H, W, 3]


def make(
    name: str, module: str | None = None, kwargs: Mapping[str, Any] | None = None, **more: Any
) -> gym.Env[Any, Any]:
    """Build an environment by its id.

    Args:
        name: in Gymnasium's registry.
        module: that registers it when it is imported: installed, or a file of the working folder.
        kwargs: of the environment, from its user.
        more: the same, from us.

    Raises:
        UserError: there is no such module or environment, it is not installed whole, or it takes no such argument.
    """
    if module is not None:
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())  # an installed command does not look there by itself
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module.partition(".")[0]:
                raise
            raise UserError(f"no module '{module}' here or installed; --env-import takes a name, without .py") from None
    try:
        return gym.make(name, **(kwargs or {}), **more)
    except gym.error.Error as error:
        said = " ".join(str(error).split())
        raise UserError(f"{name}: {said}; --env-import MODULE imports what registers it") from None
    except TypeError as error:
        raise UserError(f"{name}: cannot be built with these arguments ({error})") from None


class GymSimulator:
    """One environment. It is used as it is given: wrappers, clock and all.

    Attributes:
        endings: env seed -> whether the episode was a success, None where the environment does not say.
        film: what each picture of the first episode is given to.
    """

    grippers: tuple[int, ...] = ()

    def __init__(
        self, env: gym.Env[Any, Any], obs_keys: Sequence[str], film: Callable[[Picture], None] | None = None
    ) -> None:
        """Find the observations of a policy in those of the environment.

        Raises:
            UserError: one is not there, or observations or actions are no boxes.
        """
        self.env, self.film = env, film
        self.name = env.spec.id if env.spec is not None else type(env.unwrapped).__name__
        self._ways = {key: self._way(key, len(obs_keys)) for key in obs_keys}
        self.obs_layout = {key: int(np.prod(self._box(key).shape)) for key in obs_keys}
        self.obs_dim = sum(self.obs_layout.values())
        if not isinstance(env.action_space, spaces.Box):
            raise UserError(f"{self.name}: actions are {env.action_space}, not a box; a policy here gives real numbers")
        self.actions: spaces.Box = env.action_space
        self.action_dim = int(np.prod(self.actions.shape))
        self.endings: dict[int, bool | None] = {}
        self._seed = 0

    def _way(self, key: str, count: int) -> tuple[str, ...]:
        """Keys that lead to an observation: none in a box, several where `a.b` is a dictionary in a dictionary.

        What LeRobot calls `observation.x`, an environment usually calls `x`.
        """
        space = self.env.observation_space
        if isinstance(space, spaces.Box):
            if count > 1:
                raise UserError(
                    f"{self.name}: observes one vector, but the policy several keys; wrap it so that it observes a"
                    " dictionary of them"
                )
            return ()
        bare = key.removeprefix(LEROBOT)
        known = space.spaces if isinstance(space, spaces.Dict) else {}
        way, rest = [], bare if bare in known and key not in known else key
        while isinstance(space, spaces.Dict) and rest:
            head, _, tail = (rest, "", "") if rest in space.spaces else rest.partition(".")
            if head not in space.spaces:
                raise UserError(f"{self.name}: observes no '{key}'; {nearest(rest, space.spaces)}")
            way.append(head)
            space, rest = space.spaces[head], tail
        return tuple(way)

    def _box(self, key: str) -> spaces.Box:
        space = self.env.observation_space
        for step in self._ways[key]:
            assert isinstance(space, spaces.Dict)
            space = space.spaces[step]
        if not isinstance(space, spaces.Box):
            raise UserError(f"{self.name}: observation '{key}' is {space}, not a box of numbers")
        return space

    def _observed(self, obs: Any) -> Array:
        parts = []
        for key, way in self._ways.items():
            value = obs
            for step in way:
                value = value[step]
            part = np.asarray(value, dtype=np.float64).ravel()
            if len(part) != self.obs_layout[key] or not np.isfinite(part).all():
                what = "NaN or infinity" if len(part) == self.obs_layout[key] else f"{len(part)} numbers"
                raise UserError(
                    f"{self.name}: observation '{key}' holds {what}, of {self.obs_layout[key]} by its space"
                )
            parts.append(part)
        return np.concatenate(parts)

    def _picture(self) -> None:
        if self.film is None:
            return
        picture = self.env.render()
        if not isinstance(picture, np.ndarray) or picture.ndim != 3:
            raise UserError(f"{self.name}: renders no picture; build it with render_mode='rgb_array'")
        self.film(picture.astype(np.uint8))

    def reset(self, seed: int, level: Level | None = None) -> Array:
        """See `Simulator.reset`; nobody but the environment knows how to perturb it: levels are ignored."""
        if self.endings:
            self.film = None
        self._seed, self.endings[seed] = seed, None
        obs, _ = self.env.reset(seed=seed)
        self._picture()
        return self._observed(obs)

    def step(self, action: Array) -> tuple[Array, float, bool]:
        """Advance one step by an action [Da], clipped to the box: obs [Do], reward, whether the episode is over."""
        boxed = np.clip(action.reshape(self.actions.shape), self.actions.low, self.actions.high)
        obs, reward, terminated, truncated, info = self.env.step(boxed.astype(self.actions.dtype))
        said = next((bool(np.any(info[key])) for key in SUCCESS if key in info), None)
        if said is not None:
            self.endings[self._seed] = bool(self.endings[self._seed]) or said
        self._picture()
        return self._observed(obs), float(reward), bool(terminated or truncated)

    def expert(self, style: int | None) -> Expert:
        """There is none.

        Raises:
            UserError: always.
        """
        raise UserError(f"{self.name}: has no scripted expert; record demonstrations of your own")

    def env_args(self) -> dict[str, Any]:
        """See `Simulator.env_args`; robomimic calls Gymnasium's environments type 2."""
        return {"env_name": self.name, "type": 2, "env_kwargs": dict(self.env.spec.kwargs) if self.env.spec else {}}

"""An environment of Gymnasium's as the agents of this project see one: actions in [-1, 1], one flag a step.

The flag that simulators call success stands here for the end for good (`terminated`), such as a fall: `EpisodeEnv`
then ends the episode there, and the agent's critic takes no value from after it, while its clock truncates.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from energyflow.core.errors import UserError, nearest
from energyflow.datasets.episodes import Episode, Floats
from energyflow.envs.simulator import Array, Expert


class GymnasiumSimulator:
    """See `energyflow.envs.simulator.Simulator`."""

    grippers: tuple[int, ...] = ()

    def __init__(self, env_id: str) -> None:
        """Build it.

        Raises:
            UserError: it is unknown, cannot be built here, or has no box of actions or vector of observations.
        """
        if env_id not in gym.registry:
            raise UserError(f"unknown environment '{env_id}'; {nearest(env_id, gym.registry)}")
        try:
            env = gym.make(env_id, disable_env_checker=True)
        except (gym.error.Error, ImportError) as error:
            raise UserError(f"{env_id}: cannot be built here: {' '.join(str(error).split())}") from None
        steps = env.spec and env.spec.max_episode_steps
        observed, acted = env.observation_space, env.action_space
        if not (steps and isinstance(acted, spaces.Box) and isinstance(observed, spaces.Box)):
            raise UserError(f"{env_id}: needs a clock, a box of actions and a vector of observations")
        self.env, self.horizon, self.env_id = env.unwrapped, int(steps), env_id
        self.box: Floats = np.array([acted.low.ravel(), acted.high.ravel()], dtype=np.float64)
        self.obs_dim, self.action_dim = int(np.prod(observed.shape)), self.box.shape[1]
        self.obs_layout = {"observations": self.obs_dim}

    def in_box(self, action: Array) -> Floats:
        """An action of [-1, 1] in the environment's units."""
        low, high = self.box
        units: Floats = low + (high - low) * (np.clip(action, -1.0, 1.0) + 1.0) / 2.0
        return units

    def reset(self, seed: int, level: Any = None) -> Array:
        """Start the episode of a seed; there are no levels."""
        return np.asarray(self.env.reset(seed=seed)[0], dtype=np.float64).ravel()

    def step(self, action: Array) -> tuple[Array, float, bool]:
        """Observation, reward, and whether the episode ended for good."""
        obs, reward, terminated, _, _ = self.env.step(self.in_box(action).astype(np.float32))
        return np.asarray(obs, dtype=np.float64).ravel(), float(reward), bool(terminated)

    def expert(self, style: int | None) -> Expert:
        """There is none.

        Raises:
            UserError: always.
        """
        raise UserError(f"{self.env_id}: has no scripted expert; data sets are recorded from SAC")

    def env_args(self) -> dict[str, Any]:
        """See the protocol."""
        return {"env_name": self.env_id, "type": "gymnasium", "env_kwargs": {}}

    def record(self, act: Expert, seed: int) -> Episode:
        """One episode.

        Args:
            act: obs [Do] -> action [Da] in [-1, 1].
            seed: of the initial state.
        """
        obs, ended = self.reset(seed), False
        seen, actions, rewards = [obs], list[Floats](), list[float]()
        while not ended and len(actions) < self.horizon:
            action = np.clip(act(obs), -1.0, 1.0)
            obs, reward, ended = self.step(action)
            seen.append(obs)
            actions.append(self.in_box(action))
            rewards.append(reward)
        return Episode(np.array(seen), np.array(actions), np.array(rewards), ended, not ended)

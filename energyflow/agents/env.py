"""The simulator as Stable-Baselines3 wants it: a Gymnasium environment, with numbered initial states."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from energyflow.envs.simulator import Simulator

Array = NDArray[np.float32]


class EpisodeEnv(gym.Env[Array, Array]):
    """Episodes that end at the horizon (truncation) and, if asked, at success (termination).

    Episode k starts from the initial state of seed `first_seed + k`, whatever seed `reset` is given: a run
    that is resumed between two episodes meets the state that it would have met.
    """

    def __init__(self, simulator: Simulator, *, horizon: int, first_seed: int, terminate: bool) -> None:
        """Wrap a simulator.

        Args:
            simulator: one task.
            horizon: steps after which an episode is truncated.
            first_seed: initial-state seed of episode 0.
            terminate: whether success ends the episode.
        """
        self.simulator = simulator
        self.horizon, self.first_seed, self.terminate = horizon, first_seed, terminate
        self.observation_space = spaces.Box(-np.inf, np.inf, (simulator.obs_dim,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (simulator.action_dim,), np.float32)
        self.episode = -1  # the running one
        self.elapsed = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start the next episode; both arguments are ignored."""
        self.episode += 1
        self.elapsed = 0
        return self.simulator.reset(self.first_seed + self.episode).astype(np.float32), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Advance one step: the simulator's dense reward, and the flag of this step in `info["success"]`."""
        obs, reward, success = self.simulator.step(action.astype(np.float64))
        self.elapsed += 1
        terminated = self.terminate and success
        return obs.astype(np.float32), reward, terminated, self.elapsed >= self.horizon, {"success": success}

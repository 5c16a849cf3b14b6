"""The simulator as a Gymnasium environment, with numbered initial states."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from energyflow.envs.simulator import Simulator

Array = NDArray[np.float32]


def advance(simulator: Simulator, action: Array, repeat: int) -> tuple[Array, float, bool]:
    """Take one action so many times: the last observation, the sum of rewards, and whether any step succeeded."""
    total, any_success = 0.0, False
    for _ in range(repeat):
        obs, reward, success = simulator.step(action.astype(np.float64))
        total, any_success = total + reward, any_success or success
    return obs.astype(np.float32), total, any_success


class EpisodeEnv(gym.Env[Array, Array]):
    """Episodes that end at the horizon (truncation) and, if asked, at success (termination).

    Episode k starts from the initial state of seed `first_seed + k`, whatever seed `reset` is given: a run
    that is resumed between two episodes meets the state that it would have met.
    """

    def __init__(
        self, simulator: Simulator, *, horizon: int, first_seed: int, terminate: bool, action_repeat: int = 1
    ) -> None:
        """Wrap a simulator.

        Args:
            simulator: one task.
            horizon: steps of the simulator after which an episode is truncated.
            first_seed: initial-state seed of episode 0.
            terminate: whether success ends the episode.
            action_repeat: steps of the simulator that one action lasts.
        """
        self.simulator, self.action_repeat = simulator, action_repeat
        self.horizon, self.first_seed, self.terminate = horizon, first_seed, terminate
        self.observation_space = spaces.Box(-np.inf, np.inf, (simulator.obs_dim,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (simulator.action_dim,), np.float32)
        self.episode = -1  # the running one
        self.elapsed = 0  # steps of the simulator

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start the next episode; both arguments are ignored."""
        self.episode += 1
        self.elapsed = 0
        return self.simulator.reset(self.first_seed + self.episode).astype(np.float32), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Advance by one action: the simulator's dense reward, and the flag in `info["success"]`."""
        obs, reward, success = advance(self.simulator, action, self.action_repeat)
        self.elapsed += self.action_repeat
        return obs, reward, self.terminate and success, self.elapsed >= self.horizon, {"success": success}

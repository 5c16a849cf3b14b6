"""A recovered reward in a Gymnasium environment: `step` gives it in place of the environment's own."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np

from energyflow.rewards.labeller import Reward, Streams, succeeded


class RewardWrapper(gym.Wrapper[Any, Any, Any, Any]):
    """Reward replaced; `info["true_reward"]` is the environment's own.

    At the end of an episode, `info` holds `shaped_return`, `true_return` and `episode_length`. A success flag is read
    from `info` where there is one (`success`, `is_success`), and none is needed.
    """

    def __init__(self, env: gym.Env[Any, Any], reward: Reward) -> None:
        """Wrap an environment whose observations are those of the demonstrations, as one vector or by key."""
        super().__init__(env)
        self._streams = Streams(reward, 1)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """See `gymnasium.Env.reset`."""
        obs, info = self.env.reset(seed=seed, options=options)
        self._streams.begin(0, obs)
        return obs, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """See `gymnasium.Env.step`."""
        obs, true, terminated, truncated, info = self.env.step(action)
        found = self._streams.step(np.asarray(action)[None], [obs], [succeeded(info)], [float(true)])
        info = {**info, "true_reward": float(true)}
        if terminated or truncated:
            info |= self._streams.returns(0)
        return obs, float(found[0]), terminated, truncated, info

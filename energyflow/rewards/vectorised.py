"""A recovered reward in Stable-Baselines3's vectorised environments, for any of its algorithms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from energyflow.core.errors import UserError
from energyflow.rewards.labeller import Observation, Reward, Streams, succeeded


class VecRewardWrapper(VecEnvWrapper):
    """Reward replaced in all environments by one evaluation; `info["true_reward"]` is each environment's own.

    The observation after the last step of an episode is the true one (`terminal_observation`), not that of the reset.
    At the end of an episode, its `info` holds `shaped_return`, `true_return` and `episode_length`. A `VecMonitor`
    inside sees the true reward, one outside the shaped.
    """

    def __init__(self, venv: VecEnv, reward: Reward) -> None:
        """Wrap environments whose observations are those of the demonstrations, as one vector or by key."""
        super().__init__(venv)
        self._streams = Streams(reward, venv.num_envs)
        self._actions: Any = None

    def reset(self) -> Any:
        """See `VecEnv.reset`."""
        obs = self.venv.reset()
        for place, each in enumerate(self._each(obs)):
            self._streams.begin(place, each)
        return obs

    def step_async(self, actions: Any) -> None:
        """See `VecEnv.step_async`."""
        self._actions = actions
        self.venv.step_async(actions)

    def step_wait(self) -> Any:
        """See `VecEnv.step_wait`."""
        obs, true, dones, infos = self.venv.step_wait()
        first = self._each(obs)  # of a new episode where the last one is done
        after = [
            info["terminal_observation"] if done else each for each, done, info in zip(first, dones, infos, strict=True)
        ]
        found = self._streams.step(self._actions, after, [succeeded(info) for info in infos], true)
        told = [{**info, "true_reward": float(each)} for info, each in zip(infos, true, strict=True)]
        for place, done in enumerate(dones):
            if done:
                told[place] |= self._streams.returns(place)
                self._streams.begin(place, first[place])
        return obs, found, dones, told

    def _each(self, obs: Any) -> Sequence[Observation]:
        """Observations of each environment, of an array [N, Do] or of such arrays by key.

        Raises:
            UserError: they are tuples.
        """
        if isinstance(obs, tuple):
            raise UserError("rewards read observations as one vector or by key, not as tuples")
        if isinstance(obs, dict):
            return [{key: values[place] for key, values in obs.items()} for place in range(self.num_envs)]
        return list(obs)

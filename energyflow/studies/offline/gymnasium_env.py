"""An environment of Gymnasium's as the agents of this project see one: actions in [-1, 1], one flag a step.

The flag that simulators call success stands here for the end for good (`terminated`), such as a fall: `EpisodeEnv`
then ends the episode there, and the agent's critic takes no value from after it, while its clock truncates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from energyflow.core.errors import UserError
from energyflow.datasets.episodes import Episode, Floats
from energyflow.envs.simulator import Array, Expert
from energyflow.offline.environment import Environment


class GymnasiumSimulator:
    """See `energyflow.envs.simulator.Simulator`."""

    grippers: tuple[int, ...] = ()

    def __init__(self, env_id: str) -> None:
        """Build it.

        Raises:
            UserError: see `Environment`; or it has no clock.
        """
        self.env, self.env_id = Environment(env_id), env_id
        if self.env.horizon is None:
            raise UserError(f"{env_id}: has no clock that ends its episodes; record in an environment with one")
        self.horizon, self.box = self.env.horizon, self.env.box
        self.obs_dim, self.action_dim = self.env.obs_dim, self.box.shape[1]
        self.obs_layout = {"observations": self.obs_dim}

    def in_box(self, action: Array) -> Floats:
        """An action of [-1, 1] in the environment's units."""
        low, high = self.box
        units: Floats = low + (high - low) * (np.clip(action, -1.0, 1.0) + 1.0) / 2.0
        return units

    def reset(self, seed: int, level: Any = None) -> Array:
        """Start the episode of a seed; there are no levels."""
        return self.env.reset(seed)

    def step(self, action: Array) -> tuple[Array, float, bool]:
        """Observation, reward, and whether the episode ended for good."""
        return self.env.step(self.in_box(action))[:3]

    def expert(self, style: int | None) -> Expert:
        """There is none.

        Raises:
            UserError: always.
        """
        raise UserError(f"{self.env_id}: has no expert of one style; see energyflow/studies/offline/recording.py")

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

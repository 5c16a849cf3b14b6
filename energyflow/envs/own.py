"""A task of one's own: its Gymnasium environment, in which success ends the episode as in every simulator here."""

from __future__ import annotations

from collections.abc import Sequence

from energyflow.config.sections import EnvironmentParams, Level
from energyflow.core.errors import UserError
from energyflow.envs.gym_env import SUCCESS, GymSimulator, make
from energyflow.envs.simulator import Array


class OwnSimulator(GymSimulator):
    """What a section of evaluation names.

    Attributes:
        over: whether the environment has ended the episode; see `simulator.Ending`.
    """

    def __init__(self, env: EnvironmentParams, obs_keys: Sequence[str]) -> None:
        """Build the environment; raises as `gym_env.make` and `GymSimulator`."""
        super().__init__(make(env.id, env.imports, env.arguments), obs_keys)
        self.over = False

    def reset(self, seed: int, level: Level | None = None) -> Array:
        """See `Simulator.reset`; levels are ignored."""
        self.over = False
        return super().reset(seed, level)

    def step(self, action: Array) -> tuple[Array, float, bool]:
        """See `Simulator.step`.

        Raises:
            UserError: an episode is over, and the environment has said nothing of success.
        """
        obs, reward, self.over = super().step(action)
        said = self.endings[self._seed]
        if self.over and said is None:
            raise UserError(f"{self.name}: info has neither {' nor '.join(SUCCESS)}; a task of a table needs one")
        return obs, reward, bool(said)

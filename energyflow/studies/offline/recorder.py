"""What every recorder of a data set has: an environment, an expert, and the returns that stand for 0 and 100."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from energyflow.agents.sac import EPISODES_PER_SEED
from energyflow.core.resume import ResumePoint
from energyflow.core.seeding import generator
from energyflow.datasets.episodes import Episode
from energyflow.envs.simulator import Expert
from energyflow.studies.offline.gymnasium_env import GymnasiumSimulator
from energyflow.studies.offline.sections import Recording


class Recorder(ABC):
    """One run in an environment, and the data sets made of it.

    Attributes:
        algorithm: who acts, as the metadata say it.
        curve: rows of curve.csv: returns on the way to the expert.
    """

    algorithm: ClassVar[str]

    def __init__(self, env_id: str, params: Recording, seed: int) -> None:
        """Build the environment.

        Args:
            env_id: of Gymnasium's.
            params: every number.
            seed: of everything that is drawn.
        """
        self.params, self.seed, self.simulator = params, seed, GymnasiumSimulator(env_id)
        self.curve: list[dict[str, float]] = []
        self.first = params.seed + EPISODES_PER_SEED // 2  # initial states of what is recorded, beyond those evaluated

    @abstractmethod
    def run(self, point: ResumePoint) -> None:
        """Come to an expert, from a resume point if there is one, and fill the curve."""

    @abstractmethod
    def sets(self, random: float) -> Iterator[tuple[str, list[Episode]]]:
        """Each quality and its episodes, given the return of a random policy."""

    @property
    def expert_return(self) -> float:
        """The last of the curve."""
        return self.curve[-1]["return"]

    def note(self, random: float) -> dict[str, Any]:
        """What run.json says beside the usual."""
        return {}

    def mean_return(self, act: Expert) -> float:
        """Of `eval_episodes` episodes."""
        seeds = range(self.params.seed, self.params.seed + self.params.eval_episodes)
        return float(np.mean([self.simulator.record(act, seed).ret for seed in seeds]))

    def random_return(self) -> float:
        """Of a policy that draws uniformly from the box."""
        rng = generator(self.seed, "random policy")
        return self.mean_return(lambda _: rng.uniform(-1.0, 1.0, self.simulator.action_dim))

"""Data sets of a scripted way-point expert in the maze; no training.

In the middle of a cell the walker chooses the next one: with the chance `skill` one that is nearer to the goal, else
any neighbour. Where two are equally near, as at the start, either: both ways are in the data.

    expert         skill 1
    medium         skill `share`
    medium-replay  skill rising from 0 to `share` along the set, as if it had been learned
    medium-expert  half of the transitions of each of the first two

Recorded actions are noisy, N(0, `noise`^2) and then clipped; the expert whose return stands for 100 is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from energyflow.core.resume import ResumePoint
from energyflow.core.seeding import generator
from energyflow.datasets.episodes import Episode
from energyflow.envs.simulator import Array
from energyflow.offline import maze
from energyflow.studies.offline.recorder import Recorder

ARRIVED = 0.3  # from the middle of a cell
GAIN, BRAKE = 2.0, 0.7  # of the steering: toward the middle of the next cell, and against the velocity


def neighbours(cell: maze.Cell) -> list[maze.Cell]:
    """Free cells beside one."""
    x, y = cell
    return [near for near in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)) if near in maze.free_cells()]


def distances() -> dict[maze.Cell, int]:
    """Cells between each free one and the goal, along the shortest way."""
    found = {maze.marked("G"): 0}
    edge = [maze.marked("G")]
    while edge:
        edge = [near for cell in edge for near in neighbours(cell) if near not in found]
        found |= dict.fromkeys(edge, max(found.values()) + 1)
    return found


class Walker:
    """Way-points of one episode, and the steering towards them."""

    def __init__(self, skill: float, noise: float, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self.skill, self.noise, self.rng = skill, noise, rng
        self.goal: maze.Cell | None = None  # the next cell
        self.far = distances()

    def choose(self, cell: maze.Cell) -> maze.Cell:
        """The cell after one."""
        near = neighbours(cell)
        if self.rng.random() < self.skill:
            near = [each for each in near if self.far[each] < self.far[cell]] or [cell]
        return near[self.rng.integers(len(near))]

    def __call__(self, obs: Array) -> Array:
        """Action [2] at an observation [4]."""
        place, velocity = obs[:2], obs[2:]
        x, y = np.floor(place).astype(int)
        if self.goal is None or np.abs(place - maze.middle(self.goal)).max() < ARRIVED:
            self.goal = self.choose((int(x), int(y)))
        force = GAIN * (maze.middle(self.goal) - place) - BRAKE * velocity
        action: Array = np.clip(force, -1.0, 1.0) + self.noise * self.rng.standard_normal(2)
        return np.clip(action, -1.0, 1.0)


class ScriptedRecorder(Recorder):
    """The walker at several skills."""

    algorithm = "way-points"

    def run(self, point: ResumePoint) -> None:
        """Measure a few skills, without noise; there is nothing to resume."""
        for skill in (0.0, self.params.share, 1.0):
            rng = generator(self.seed, f"walker {skill:g}")
            seeds = range(self.params.seed, self.params.seed + self.params.eval_episodes)
            returns = [self.simulator.record(Walker(skill, 0.0, rng), seed).ret for seed in seeds]
            self.curve.append({"skill": skill, "return": float(np.mean(returns))})

    def episodes_of(self, skill: Callable[[float], float], transitions: int, purpose: str) -> Iterator[Episode]:
        """Whole episodes until there are so many transitions, at a skill that depends on the share made so far."""
        rng, first, count = generator(self.seed, f"walker {purpose}"), self.first, 0
        while count < transitions:
            episode = self.simulator.record(Walker(skill(count / transitions), self.params.noise, rng), first)
            count, first = count + len(episode), first + 1
            yield episode

    def sets(self, random: float) -> Iterator[tuple[str, list[Episode]]]:
        """See the module."""
        count, share = self.params.transitions, self.params.share

        def steady(skill: float, count: int) -> Iterator[Episode]:
            return self.episodes_of(lambda _: skill, count, f"{skill:g}")

        yield "medium", list(steady(share, count))
        yield "medium-replay", list(self.episodes_of(lambda done: share * done, count, "replay"))
        yield "medium-expert", [*steady(share, count // 2), *steady(1.0, count // 2)]

"""A point in a maze with two equally long ways to its goal: multimodal data and a sparse reward, without MuJoCo.

    #########     S  start, anywhere about the middle of the cell, at rest
    #...S...#     G  goal: reward 1 within `REACH` of its middle, which ends the episode; 0 elsewhere
    #.#####.#     .  free
    #.#####.#     #  wall: what runs into it stops there
    #...G...#
    #########

Cells have side 1, x to the right and y downwards. An action is a force; friction and a limit of speed act against it.
`energyflow.offline.environment` registers it as `TwoRoutes-v0`.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Array = NDArray[np.float64]
Cell = tuple[int, int]  # column, row

MAP = ("#########", "#...S...#", "#.#####.#", "#.#####.#", "#...G...#", "#########")
ID = "TwoRoutes-v0"
HORIZON = 100  # steps; either way takes about 58
STEP = 0.1  # seconds
FORCE = 10.0  # acceleration of an action of 1, cells / s^2
FRICTION = 2.0  # 1 / s
SPEED = 2.0  # at most, cells / s: a fifth of a cell in a step, so that no wall is passed
SPREAD = 0.3  # of the start about the middle of its cell, each way
REACH = 0.5  # of the goal
GAP = 1e-3  # between the point and a wall that it leans on


def middle(cell: Cell) -> Array:
    """Of a cell [2]."""
    return np.array(cell, dtype=np.float64) + 0.5


def free_cells() -> list[Cell]:
    """All that are no wall."""
    return [(x, y) for y, row in enumerate(MAP) for x, mark in enumerate(row) if mark != "#"]


def marked(mark: str) -> Cell:
    """The cell of a mark: S or G."""
    return next((x, y) for x, y in free_cells() if MAP[y][x] == mark)


class PointMaze(gym.Env[Array, Array]):
    """Observation: place and velocity [4]; action: force [2] in [-1, 1]."""

    observation_space = spaces.Box(-np.inf, np.inf, (4,), np.float64)
    action_space = spaces.Box(-1.0, 1.0, (2,), np.float64)

    def __init__(self) -> None:
        """At the start, at rest."""
        self.place, self.velocity = middle(marked("S")), np.zeros(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Place the point near the start; there are no options."""
        super().reset(seed=seed)
        self.place = middle(marked("S")) + self.np_random.uniform(-SPREAD, SPREAD, 2)
        self.velocity = np.zeros(2)
        return self._observation(), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Push for a step, each axis by itself: along a wall the point slides."""
        push = FORCE * np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0)
        self.velocity += STEP * (push - FRICTION * self.velocity)
        self.velocity *= min(1.0, SPEED / max(float(np.linalg.norm(self.velocity)), 1e-9))
        for axis in range(2):
            self._move(axis)
        there = bool(np.linalg.norm(self.place - middle(marked("G"))) < REACH)
        return self._observation(), float(there), there, False, {}

    def _move(self, axis: int) -> None:
        """Along an axis, up to the next wall."""
        before, moved = self.place[axis], self.place.copy()
        moved[axis] += STEP * self.velocity[axis]
        x, y = np.floor(moved).astype(int)
        if MAP[y][x] == "#":
            face = np.ceil(before) - GAP if self.velocity[axis] > 0 else np.floor(before) + GAP
            moved[axis], self.velocity[axis] = face, 0.0
        self.place = moved

    def _observation(self) -> Array:
        return np.concatenate([self.place, self.velocity])

"""OOD perturbations: pure functions that move an initial state a stated distance beyond the training range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def push_beyond(position: Array, low: Array, high: Array, distance: float, rng: np.random.Generator) -> Array:
    """Move a position outside its training box, along x or y, so that it lies exactly `distance` from the box.

    Args:
        position: [3] drawn inside the box, m.
        low: [3] lower corner of the training box, m.
        high: [3] upper corner, m.
        distance: how far beyond the box, m. Zero is the identity, bit for bit.
        rng: draws the axis and the side.

    Returns:
        [3] the moved position; its other coordinates are unchanged.
    """
    axis, upper = int(rng.integers(2)), bool(rng.integers(2))
    if distance == 0.0:
        return position
    moved = position.copy()
    moved[axis] = high[axis] + distance if upper else low[axis] - distance
    return moved


def displace(position: Array, distance: float, low: Array, high: Array, rng: np.random.Generator) -> Array:
    """Move a position by `distance` in a uniformly random direction, mirrored back into its workspace.

    The training range of the hand is a single point, so the displacement is the distance beyond it.

    Args:
        position: [3] m.
        distance: m. Zero is the identity, bit for bit.
        low: [3] lower corner of the reachable workspace, m.
        high: [3] upper corner, m.
        rng: draws the direction.

    Returns:
        [3] the moved position.
    """
    direction = rng.standard_normal(3)
    if distance == 0.0:
        return position
    step = distance * direction / np.linalg.norm(direction)
    outside = (position + step < low) | (position + step > high)
    moved: Array = position + np.where(outside, -step, step)
    return moved

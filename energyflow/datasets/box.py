"""The box [-1, 1] that policies act in, and the units of a file whose actions are in another one."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from energyflow.envs.tasks import CUSTOM
from energyflow.networks.normalizer import moves

log = logging.getLogger(__name__)

SLACK = 1e-6  # of the box: rounding, not an action outside
NARROW = 0.1  # a range of actions below this is mapped to the whole box


def find_box(path: Path, task: str, actions: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """What -1 and 1 stand for in each coordinate of the actions [N, Da], said aloud where it is not themselves.

    A simulator of ours clips what lies outside its box, so its demonstrations are clipped: rescaled, they would mean
    something else. Otherwise a coordinate that leaves the box, or moves in less than a twentieth of it, is mapped from
    the demonstrated range; one that rests, rests.

    Returns:
        [2, Da], or None: the numbers themselves.
    """
    low, high, most = actions.min(axis=0), actions.max(axis=0), np.abs(actions).max()
    beyond = np.maximum(-low, high) > 1.0 + SLACK
    if not task.startswith(f"{CUSTOM}/"):
        if beyond.any():
            log.warning(
                "%s: actions of up to %.8g are clipped to [-1, 1], as the simulator of %s does", path, most, task
            )
        return None
    mapped = beyond | (high - low < NARROW)
    if beyond.any():
        where = ", ".join(map(str, np.flatnonzero(beyond)))
        log.warning(
            "%s: actions of up to %.8g, outside [-1, 1] in coordinates %s: the policy keeps their range and acts in it"
            " (if the robot clips them, clip them in the file)",
            *(path, most, where),
        )
    moving = moves(actions)
    bounds = np.stack([np.where(moving, low, actions[0]), np.where(moving, high, actions[0])])
    return np.where(mapped, bounds, [[-1.0], [1.0]]) if mapped.any() else None


def into_box(actions: NDArray[np.float64], box: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Actions [T, Da] in the file's units as what they are in the box, clipped to it."""
    if box is not None:
        half = (box[1] - box[0]) / 2
        actions = (actions - (box[0] + box[1]) / 2) / np.where(half > 0, half, np.inf)
    return actions if np.abs(actions).max() <= 1.0 + SLACK else np.clip(actions, -1.0, 1.0)

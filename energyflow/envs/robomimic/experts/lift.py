"""Lift: a cube off the table."""

from __future__ import annotations

import numpy as np

from energyflow.envs.robomimic.experts.motion import (
    CLOSED,
    OPEN,
    SQUEEZE_STEPS,
    Arm,
    Script,
    Style,
    equivalent_yaw,
    pointing_down,
)


def lift(arm: Arm, rng: Style) -> Script:
    """Hover at a random height and side, descend on a random pair of faces, squeeze, raise."""
    speed = rng.uniform(0.5, 1.0)
    hover = np.array([*rng.uniform(-0.04, 0.04, 2), rng.uniform(0.06, 0.12)])
    offset = np.array([*rng.uniform(-0.006, 0.006, 2), rng.uniform(-0.008, 0.004)])
    cube = arm.body("cube_main")[0]
    yaw = equivalent_yaw(arm.body_yaw("cube_main"), arm.yaw + rng.uniform(-0.8, 0.8), np.pi / 2)
    down = pointing_down(yaw)
    yield from arm.reach(cube + hover, down, OPEN, speed=speed, tolerance=0.03, angle=0.3)
    yield from arm.reach(lambda: arm.body("cube_main")[0] + offset, down, OPEN, speed=speed, tolerance=0.008)
    yield from arm.stay(CLOSED, SQUEEZE_STEPS)
    yield from arm.reach(arm.position + np.array([0.0, 0.0, 0.15]), down, CLOSED, speed=speed)


SCRIPTS = (lift,)

"""Can: from the bin of groceries into its compartment of the other bin."""

from __future__ import annotations

from functools import partial

import numpy as np

from energyflow.envs.robomimic.experts.motion import CLOSED, OPEN, SQUEEZE_STEPS, Arm, Script, Style, pointing_down

CAN = "Can_main"
UP = np.array([0.0, 0.0, 0.1])


def can(arm: Arm, rng: Style) -> Script:
    """Grasp from above with any yaw, carry over the wall in an arc, lower, let go, leave."""
    speed = rng.uniform(0.7, 1.0)
    hover, travel = rng.uniform(0.06, 0.12), rng.uniform(0.14, 0.2)
    offset = np.array([*rng.uniform(-0.005, 0.005, 2), rng.uniform(0.005, 0.025)])
    place = arm.env.target_bin_placements[arm.env.object_to_id["can"]]
    place = place + np.array([*rng.uniform(-0.06, -0.01, 2), 0.0])  # the near side: the far one is out of reach
    start = arm.body(CAN)[0]
    twist = rng.uniform(-0.6, 0.6)
    down, turned = (pointing_down(arm.natural_yaw(position) + twist) for position in (start, place))
    high = start[2] + travel
    yield from arm.grasp(lambda: arm.body(CAN)[0] + offset, down, rng, hover=hover, early=(0.07, 0.11), speed=speed)
    carry = partial(arm.reach, rotation=turned, grip=CLOSED, speed=speed, angle=0.5, timeout=60)  # the can is round
    yield from carry(np.array([*arm.position[:2], high]), tolerance=0.03)
    yield from carry(np.array([*place[:2], high]), tolerance=0.02)
    yield from carry(np.array([*place[:2], place[2] + 0.1]), tolerance=0.03)
    yield from arm.stay(OPEN, SQUEEZE_STEPS // 2)
    yield from arm.reach(lambda: arm.position + UP, turned, OPEN, speed=speed, timeout=15)


SCRIPTS = (can,)

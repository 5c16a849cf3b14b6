"""Can: from the bin of groceries into its compartment of the other bin."""

from __future__ import annotations

import numpy as np

from energyflow.envs.robomimic.experts.motion import CLOSED, OPEN, SQUEEZE_STEPS, Arm, Script, pointing_down

UP = np.array([0.0, 0.0, 0.1])


def can(arm: Arm, rng: np.random.Generator) -> Script:
    """Grasp from above with any yaw, carry over the wall in an arc, lower, let go, leave."""
    speed = rng.uniform(0.7, 1.0)
    hover, travel = rng.uniform(0.06, 0.12), rng.uniform(0.12, 0.2)
    offset = np.array([*rng.uniform(-0.005, 0.005, 2), rng.uniform(0.005, 0.025)])
    place = arm.simulator.env.target_bin_placements[arm.simulator.env.object_to_id["can"]]
    place = place + np.array([*rng.uniform(-0.06, -0.01, 2), 0.0])  # the near side: the far one is out of reach
    start = arm.body("Can_main")[0]
    twist = rng.uniform(-0.6, 0.6)
    down, turned = (pointing_down(arm.natural_yaw(position) + twist) for position in (start, place))
    yield from arm.reach(start + np.array([0.0, 0.0, hover]), down, OPEN, speed=speed, tolerance=0.03, angle=0.3)
    yield from arm.reach(lambda: arm.body("Can_main")[0] + offset, down, OPEN, speed=speed, tolerance=0.008)
    yield from arm.stay(CLOSED, SQUEEZE_STEPS)
    high = start[2] + travel
    yield from arm.reach(np.array([*start[:2], high]), down, CLOSED, speed=speed, tolerance=0.03)
    yield from arm.reach(np.array([*place[:2], high]), turned, CLOSED, speed=speed, tolerance=0.02)
    yield from arm.reach(np.array([*place[:2], place[2] + 0.08]), turned, CLOSED, speed=speed, tolerance=0.015)
    yield from arm.stay(OPEN, SQUEEZE_STEPS // 2)
    yield from arm.reach(lambda: arm.position + UP, turned, OPEN, speed=speed, timeout=15)

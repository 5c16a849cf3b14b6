"""Square: a nut with a handle onto the square peg."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from energyflow.envs.robomimic.experts.motion import (
    CLOSED,
    OPEN,
    SQUEEZE_STEPS,
    Arm,
    Script,
    equivalent_yaw,
    pointing_down,
)
from energyflow.envs.simulator import Array

NUT, PEG = "SquareNut_main", "peg1"
WRIST = 1.9  # rad: how far the wrist turns from its natural yaw
ATTEMPTS = 4  # the nut may land on top of the peg
REACH = 0.83  # m from the base
UP = np.array([0.0, 0.0, 0.1])


def square(arm: Arm, rng: np.random.Generator) -> Script:
    """Grasp the handle across, carry over the peg, turn to one of its four orientations, lower, let go."""
    speed = rng.uniform(0.6, 1.0)
    hover, travel = rng.uniform(0.06, 0.12), rng.uniform(0.15, 0.2)
    along = rng.uniform(-0.008, 0.008)  # where on the handle, m

    def handle() -> Array:
        position, frame = arm.body(NUT)
        lever: Array = frame @ np.array([0.058 + along, 0.0, 0.0])
        return position + lever

    # Held like this, the handle points at the robot when the nut is on the peg: the far side is out of reach.
    natural = arm.natural_yaw(handle())
    across = equivalent_yaw(arm.body_yaw(NUT) - np.pi / 2, natural, 2 * np.pi)
    if abs(across - natural) > WRIST:
        across = equivalent_yaw(across + np.pi, natural, 2 * np.pi)
    down = pointing_down(across)
    start = handle()
    yield from arm.reach(start + np.array([0.0, 0.0, hover]), down, OPEN, speed=speed, tolerance=0.03, angle=0.3)
    yield from arm.reach(handle, down, OPEN, speed=speed, tolerance=0.008)
    yield from arm.stay(CLOSED, SQUEEZE_STEPS)
    high = start[2] + travel
    yield from arm.reach(np.array([*start[:2], high]), down, CLOSED, speed=speed, tolerance=0.03)

    peg = arm.body(PEG)[0]
    held = arm.yaw - arm.body_yaw(NUT)  # the nut may have turned in the fingers
    lever = arm.body(NUT)[1].T @ (arm.position - arm.body(NUT)[0])  # from nut to hand, in the nut's frame

    def cost(nut_yaw: float) -> float:
        """How far the wrist turns, if the hand can get there."""
        heading = Rotation.from_euler("z", nut_yaw).apply(lever)
        hand = equivalent_yaw(nut_yaw + held, arm.natural_yaw(peg), 2 * np.pi)
        too_far = bool(np.linalg.norm(peg + heading - arm.base) > REACH)
        return abs(hand - arm.natural_yaw(peg)) + 100.0 * too_far

    final = min((arm.body_yaw(PEG) + k * np.pi / 2 for k in range(4)), key=cost)
    straight = pointing_down(equivalent_yaw(final + held, arm.natural_yaw(peg), 2 * np.pi))

    def over_peg(height: float) -> Array:
        """Where the hand must be for the nut to stand over the peg."""
        lag = arm.position - arm.body(NUT)[0]
        return np.array([peg[0] + lag[0], peg[1] + lag[1], height])

    for _ in range(ATTEMPTS):
        yield from arm.reach(lambda: over_peg(high), straight, CLOSED, speed=speed, tolerance=0.02)
        yield from arm.reach(
            lambda: over_peg(high), straight, CLOSED, speed=speed, tolerance=0.004, angle=0.04, timeout=40
        )
        yield from arm.reach(lambda: over_peg(peg[2] + 0.02), straight, CLOSED, speed=0.6 * speed, timeout=30)
        if arm.simulator.env.on_peg(arm.body(NUT)[0], 0):
            break
    yield from arm.stay(OPEN, SQUEEZE_STEPS // 2)
    yield from arm.reach(lambda: arm.position + UP, straight, OPEN, speed=speed, timeout=15)

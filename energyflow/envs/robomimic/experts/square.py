"""Square: a nut with a handle onto the square peg."""

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
from energyflow.envs.simulator import Array

NUT, PEG = "SquareNut_main", "peg1"
WRIST = (-2.0, 2.8)  # rad from its natural yaw: beyond, the wrist meets a limit, or does so on the short way back
CLEAR = 0.125  # m above the peg's origin: the nut hangs just over its top
ATTEMPTS = 4  # the nut may land on top of the peg
UP = np.array([0.0, 0.0, 0.1])


def square(arm: Arm, rng: Style) -> Script:
    """Grasp the handle across, carry over the peg with the handle towards the robot, lower, let go."""
    speed = rng.uniform(0.6, 1.0)
    hover, travel = rng.uniform(0.06, 0.12), rng.uniform(0.15, 0.2)
    along = rng.uniform(-0.008, 0.008)  # where on the handle, m

    def handle() -> Array:
        position, frame = arm.body(NUT)
        lever: Array = frame @ np.array([0.058 + along, 0.0, 0.0])
        return position + lever

    # Held like this, the handle points at the robot when the nut is on the peg: the far side is out of reach.
    natural = arm.natural_yaw(handle())
    middle = natural + sum(WRIST) / 2
    across = equivalent_yaw(arm.body_yaw(NUT) - np.pi / 2, middle, 2 * np.pi)
    if not WRIST[0] < across - natural < WRIST[1]:
        across = equivalent_yaw(across + np.pi, natural, 2 * np.pi)
    down = pointing_down(across)
    start = handle()
    yield from arm.grasp(handle, down, rng, hover=hover, early=(0.04, 0.07), speed=speed, tolerance=0.01, angle=0.1)
    high = start[2] + travel
    yield from arm.reach(np.array([*start[:2], high]), down, CLOSED, speed=speed, tolerance=0.03)

    peg = arm.body(PEG)[0]
    held = arm.yaw - arm.body_yaw(NUT)  # the nut may have turned in the fingers
    natural = arm.natural_yaw(peg)
    final = equivalent_yaw(arm.body_yaw(PEG) + np.pi + held, natural + 1.0, 2 * np.pi)  # handle towards the robot
    straight = pointing_down(final)

    def over_peg(height: float) -> Array:
        """Where the hand must be for the nut to stand over the peg."""
        lag = arm.position - arm.body(NUT)[0]
        return np.array([peg[0] + lag[0], peg[1] + lag[1], height])

    if final - natural > 2.0:  # the short way round would meet the wrist's other limit
        halfway = pointing_down(natural + 1.5)
        yield from arm.reach(lambda: over_peg(high), halfway, CLOSED, speed=speed, tolerance=0.1, angle=0.5)
    for _ in range(ATTEMPTS):
        yield from arm.reach(lambda: over_peg(high), straight, CLOSED, speed=speed, tolerance=0.02)
        yield from arm.reach(
            lambda: over_peg(peg[2] + CLEAR), straight, CLOSED, speed=speed, tolerance=0.003, angle=0.04, timeout=40
        )
        yield from arm.reach(lambda: over_peg(peg[2] - 0.01), straight, CLOSED, speed=0.6 * speed, timeout=25)
        if arm.env.on_peg(arm.body(NUT)[0], 0):
            break
    yield from arm.stay(OPEN, SQUEEZE_STEPS // 2)
    yield from arm.reach(lambda: arm.position + UP, straight, OPEN, speed=speed, timeout=15)


SCRIPTS = (square,)

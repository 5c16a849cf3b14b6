"""Transport: one arm opens a bin and hands its hammer over to the other arm, which has cleared another bin for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from energyflow.envs.robomimic.experts.motion import (
    CLOSED,
    OPEN,
    SQUEEZE_STEPS,
    Arm,
    Script,
    Style,
    Target,
    equivalent_yaw,
    pointing_down,
)
from energyflow.envs.simulator import Array

HAMMER, LID, TRASH = "payload_root", "transport_start_bin_lid_root", "trash_main"
TARGET_BIN, TRASH_BIN = "transport_target_bin_root", "transport_trash_bin_root"
CARRY = 1.05  # m: what hangs from a hand at this height clears the walls of the bins
LEAN = (0.25, 0.4)  # rad: so close to its robot, a hand that points straight down has a singular wrist
GIVE, TAKE = 0.1, -0.15  # rad: the lean at the meeting, where two arms that lean more would be stretched out
CLEAR = 0.07  # m from the handle: open fingers no longer surround it
OFF_WALL = 0.02  # m: the hammer's head is so close to the wall that it is caught on it on a straight way up
ATTEMPTS = 4  # a grasp may fail
PATIENCE = 300  # actions for the other arm's part


def leaning(arm: Arm, yaw: float, lean: float) -> Array:
    """Rotation [3, 3] of a hand that points down but for `lean` (rad) towards its own robot."""
    down = pointing_down(yaw)
    towards = np.sign(down[1, 1] * arm.base[1])
    rotation: Array = down @ Rotation.from_rotvec([-lean * towards, 0.0, 0.0]).as_matrix()
    return rotation


def across(arm: Arm, lean: float) -> Array:
    """Rotation [3, 3] of a hand that grasps the hammer's handle across."""
    handle = arm.body(HAMMER)[1][:, 2]
    yaw = float(np.arctan2(handle[1], handle[0])) + np.pi / 2
    return leaning(arm, equivalent_yaw(yaw, arm.yaw, np.pi), lean)


def on_handle(arm: Arm, along: float) -> Array:
    """Point [3] on the hammer's handle, `along` (m) from its middle towards +y."""
    middle, frame = arm.body(HAMMER)
    point: Array = middle + along * np.sign(frame[1, 2]) * frame[:, 2]
    return point


def over(position: Array) -> Array:
    """The point [3] at carrying height over a position."""
    return np.array([*position[:2], CARRY])


def holds(arm: Arm, thing: Any) -> bool:
    """Whether both fingers touch an object of robosuite's."""
    return bool(arm.env._check_grasp(arm.robot.gripper["right"], thing))


def wait(arm: Arm, grip: float, until: Callable[[], bool], timeout: int = PATIENCE) -> Script:
    """Keep the present pose until something has happened, or for `timeout` actions."""
    position, rotation = arm.position, arm.rotation
    for _ in range(timeout):
        if until():
            return
        yield arm.towards(position, rotation, grip, 1.0)


def pick(arm: Arm, thing: Any, point: Callable[[], Array], rotation: Target, hover: float, speed: float) -> Script:
    """Grasp a thing at a point: down a funnel that is `hover` (m) high; once more where the thing slipped away."""

    def funnel() -> Array:
        target = point()
        aside = float(np.linalg.norm((target - arm.position)[:2]))
        target[2] += min(hover, 4.0 * max(0.0, aside - 0.008))
        return target

    for _ in range(ATTEMPTS):
        yield from arm.reach(funnel, rotation, OPEN, speed=speed)
        yield from wait(arm, CLOSED, lambda: holds(arm, thing), 2 * SQUEEZE_STEPS)
        yield from arm.stay(CLOSED, 3)  # the fingers press
        if holds(arm, thing):
            return


def giver(arm: Arm, rng: Style) -> Script:
    """Lay the lid on the table, hold the hammer out by its near end, let go of it when the other arm has it."""
    taker, things = Arm(arm.env, 1), arm.env.transport
    speed, hover, lean = rng.uniform(0.7, 1.0), rng.uniform(0.16, 0.22), rng.uniform(*LEAN)
    knob = np.array([0.0, rng.uniform(-0.02, 0.02), rng.uniform(0.01, 0.018)])  # m from the lid's origin
    aside = np.array([rng.uniform(-0.26, -0.18), rng.uniform(-0.47, -0.43), rng.uniform(0.83, 0.86)])
    along = rng.uniform(-0.075, -0.055)
    meeting = np.array([rng.uniform(-0.08, 0.08), rng.uniform(-0.09, -0.06), rng.uniform(0.98, 1.04)])
    yaw = equivalent_yaw(0.0, arm.yaw, np.pi)
    straight = leaning(arm, yaw, lean)
    turned = leaning(arm, yaw + rng.uniform(-0.25, 0.25), lean)
    ahead = leaning(arm, yaw + rng.uniform(-0.25, 0.25), GIVE)
    hesitation = int(rng.integers(4, 10))

    def rise(position: Array) -> Array:
        """The next point [3] on the way up over a position: only a close one keeps the hand from swerving aside."""
        return np.array([*position[:2], min(CARRY, arm.position[2] + 0.05)])

    yield from pick(arm, things.lid, lambda: arm.body(LID)[0] + knob, straight, hover, speed)
    yield from arm.reach(over(arm.position), straight, CLOSED, speed=speed, tolerance=0.03)
    yield from arm.reach(over(aside), turned, CLOSED, speed=speed, tolerance=0.04, angle=0.3)
    yield from arm.reach(aside, turned, CLOSED, speed=speed, tolerance=0.015)
    yield from arm.stay(OPEN, SQUEEZE_STEPS // 2)
    yield from arm.reach(arm.position + np.array([0.0, 0.0, 0.08]), turned, OPEN, speed=speed, tolerance=0.05)

    yield from arm.reach(over(on_handle(arm, along)), straight, OPEN, speed=speed, tolerance=0.06, angle=0.3)
    yield from pick(arm, things.payload, lambda: on_handle(arm, along), lambda: across(arm, lean), hover, speed)
    amid, straight = arm.position - OFF_WALL * arm.body(HAMMER)[1][:, 2], arm.rotation
    yield from arm.reach(lambda: rise(amid), straight, CLOSED, speed=speed, tolerance=0.03)
    yield from arm.reach(meeting, ahead, CLOSED, speed=speed)
    for _ in range(ATTEMPTS):
        yield from wait(arm, CLOSED, lambda: holds(taker, things.payload))
        yield from arm.stay(CLOSED, hesitation)
        if holds(taker, things.payload):
            break
    yield from arm.stay(OPEN, SQUEEZE_STEPS)
    yield from arm.reach(arm.position - 0.15 * arm.rotation[:, 2], ahead, OPEN, speed=speed)


def taker(arm: Arm, rng: Style) -> Script:
    """Drop the trash into its bin, take the hammer by the end held out, drop it into the cleared bin."""
    giver, things = Arm(arm.env, 0), arm.env.transport
    speed, hover, lean = rng.uniform(0.6, 1.0), rng.uniform(0.16, 0.22), rng.uniform(*LEAN)
    offset = np.array([*rng.uniform(-0.006, 0.006, 2), rng.uniform(0.0, 0.012)])
    waste = arm.body(TRASH_BIN)[0] + np.array([*rng.uniform(-0.05, 0.05, 2), rng.uniform(0.08, 0.17)])
    along = rng.uniform(0.06, 0.08)
    deep = np.array([0.0, 0.0, rng.uniform(0.006, 0.012)])  # m below the middle: nothing supports the handle here
    ready = np.array([rng.uniform(-0.1, 0.1), rng.uniform(0.15, 0.25), rng.uniform(1.08, 1.16)])
    low = rng.uniform(0.87, 0.97)
    yaw = equivalent_yaw(0.0, arm.yaw, np.pi)
    down = leaning(arm, equivalent_yaw(arm.body_yaw(TRASH), yaw + rng.uniform(-0.4, 0.4), np.pi / 2), lean)
    turned = leaning(arm, yaw + rng.uniform(-0.1, 0.7), lean)
    laid = leaning(arm, yaw + rng.uniform(-0.3, 0.3), lean)

    yield from pick(arm, things.trash, lambda: arm.body(TRASH)[0] + offset, down, hover, speed)
    yield from arm.reach(over(arm.position), down, CLOSED, speed=speed, tolerance=0.03)
    yield from arm.reach(over(waste), turned, CLOSED, speed=speed, tolerance=0.03, angle=0.3)
    yield from arm.reach(waste, turned, CLOSED, speed=speed, tolerance=0.02, angle=0.3)
    yield from arm.stay(OPEN, SQUEEZE_STEPS)

    yield from arm.reach(ready, leaning(arm, yaw, TAKE), OPEN, speed=speed, tolerance=0.03)
    yield from wait(arm, OPEN, lambda: holds(giver, things.payload) and arm.body(HAMMER)[0][1] > -0.15)
    end, crosswise = lambda: on_handle(arm, along) - deep, lambda: across(arm, TAKE)
    yield from pick(arm, things.payload, end, crosswise, 0.1, 0.8 * speed)
    yield from wait(arm, CLOSED, lambda: bool(np.linalg.norm(giver.position - on_handle(arm, -along)) > CLEAR))

    def over_bin(height: float) -> Array:
        """Where the hand must be for the hammer's middle to be over its bin."""
        lag = arm.position - arm.body(HAMMER)[0]
        return np.array([*(arm.body(TARGET_BIN)[0] + lag)[:2], height])

    yield from arm.reach(lambda: over_bin(CARRY + 0.08), laid, CLOSED, speed=speed, tolerance=0.03)
    yield from arm.reach(lambda: over_bin(low), laid, CLOSED, speed=speed, tolerance=0.02)
    yield from arm.stay(OPEN, SQUEEZE_STEPS)


SCRIPTS = (giver, taker)

"""Tool hang: a hook frame into its stand, then a wrench onto the hook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from energyflow.envs.robomimic.experts.motion import (
    CLOSED,
    OPEN,
    SQUEEZE_STEPS,
    Arm,
    Script,
    Style,
    equivalent_yaw,
    funnel,
    pointing_down,
)
from energyflow.envs.simulator import Array

MOUTH = np.array([0.0, 0.045, 0.08])  # m, of the stand's tube, which is 10 mm wide; the frame's leg is 7.5 mm thick
HOOK = np.array([-0.04375, 0.0, 0.102])  # m, top of the frame's hook, which is 7.5 mm thick; the hole is 21 mm wide
OVER = HOOK + np.array([-0.04, 0.0, 0.06])  # m, where the hole comes from
BAR = np.array([-0.034, 0.0, 0.084])  # m, where on the frame the hole shall hang
BESIDE, SUNK = 0.005, 0.004  # m: so little beside a goal, and so far below it, means inside
ASIDE, OVER_RIM = 0.004, 0.002  # m: beside a hole, a part that is not so high over its rim must go up again
GENTLY = 0.6  # of its speed, a hand whose load is inside
HELD = 0.06  # m: farther from the hand, a body was dropped
STANDING = ((0.0, 0.4), (-np.pi / 2, 0.7))  # rad: where the hook may point, and the hand's tilt that suits the wrist
WRIST = 0.4  # rad from its natural yaw: the middle of its range
ATTEMPTS = 4
PATIENCE = 300  # actions above a hole: what is executed may be disturbed more than it is wide
UP = np.array([0.0, 0.0, 1.0])


def sloping(azimuth: float, slope: float) -> Array:
    """Rotation [3, 3] of a body with its x axis towards `azimuth` and down by `slope` (rad), and its y axis level."""
    rotation: Array = Rotation.from_euler("ZY", [azimuth, slope]).as_matrix()
    return rotation


@dataclass(frozen=True)
class Load:
    """A body to grasp at `grip` (m, its frame); then the hand is servoed so that a site of it meets a goal."""

    arm: Arm
    body: str
    site: str
    grip: Array
    speed: float

    def point(self, offset: Array) -> Array:
        """Where a point of the body is [3], m."""
        position, rotation = self.arm.body(self.body)
        lever: Array = rotation @ offset
        return position + lever

    @property
    def rotation(self) -> Array:
        """Of the body [3, 3]."""
        return self.arm.body(self.body)[1]

    @property
    def lever(self) -> Array:
        """From the site to the hand [3], m."""
        return self.arm.position - self.arm.named_site(self.site)

    @property
    def dropped(self) -> bool:
        """Whether the hand no longer holds the body."""
        return bool(np.linalg.norm(self.point(self.grip) - self.arm.position) > HELD)

    def grasp(self, opening: Array, pointing: Array, hover: float, travel: float) -> Script:
        """Approach along the hand, squeeze, raise."""
        arm, hand = self.arm, np.stack([opening, np.cross(pointing, opening), pointing], axis=1)
        above = self.point(self.grip) - hover * pointing
        yield from arm.reach(above, hand, OPEN, speed=self.speed, tolerance=0.03, angle=0.3)
        for fingers, tolerance, steps in ((OPEN, 0.006, 40), (CLOSED, 0.0, SQUEEZE_STEPS)):
            yield from arm.reach(
                lambda: self.point(self.grip), hand, fingers, speed=self.speed, tolerance=tolerance, timeout=steps
            )
        yield from arm.reach(arm.position + travel * UP, hand, CLOSED, speed=self.speed, tolerance=0.05, timeout=40)

    def carry(self, goal: Callable[[], Array], rotation: Array) -> Script:
        """Bring the site near a goal and the body to a rotation, whatever became of the grasp."""
        for _ in range(60):
            turn = rotation @ self.rotation.T
            away = np.linalg.norm(goal() + self.lever - self.arm.position)
            if self.dropped or (away < 0.02 and np.linalg.norm(Rotation.from_matrix(turn).as_rotvec()) < 0.2):
                return
            yield self.arm.towards(goal() + turn @ self.lever, turn @ self.arm.rotation, CLOSED, self.speed)

    def thread(
        self,
        goal: Callable[[], Array],
        rotation: Array,
        above: float,
        below: float,
        inside_error: Callable[[], Array] | None = None,
    ) -> Script:
        """Lower the site down a funnel `above` (m) high, to `below` a goal; where it missed, go up and aim again.

        A thin part that is inside cannot be aimed any more: `inside_error` is what to correct to the sides then.
        """
        held = self.rotation.T @ self.arm.rotation
        for _ in range(PATIENCE):
            error = goal() - self.arm.named_site(self.site)
            inside = np.abs(error[:2]).max() < BESIDE and error[2] > SUNK
            if self.dropped or (inside and error[2] > below):
                return
            if not inside:  # afterwards walls may turn it in the fingers: the hand does not follow
                held = self.rotation.T @ self.arm.rotation
            elif inside_error is not None:
                error[:2] = inside_error()[:2]
            aside = float(np.linalg.norm(error[:2]))
            if inside:
                error[2] -= below + 0.02
            elif aside > ASIDE and error[2] > -OVER_RIM:
                error = np.array([0.0, 0.0, error[2] + above])
            else:
                error[2] += funnel(aside, above)
            speed = GENTLY * self.speed if inside else self.speed
            yield self.arm.towards(self.arm.position + error, rotation @ held, CLOSED, speed)

    def swing(self, goal: Array, rotation: Array) -> Script:
        """Bring the site to a goal and the body to a rotation, gently: where it touches, the hand does not follow."""
        hand = rotation @ self.rotation.T @ self.arm.rotation

        def position() -> Array:
            lever: Array = hand @ self.arm.rotation.T @ self.lever
            return goal + lever

        return self.arm.reach(position, hand, CLOSED, speed=0.6 * self.speed, tolerance=0.005, timeout=12)

    def release(self) -> Script:
        """Let go and draw the hand back."""
        yield from self.arm.stay(OPEN, SQUEEZE_STEPS)
        hand = self.arm.rotation
        away = self.arm.position - 0.12 * hand[:, 2]
        yield from self.arm.reach(away, hand, OPEN, speed=self.speed, tolerance=0.03, timeout=20)


def tool_hang(arm: Arm, rng: Style) -> Script:
    """Stand the frame up with its hook to the far or the right side; grasp the wrench either way round, hang it."""
    speed, hover = rng.uniform(0.7, 1.0), rng.uniform(0.07, 0.12, 2)
    travel = rng.uniform(0.2, 0.26), rng.uniform(0.25, 0.3)
    azimuth, tilt = np.array(STANDING[rng.integers(len(STANDING))]) + rng.uniform(-1.0, 1.0, 2) * (0.02, 0.08)
    lean, slope, steep = rng.uniform(0.35, 0.55), rng.uniform(0.35, 0.5), rng.uniform(0.85, 1.1)
    side = rng.choice([-1.0, 1.0])
    grip = np.array([0.04375, 0.0, rng.uniform(0.0465, 0.0585)])
    handle = np.array([rng.uniform(-0.02, 0.02), 0.0, 0.004])
    frame = Load(arm, "frame_root", "frame_tip_site", grip, speed)
    tool = Load(arm, "tool_root", "tool_hole1_center", handle, speed)
    stand, level = arm.body("stand_root")
    mouth = stand + level @ MOUTH
    upright = sloping(azimuth + np.pi, 0.0)

    for _ in range(ATTEMPTS):
        x, y, z = frame.rotation.T
        yaw = arm.body_yaw(frame.body)
        x = x * np.cos(equivalent_yaw(yaw, arm.natural_yaw(frame.point(grip)) + WRIST, np.pi) - yaw)
        pointing = -np.sign(y[2]) * np.cos(tilt) * y - np.sin(tilt) * z  # leans to the tip: less to turn later
        yield from frame.grasp(x, pointing, hover[0], travel[0])
        yield from frame.carry(lambda: mouth + 0.06 * UP, upright)
        yield from frame.thread(lambda: mouth, upright, 0.012, 0.12, lambda: mouth - frame.point(grip))
        yield from frame.release()
        if arm.env._check_frame_assembled():
            break
    for _ in range(ATTEMPTS):
        via = tool.point(handle) + 0.25 * UP  # with the wrist unwound, lest it take the long way round to a limit
        natural = pointing_down(arm.natural_yaw(via))
        yield from arm.reach(via, natural, OPEN, speed=speed, tolerance=0.1, angle=0.6)
        x, y, z = tool.rotation.T
        pointing = -np.sign(z[2]) * np.cos(lean) * z + np.sin(lean) * x
        yield from tool.grasp(side * y, pointing, hover[1], travel[1])
        out = -frame.rotation[:, 0]
        towards = float(np.arctan2(out[1], out[0]))
        flat = sloping(towards, slope)
        yield from tool.carry(lambda: frame.point(OVER), flat)
        yield from tool.thread(lambda: frame.point(HOOK), flat, 0.02, 0.01)
        yield from tool.swing(frame.point(BAR), sloping(towards, steep))  # a flatter one may wedge on the hook
        yield from tool.release()
        yield from arm.stay(OPEN, 15)  # it swings
        if arm.env._check_tool_on_frame():
            break


SCRIPTS = (tool_hang,)

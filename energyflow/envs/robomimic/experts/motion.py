"""How a scripted arm moves: pose servoing in the OSC action space, and the primitives that scripts are written in.

A script is a generator of actions for one arm. It looks at the simulator's state when it is resumed, so it corrects
what noise and contacts did since. Its variety (speeds, detours, grasps) is drawn once per episode by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from energyflow.core.seeding import generator
from energyflow.envs.simulator import Array, Expert

OPEN, CLOSED = -1.0, 1.0
POSITION_SCALE, ROTATION_SCALE = 0.05, 0.5  # m and rad of a full action: robosuite's OSC_POSE defaults
GAIN = 2.0  # makes the closed loop of OSC (kp = 150, critically damped) damped by 1 / sqrt(2)
SQUEEZE_STEPS = 8  # the fingers move a fifth of their range for each action, then press
ATTEMPTS = 3
FUMBLE = 0.4  # share of first grasps that miss

Script = Iterator[Array]
Target = Array | Callable[[], Array]


def pointing_down(yaw: float) -> Array:
    """Rotation [3, 3] of a hand that points down and whose fingers open along the horizontal direction `yaw` (rad)."""
    opening = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    down = np.array([0.0, 0.0, -1.0])
    return np.stack([opening, np.cross(down, opening), down], axis=1)


def funnel(aside: float, top: float = 0.012) -> float:
    """How high over a rim to be (m, at most `top`) when `aside` (m) of a hole, and how deep in it when over it.

    A smooth way in: a gate, full speed down when within some millimetres, is a jump that no smooth network learns.
    """
    over, into = np.clip((aside - 0.001) / 0.004, 0.0, 1.0), np.clip((0.002 - aside) / 0.001, 0.0, 1.0)
    return float(top * over - 0.008 * into)


def equivalent_yaw(yaw: float, preferred: float, symmetry: float) -> float:
    """The angle closest to `preferred` among yaw + k * symmetry (rad)."""
    return yaw + symmetry * round((preferred - yaw) / symmetry)


class Arm:
    """What a script knows of its arm and of the objects around it."""

    def __init__(self, env: Any, index: int = 0) -> None:
        """Bind to one robot of a robosuite environment that has just been reset."""
        self.env, self.sim, self.robot = env, env.sim, env.robots[index]
        self.site = self.robot.eef_site_id["right"]
        self.base = np.array(self.robot.base_pos)
        self._start = self.yaw - self.azimuth(self.position)

    @property
    def position(self) -> Array:
        """Of the point between the fingertips [3], m, world frame."""
        return np.array(self.sim.data.site_xpos[self.site])

    @property
    def rotation(self) -> Array:
        """Of the hand [3, 3]: columns are opening direction, side, pointing direction."""
        return np.array(self.sim.data.site_xmat[self.site]).reshape(3, 3)

    @property
    def yaw(self) -> float:
        """Direction (rad) in which the fingers open."""
        opening = self.rotation[:, 0]
        return float(np.arctan2(opening[1], opening[0]))

    def azimuth(self, position: Array) -> float:
        """Direction (rad) from the robot's base to a position, seen from above."""
        return float(np.arctan2(position[1] - self.base[1], position[0] - self.base[0]))

    def natural_yaw(self, position: Array) -> float:
        """Yaw (rad) at a position with the wrist as it was at the start: far from it, it meets its limits."""
        return self._start + self.azimuth(position)

    def body_yaw(self, name: str) -> float:
        """Direction (rad) of a body's x axis, seen from above."""
        axis = self.body(name)[1][:, 0]
        return float(np.arctan2(axis[1], axis[0]))

    def body(self, name: str) -> tuple[Array, Array]:
        """Position [3] and rotation [3, 3] of a body."""
        index = self.sim.model.body_name2id(name)
        return np.array(self.sim.data.body_xpos[index]), np.array(self.sim.data.body_xmat[index]).reshape(3, 3)

    def named_site(self, name: str) -> Array:
        """Position [3] of a site."""
        return np.array(self.sim.data.site_xpos[self.sim.model.site_name2id(name)])

    def towards(self, position: Array, rotation: Array, grip: float, speed: float) -> Array:
        """One action [7] towards a pose; `speed` in (0, 1] limits each coordinate."""
        move = GAIN * (position - self.position) / POSITION_SCALE
        turn = GAIN * Rotation.from_matrix(rotation @ self.rotation.T).as_rotvec() / ROTATION_SCALE
        parts = [part * min(1.0, speed / max(float(np.abs(part).max()), 1e-9)) for part in (move, turn)]
        return np.concatenate([*parts, [grip]])

    def reach(
        self,
        target: Target,
        rotation: Target,
        grip: float,
        *,
        speed: float,
        tolerance: float = 0.01,
        angle: float = 0.1,
        timeout: int = 120,
    ) -> Script:
        """Go to a pose, which may move, until within `tolerance` (m) and `angle` (rad), or for `timeout` actions."""
        for _ in range(timeout):
            position = target() if callable(target) else target
            turned = rotation() if callable(rotation) else rotation
            away = float(np.linalg.norm(position - self.position))
            twist = float(np.linalg.norm(Rotation.from_matrix(turned @ self.rotation.T).as_rotvec()))
            if away < tolerance and twist < angle:
                return
            yield self.towards(position, turned, grip, speed)

    def grasp(
        self,
        target: Callable[[], Array],
        rotation: Array,
        rng: Style,
        *,
        hover: float,
        early: tuple[float, float],
        speed: float,
        tolerance: float = 0.012,
        angle: float = 0.2,
    ) -> Script:
        """Descend on an object, close, raise it a little and look; open and try again if it did not come along.

        Some first attempts close too early, somewhere in `early` (m) above the target: without them no demonstration
        shows what to do about a miss, and a policy that has missed goes on with an empty hand.
        """
        ground = target()[2]
        fumbled = rng.random() < FUMBLE
        miss = np.array([*rng.uniform(-0.02, 0.02, 2), rng.uniform(*early)]) * fumbled
        seen = rng.uniform(0.06, 0.14)  # m above the ground
        for attempt in range(ATTEMPTS):
            off = np.zeros(3) if attempt else miss
            above = target() + np.array([0.0, 0.0, hover])
            yield from self.reach(above, rotation, OPEN, speed=speed, tolerance=0.03, angle=0.3)
            yield from self.reach(
                lambda off=off: target() + off,  # type: ignore[misc]
                rotation,
                OPEN,
                speed=speed,
                tolerance=tolerance,
                angle=angle,
                timeout=40,
            )
            yield from self.stay(CLOSED, SQUEEZE_STEPS)
            raised = np.array([*self.position[:2], ground + seen])
            yield from self.reach(raised, rotation, CLOSED, speed=speed, tolerance=0.02, angle=0.5)
            if target()[2] > ground + seen / 3:
                return
            yield from self.stay(OPEN, SQUEEZE_STEPS)

    def stay(self, grip: float, steps: int) -> Script:
        """Keep the present pose while the fingers move."""
        position, rotation = self.position, self.rotation
        for _ in range(steps):
            yield self.towards(position, rotation, grip, 1.0)


class Middle:
    """Stands for a generator in scripts without style: every draw is the middle of its range, no chance comes up."""

    def uniform(self, low: float, high: float, size: int | None = None) -> Any:
        """The middle."""
        middle = (low + high) / 2
        return middle if size is None else np.full(size, middle)

    def integers(self, low: int, high: int | None = None) -> int:
        """The middle of [0, low) or [low, high), the lower one of two."""
        first, end = (0, low) if high is None else (low, high)
        return first + (end - 1 - first) // 2

    def choice(self, options: Sequence[float]) -> float:
        """The first."""
        return options[0]

    def random(self) -> float:
        """Above every threshold."""
        return 1.0


Style = np.random.Generator | Middle


def play(env: Any, scripts: Sequence[Callable[[Arm, Style], Script]], style: int | None) -> Expert:
    """Run one script for each arm; one that has ended repeats its grip and stays.

    Args:
        env: of robosuite; has just been reset.
        scripts: in the order of the robots.
        style: seed of the style of the episode, for all arms from one generator; see `Simulator.expert`.
    """
    rng: Style = Middle() if style is None else generator(style, "style of the scripted expert")
    arms = [Arm(env, index) for index in range(len(env.robots))]
    running = [script(arm, rng) for arm, script in zip(arms, scripts, strict=True)]
    last = [np.zeros(7) for _ in arms]

    def act(obs: Array) -> Array:
        for index, script in enumerate(running):
            last[index] = next(script, np.array([*np.zeros(6), last[index][6]]))
        return np.clip(np.concatenate(last), -1.0, 1.0)

    return act

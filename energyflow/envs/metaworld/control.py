"""One control step of Meta-World, without the bookkeeping around it.

Meta-World looks bodies up by name again and again, splits and stacks small arrays, and resets twice to keep the second.
This class does the same arithmetic on the same numbers in the same order, around the task's own reward: observations,
rewards and successes are equal to the last bit (tests/envs/test_metaworld.py).
"""

from __future__ import annotations

import math
from types import FunctionType, SimpleNamespace
from typing import Any, SupportsFloat

import mujoco
import numpy as np
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.sawyer_xyz_env import SawyerXYZEnv
from metaworld.utils.reward_utils import hamacher_product
from numpy.typing import NDArray

from energyflow.envs.simulator import Array

Action = NDArray[np.float32]

GRIPPER_DOWN = np.array([1.0, 0.0, 1.0, 0.0])  # quaternion, not normalised there either
FULL = np.ones(3, np.float32)  # actions stay in single precision, as there
OPENED = 0.1  # m between open fingers
TAIL = float(np.sqrt(1 / 0.1 - 1))  # a reward's tail is 0.1 at its margin


def norm(vector: Array) -> float:
    """Length of a vector, as `np.linalg.norm` computes it."""
    return math.sqrt(vector.dot(vector))


def tolerance(x: float, bounds: tuple[float, float], margin: float, sigmoid: str = "long_tail") -> float:
    """1 within bounds, then a tail that is 0.1 at `margin` beyond them: Meta-World's, for one number."""
    if sigmoid != "long_tail" or margin < 0:
        raise ValueError(f"only long tails with a margin of 0 or more are supported, not {sigmoid} with {margin}")
    lower, upper = bounds
    if lower <= x <= upper:
        return 1.0
    if margin == 0:
        return 0.0
    beyond = (lower - x if x < lower else x - upper) / margin
    return float(1 / ((beyond * TAIL) ** 2 + 1))


class Control(SawyerXYZEnv):
    """What a step spends its time in; `controlled` puts it before the class of a task."""

    obj_init_pos: Array
    _target_pos: Array
    _placing = False

    def _position(self, kind: str, name: str) -> Array:
        """Of a body or site [3], m: the simulation's own array, looked up by name once."""
        known: dict[tuple[str, str], Array] = self.__dict__.setdefault("_positions", {})
        if (kind, name) not in known:
            known[kind, name] = getattr(self.data, kind)(name).xpos
        return known[kind, name]

    def get_body_com(self, body_name: str) -> Array:
        """Position [3] of a body, m."""
        return self._position("body", body_name)

    def get_endeff_pos(self) -> Array:
        """Position [3] of the hand, m."""
        return self._position("body", "hand")

    def _get_site_pos(self, site_name: str) -> Array:
        return self._position("site", site_name).copy()

    @property
    def tcp_center(self) -> Array:
        """Point [3] between the fingertips, m."""
        return (self._position("site", "rightEndEffector") + self._position("site", "leftEndEffector")) / 2.0

    def _get_curr_obs_combined_no_goal(self) -> Array:
        """Hand [3], opening [1], position [3] and quaternion [4] of one object or of two; zeros for none."""
        frame = np.zeros(18)
        opening = norm(self._position("body", "rightclaw") - self._position("body", "leftclaw")) / OPENED
        frame[:3], frame[3] = self.get_endeff_pos(), min(max(opening, 0.0), 1.0)
        positions, quaternions = self._get_pos_objects(), self._get_quat_objects()
        for index in range(len(positions) // 3):
            start = 4 + 7 * index
            frame[start : start + 3] = positions[3 * index : 3 * index + 3]
            frame[start + 3 : start + 7] = quaternions[4 * index : 4 * index + 4]
        return frame

    def _get_obs(self) -> Array:
        """This frame [18], the previous one [18], goal [3], which `MetaWorldEnv` shows."""
        frame = self._get_curr_obs_combined_no_goal()
        obs: Array = np.concatenate((frame, self._prev_obs, self._target_pos))
        self._prev_obs = frame
        return obs

    def step(self, action: Action) -> tuple[Array, SupportsFloat, bool, bool, dict[str, Any]]:  # type: ignore[override]
        """Move the hand by action[:3] cm, close the fingers with action[3]; see `SawyerXYZEnv.step`."""
        if self.curr_path_length >= self.max_path_length:
            raise ValueError(f"an episode has at most {self.max_path_length} steps; reset the simulator")
        model, data = self.model, self.data
        move = np.minimum(np.maximum(action[:3], -FULL), FULL) * np.float32(self.action_scale)
        hand = data.mocap_pos[0]
        hand[:] = np.minimum(np.maximum(hand + move, self.mocap_low), self.mocap_high)
        data.mocap_quat[0] = GRIPPER_DOWN
        data.ctrl[:] = action[3], -action[3]
        mujoco.mj_step(model, data, nstep=self.frame_skip)
        mujoco.mj_forward(model, data)  # not only for the positions: the solver of the next step starts from it
        self.curr_path_length += 1
        space = self.sawyer_observation_space
        obs = np.minimum(np.maximum(self._get_obs(), space.low), space.high)
        reward, info = self.evaluate_state(obs, action)
        return obs, reward, False, self.curr_path_length == self.max_path_length, info

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Reset as Meta-World does: once to place the bodies in the model, all that stays of it, then for good."""
        self._placing = True
        return super().reset(seed, options)

    def _reset_hand(self, steps: int = 50) -> None:
        if self._placing:
            self._placing = False
            return
        self.data.mocap_pos[0], self.data.mocap_quat[0] = self.hand_init_pos, GRIPPER_DOWN
        self.data.ctrl[:] = -1.0, 1.0
        mujoco.mj_step(self.model, self.data, nstep=steps * self.frame_skip)
        self.init_tcp = self.tcp_center

    def _gripper_caging_reward(
        self,
        action: Action,
        obj_pos: Array,
        obj_radius: float,
        pad_success_thresh: float,
        object_reach_radius: float,
        xz_thresh: float,
        desired_gripper_effort: float = 1.0,
        high_density: bool = False,
        medium_density: bool = False,
    ) -> float:
        """How well the fingers cage an object, and close on it: see `SawyerXYZEnv._gripper_caging_reward`."""
        start, y = self.obj_init_pos, obj_pos[1]
        sides = []
        for pad in ("leftpad", "rightpad"):
            finger = self.get_body_com(pad)[1]
            margin = abs(abs(finger - start[1]) - pad_success_thresh)
            sides.append(tolerance(abs(finger - y), (obj_radius, pad_success_thresh), margin))
        tip = self.tcp_center
        margin = norm(start[::2] - self.init_tcp[::2]) - xz_thresh
        beside = tolerance(norm(tip[::2] - obj_pos[::2]), (0.0, xz_thresh), margin)
        caging = hamacher_product(hamacher_product(*sides), beside)
        closed = min(max(0, action[-1]), desired_gripper_effort) / desired_gripper_effort
        reward = hamacher_product(caging, closed if caging > 0.97 else 0.0)
        if high_density:
            reward = (reward + caging) / 2
        if medium_density:
            margin = abs(norm(start - self.init_tcp) - object_reach_radius)
            reward = (reward + tolerance(norm(obj_pos - tip), (0.0, object_reach_radius), margin)) / 2
        return float(reward)


def controlled(simulator_id: str) -> Control:
    """Build Meta-World's environment of that name with the methods of `Control`, its reward with our `tolerance`."""
    stock: Any = ALL_V3_ENVIRONMENTS[simulator_id]
    terms = SimpleNamespace(tolerance=tolerance, hamacher_product=hamacher_product)
    reward = FunctionType(stock.compute_reward.__code__, stock.compute_reward.__globals__ | {"reward_utils": terms})
    env: Control = type(stock.__name__, (Control, stock), {"compute_reward": reward})()
    return env

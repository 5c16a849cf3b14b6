"""One control step of robosuite's operational-space controllers, without the bookkeeping around them.

robosuite runs its controllers 25 times for each action, and each time looks sites up by name, forwards every
observable and keeps statistics that nobody reads here. This loop does the same arithmetic with the same compiled
kernels on the same arrays, in the same order: trajectories are equal to the last bit (tests/envs/test_robomimic.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from robosuite.utils.control_utils import nullspace_torques, opspace_matrices, orientation_error

from energyflow.envs.simulator import Array


def _as_slice(index: Sequence[int]) -> slice:
    """Consecutive indices as a slice, which NumPy reads without a copy."""
    first, last = index[0], index[-1]
    if list(index) != list(range(first, last + 1)):
        raise ValueError(f"the joints of an arm must be numbered consecutively, not {list(index)}")
    return slice(first, last + 1)


class Arm:
    """The operational-space controller of one arm, in its fixed-impedance mode."""

    def __init__(self, sim: Any, robot: Any, name: str) -> None:
        """Look every name up once; what is read of the simulation are its own arrays."""
        self.model, self.data = model, data = sim.model._model, sim.data._data
        self.controller = c = robot.part_controllers[name]
        if c.impedance_mode != "fixed" or c.num_ref_sites != 1:
            raise ValueError(f"controller of {name}: only OSC with fixed impedance and one site is supported")
        self.site = sim.model.site_name2id(c.ref_name)
        actuators = _as_slice(robot._ref_actuators_indexes_dict[name])
        dofs, joints = _as_slice(c.qvel_index), _as_slice(c.qpos_index)
        self.low, self.high = model.actuator_ctrlrange[actuators].T.copy()
        self.position, self.rotation = data.site_xpos[self.site], data.site_xmat[self.site].reshape(3, 3)
        self.qvel, self.joint_pos, self.joint_vel = data.qvel, data.qpos[joints], data.qvel[dofs]
        self.bias, self.torques = data.qfrc_bias[dofs], data.ctrl[actuators]
        nv = model.nv
        self.jacp, self.jacr, self.full_mass = np.zeros((3, nv)), np.zeros((3, nv)), np.zeros((nv, nv))
        self.arm_jacp, self.arm_jacr = self.jacp[:, dofs], self.jacr[:, dofs]
        self.arm_mass = self.full_mass[dofs, dofs]
        joint_count = self.arm_mass.shape[0]
        self.mass = np.zeros((joint_count, joint_count), order="F")  # the layout that robosuite's indexing leaves
        self.jacobian = np.zeros((6, joint_count))
        self.wrench = np.zeros(6)

    def look(self) -> None:
        """Tell the controller where the hand is, which it would look up by name: its next goal counts from there."""
        c = self.controller
        c.ref_pos[:], c.ref_ori_mat[:], c.new_update = self.position, self.rotation, False

    def aim(self) -> None:
        """Read the goal in the world's frame; the base of an arm does not move, so it holds until the next action."""
        c = self.controller
        self.goal_pos, self.goal_ori = c.goal_pos, c.goal_ori
        if c.input_ref_frame == "base":
            self.goal_pos = c.origin_pos + np.dot(c.origin_ori, c.goal_pos)
            self.goal_ori = np.dot(c.origin_ori, c.goal_ori)
        self.kp, self.kd = (c.kp[:3], c.kp[3:6]), (c.kd[:3], c.kd[3:6])

    def actuate(self) -> None:
        """Write the torques towards the goal into `data.ctrl`; `mj_step1` must have run."""
        mujoco.mj_jacSite(self.model, self.data, self.jacp, self.jacr, self.site)
        mujoco.mj_fullM(self.model, self.full_mass, self.data.qM)
        mass, jacobian, wrench = self.mass, self.jacobian, self.wrench
        mass[:], jacobian[:3], jacobian[3:] = self.arm_mass, self.arm_jacp, self.arm_jacr
        force = (self.goal_pos - self.position) * self.kp[0] + -np.dot(self.jacp, self.qvel) * self.kd[0]
        twist = orientation_error(self.goal_ori, self.rotation)
        torque = twist * self.kp[1] + -np.dot(self.jacr, self.qvel) * self.kd[1]
        full, pos, ori, nullspace = opspace_matrices(mass, jacobian, jacobian[:3], jacobian[3:])
        if self.controller.uncoupling:
            wrench[:3], wrench[3:] = np.dot(pos, force), np.dot(ori, torque)
        else:
            wrench[:] = np.dot(full, np.concatenate([force, torque]))
        torques = np.dot(jacobian.T, wrench) + self.bias
        torques += nullspace_torques(mass, nullspace, self.controller.initial_joint, self.joint_pos, self.joint_vel)
        self.torques[:] = np.minimum(np.maximum(torques, self.low), self.high)


class Controllers:
    """All arms and grippers of an environment."""

    def __init__(self, env: Any) -> None:
        """Bind to a robosuite environment; again after each reset."""
        self.env, self.model, self.data = env, env.sim.model._model, env.sim.data._data
        self.arms = [Arm(env.sim, robot, name) for robot in env.robots for name in robot.arms]
        self.substeps = int(env.control_timestep / env.model_timestep)
        self.begun = False

    def step(self, action: Array) -> None:
        """Execute one action [Da] for a control period."""
        for substep in range(self.substeps):
            mujoco.mj_step1(self.model, self.data)
            if substep == 0:
                self._set_goals(action)
            if substep or self.begun:
                for arm in self.arms:
                    arm.actuate()
            mujoco.mj_step2(self.model, self.data)
            self.begun = True

    def _set_goals(self, action: Array) -> None:
        """Set the goals of the arms, and the controls of the grippers, which hold until the next action.

        The first run after a reset is robosuite's own: it uses a mass matrix from before, and so do we.
        """
        start = 0
        for arm in self.arms if self.begun else ():
            arm.look()
        for robot in self.env.robots:
            composite = robot.composite_controller
            if not self.begun:
                composite.update_state()
            composite.set_goal(action[start : start + robot.action_dim])
            start += robot.action_dim
            if self.begun:
                applied = {part: composite.part_controllers[part].run_controller() for part in composite.grippers}
            else:
                applied = composite.run_controller(robot._enabled_parts)
            for part, values in applied.items():
                actuators = robot._ref_actuators_indexes_dict[part]
                limits = self.model.actuator_ctrlrange[actuators]
                self.data.ctrl[actuators] = np.clip(values, limits[:, 0], limits[:, 1])
        for arm in self.arms:
            arm.aim()

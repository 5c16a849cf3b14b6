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
        """Look every name up once."""
        self.model, self.data = sim.model._model, sim.data._data
        self.controller = robot.part_controllers[name]
        if self.controller.impedance_mode != "fixed" or self.controller.num_ref_sites != 1:
            raise ValueError(f"controller of {name}: only OSC with fixed impedance and one site is supported")
        self.site = sim.model.site_name2id(self.controller.ref_name)
        self.actuators = _as_slice(robot._ref_actuators_indexes_dict[name])
        self.dofs, self.joints = _as_slice(self.controller.qvel_index), _as_slice(self.controller.qpos_index)
        self.low, self.high = self.model.actuator_ctrlrange[self.actuators].T.copy()
        nv = self.model.nv
        self.jacp, self.jacr, self.mass = np.zeros((3, nv)), np.zeros((3, nv)), np.zeros((nv, nv))
        self.error, self.wrench = np.zeros(6), np.zeros(6)

    def actuate(self) -> None:
        """Write the torques towards the controller's goal into `data.ctrl`; `mj_step1` must have run."""
        c, model, data, dofs = self.controller, self.model, self.data, self.dofs
        mujoco.mj_jacSite(model, data, self.jacp, self.jacr, self.site)
        mujoco.mj_fullM(model, self.mass, data.qM)
        mass = np.asfortranarray(self.mass[dofs, dofs])  # the layout that robosuite's indexing leaves
        c.J_pos[:] = c.J_full[:3] = self.jacp[:, dofs]
        c.J_ori[:] = c.J_full[3:] = self.jacr[:, dofs]
        qvel, rotation = data.qvel, data.site_xmat[self.site].reshape(3, 3)
        if c.input_ref_frame == "base":
            goal_pos = c.origin_pos + np.dot(c.origin_ori, c.goal_pos)
            goal_ori = np.dot(c.origin_ori, c.goal_ori)
        else:
            goal_pos, goal_ori = c.goal_pos, c.goal_ori
        force = (goal_pos - data.site_xpos[self.site]) * c.kp[:3] + -np.dot(self.jacp, qvel) * c.kd[:3]
        torque = orientation_error(goal_ori, rotation) * c.kp[3:6] + -np.dot(self.jacr, qvel) * c.kd[3:6]
        full, pos, ori, nullspace = opspace_matrices(mass, c.J_full, c.J_pos, c.J_ori)
        if c.uncoupling:
            self.wrench[:3], self.wrench[3:] = np.dot(pos, force), np.dot(ori, torque)
        else:
            self.error[:3], self.error[3:] = force, torque
            self.wrench[:] = np.dot(full, self.error)
        torques = np.dot(c.J_full.T, self.wrench) + data.qfrc_bias[dofs]
        torques += nullspace_torques(mass, nullspace, c.initial_joint, data.qpos[self.joints], qvel[dofs])
        data.ctrl[self.actuators] = np.minimum(np.maximum(torques, self.low), self.high)


class Controllers:
    """All arms and grippers of an environment."""

    def __init__(self, env: Any) -> None:
        """Bind to a robosuite environment; again after its simulation has been rebuilt."""
        self.env, self.model, self.data = env, env.sim.model._model, env.sim.data._data
        self.arms = [Arm(env.sim, robot, name) for robot in env.robots for name in robot.arms]
        self.substeps = int(env.control_timestep / env.model_timestep)

    def step(self, action: Array) -> None:
        """Execute one action [Da] for a control period."""
        for substep in range(self.substeps):
            mujoco.mj_step1(self.model, self.data)
            if substep == 0:
                self._set_goals(action)
            else:
                for arm in self.arms:
                    arm.actuate()
            mujoco.mj_step2(self.model, self.data)

    def _set_goals(self, action: Array) -> None:
        """Set the goals of the arms, and the controls of the grippers, which hold until the next action.

        This first run is robosuite's own: right after a reset it uses a mass matrix from before, and so do we.
        """
        start = 0
        for robot in self.env.robots:
            composite = robot.composite_controller
            composite.update_state()
            composite.set_goal(action[start : start + robot.action_dim])
            start += robot.action_dim
            for part, applied in composite.run_controller(robot._enabled_parts).items():
                actuators = robot._ref_actuators_indexes_dict[part]
                limits = self.model.actuator_ctrlrange[actuators]
                self.data.ctrl[actuators] = np.clip(applied, limits[:, 0], limits[:, 1])

"""RoboMimic's tasks in robosuite: robomimic's observations and success, true seeding, OOD levels.

Unlike robosuite's own environment: no renderer, soft resets, one forward of the observables for each action instead of
25, and the control loop of `control.py`. None of it changes a trajectory by a bit. Object sizes, which robosuite draws
when it builds a model, are those of one fixed seed: a soft reset keeps the model.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

# It warns of optional robots and private macros at every start.
logging.getLogger("robosuite_logs").addFilter(lambda record: record.levelno >= logging.ERROR)

import robosuite  # noqa: E402  (after the logger is quiet)
from robosuite.controllers import load_composite_controller_config  # noqa: E402

from energyflow.config.sections import Level  # noqa: E402
from energyflow.core.errors import UserError, nearest  # noqa: E402
from energyflow.core.registry import implementation  # noqa: E402
from energyflow.core.seeding import generator  # noqa: E402
from energyflow.envs.perturb import displace, push_beyond  # noqa: E402
from energyflow.envs.robomimic.control import Controllers  # noqa: E402
from energyflow.envs.robomimic.experts.motion import play  # noqa: E402
from energyflow.envs.robomimic.sensors import quicken  # noqa: E402
from energyflow.envs.robomimic.tasks import EXPERTS, LOW_DIM, SPECS  # noqa: E402
from energyflow.envs.simulator import Array, Expert  # noqa: E402

CONTROL_FREQ = 20  # Hz
MODEL_SEED = 0  # of what robosuite draws when it builds a model: sizes of objects
IK_STEPS = 50
HAND_BOX = 0.3  # m: half-width of the box around its usual start within which a level may move the hand


def env_kwargs(task: str) -> dict[str, Any]:
    """Arguments of `robosuite.make` but for its name: low-dimensional, OSC_POSE deltas at 20 Hz."""
    spec = SPECS[task]
    config = load_composite_controller_config(controller="BASIC")
    arms = {"right": config["body_parts"]["right"]}
    if len(spec.robots) == 2:  # two arms with the frames of their own bases would read +x in different directions
        arms["right"] = arms["right"] | {"input_ref_frame": "world"}
    return {
        "robots": list(spec.robots),
        "controller_configs": {"type": "BASIC", "body_parts": arms},
        "has_renderer": False,
        "has_offscreen_renderer": False,
        "use_camera_obs": False,
        "use_object_obs": True,
        "control_freq": CONTROL_FREQ,
        "ignore_done": True,
        "reward_shaping": spec.staged,
        **spec.env_kwargs,
    }


class RobomimicEnv:
    """One task. Actions [7] for each arm in [-1, 1]: position and axis-angle deltas of the hand, gripper."""

    def __init__(self, task: str, obs_keys: Sequence[str] | None = None) -> None:
        """Build the simulator (seconds) of a task of `SPECS`; see `envs.tasks.make_env`."""
        self.task, self.spec = task, SPECS[task]
        # robosuite fills the configuration in place
        self.env = robosuite.make(
            self.spec.env_name, **copy.deepcopy(env_kwargs(task)), hard_reset=False, seed=MODEL_SEED
        )
        quicken(task, self.env)
        self._objects = self._placements()
        found = self._observe()
        known = {"object" if key == "object-state" else key: values for key, values in found.items()}
        keys = tuple(obs_keys or (key for key in LOW_DIM if key in known))
        for key in keys:
            if key not in known:
                raise UserError(f"{task}: no observation '{key}'; {nearest(key, list(known))}")
        self.obs_layout = {key: int(np.size(known[key])) for key in keys}
        self.obs_dim, self.action_dim = sum(self.obs_layout.values()), int(self.env.action_dim)
        self.grippers = tuple(range(6, self.action_dim, 7))
        needed = {*LOW_DIM, *self.obs_layout}
        for name, observable in self.env._observables.items():  # of each object's sensors, others may need the values
            observable.set_enabled(observable.is_enabled() and (observable.modality == "object" or name in needed))
        self.controllers = Controllers(self.env)

    def reset(self, seed: int, level: Level | None = None) -> Array:
        """See `Simulator.reset`; obs [Do] in the order of `obs_layout`."""
        env = self.env
        env.rng = generator(seed, "initial state")
        sampler, objects = env.placement_initializer, (obj for obj, _, _ in self._objects.values())
        for each in (sampler, *getattr(sampler, "samplers", {}).values(), *objects):  # a hammer draws its own side
            each.rng = env.rng
        env.reset()
        if level is not None and (level.hand or level.object or level.goal):
            self._perturb(level, generator(seed, "perturbation"))
        self.controllers = Controllers(env)
        return self._vector(self._observe(fresh=True))

    def step(self, action: Array) -> tuple[Array, float, bool]:
        """See `Simulator.step`; the reward is robosuite's staged one where the task has one, else success."""
        self.controllers.step(np.asarray(action, dtype=np.float64))
        found, flags = self._observe(), self.spec.success
        success = all(bool(found[name]) for name in flags) if flags else bool(self.env._check_success())
        reward = float(self.env.reward()) if self.spec.staged else float(success)
        return self._vector(found), reward, success

    def expert(self, style: int | None) -> Expert:
        """See `Simulator.expert`; it sees the simulator's state, not the observation."""
        scripts = implementation(f"{EXPERTS}.{self.task.split('/')[1]}:SCRIPTS")
        return play(self.env, scripts, style)

    def env_args(self) -> dict[str, Any]:
        """See `Simulator.env_args`; robomimic builds its own environment from it."""
        version, kwargs = robosuite.__version__, env_kwargs(self.task)
        return {"env_name": self.spec.env_name, "env_version": version, "type": 1, "env_kwargs": kwargs}

    def state(self) -> Array:
        """Simulator state [1 + nq + nv]: time, positions, velocities, as robomimic stores it."""
        flat: Array = self.env.sim.get_state().flatten()
        return flat

    def restore(self, state: Array) -> Array:
        """Start an episode from a stored state, in this simulator's own model; obs as `reset` returns it."""
        self.reset(0)
        self.env.sim.set_state_from_flattened(state)
        self.env.sim.forward()
        for robot in self.env.robots:
            self._hold(robot)
        return self._vector(self._observe(fresh=True))

    def model_xml(self) -> str:
        """The model, as robomimic stores it."""
        xml: str = self.env.sim.model.get_xml()
        return xml

    @property
    def mujoco_model(self) -> mujoco.MjModel:
        """What a renderer draws."""
        return self.env.sim.model._model

    def draw(self, state: Array, renderer: mujoco.Renderer) -> None:
        """See `Filmable.draw`; without the shapes that only collide."""
        sim, look = self.env.sim, mujoco.MjvOption()
        look.geomgroup[0], look.sitegroup[:] = 0, 0
        sim.set_state_from_flattened(state)
        sim.forward()
        renderer.update_scene(sim.data._data, self.spec.camera, look)

    def _observe(self, *, fresh: bool = False) -> dict[str, Array]:
        # Relative poses are computed from the cached absolute ones, so they lag by one action, as they do in robosuite.
        if fresh:
            self.env._obs_cache = {}
        found: dict[str, Array] = self.env._get_observations(force_update=True)
        return found

    def _vector(self, found: dict[str, Array]) -> Array:
        keys = ("object-state" if key == "object" else key for key in self.obs_layout)
        return np.concatenate([np.atleast_1d(found[key]) for key in keys]).astype(np.float64)

    def _placements(self) -> dict[str, tuple[Any, Array, Array]]:
        """Object name -> (object, lower and upper corner of its placement range in the world, m)."""
        sampler = self.env.placement_initializer
        found = {}
        for each in getattr(sampler, "samplers", {"": sampler}).values():
            for obj in each.mujoco_objects:
                margin = obj.horizontal_radius if each.ensure_object_boundary_in_range else 0.0
                low = np.array([each.x_range[0] + margin, each.y_range[0] + margin, -np.inf])
                high = np.array([each.x_range[1] - margin, each.y_range[1] - margin, np.inf])
                offset = np.array([*each.reference_pos[:2], 0.0])
                found[obj.name] = (obj, low + offset, high + offset)
        return found

    def _perturb(self, level: Level, rng: np.random.Generator) -> None:
        """Move objects, goals and hands beyond their usual initial range, all from one generator."""
        data = self.env.sim.data
        for distance, groups in ((level.object, self.spec.objects), (level.goal, self.spec.goals)):
            for group in groups:
                obj, low, high = self._objects[group[0]]
                start = np.array(data.get_joint_qpos(obj.joints[0])[:3])
                moved = push_beyond(start, low, high, distance, rng)
                for name in group:
                    joint = self._objects[name][0].joints[0]
                    pose = np.array(data.get_joint_qpos(joint))
                    pose[:3] += moved - start
                    data.set_joint_qpos(joint, pose)
        self.env.sim.forward()
        for robot in self.env.robots:
            self._move_hand(robot, level.hand, rng)

    def _move_hand(self, robot: Any, distance: float, rng: np.random.Generator) -> None:
        """Damped least squares on the arm's joints: the hand moves, its orientation stays."""
        sim, controller = self.env.sim, robot.part_controllers["right"]
        model, data, site = sim.model._model, sim.data._data, controller.ref_name
        site = sim.model.site_name2id(site)
        start, rotation = data.site_xpos[site].copy(), data.site_xmat[site].copy()
        target = displace(start, distance, start - HAND_BOX, start + HAND_BOX, rng)
        jacobian = np.zeros((6, model.nv))
        for _ in range(IK_STEPS):
            turn = np.zeros(3)
            relative = rotation.reshape(3, 3) @ data.site_xmat[site].reshape(3, 3).T
            quat = np.zeros(4)
            mujoco.mju_mat2Quat(quat, relative.flatten())
            mujoco.mju_quat2Vel(turn, quat, 1.0)
            error = np.concatenate([target - data.site_xpos[site], turn])
            mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], site)
            arm = jacobian[:, controller.qvel_index]
            delta = arm.T @ np.linalg.solve(arm @ arm.T + 1e-6 * np.eye(6), error)
            data.qpos[controller.qpos_index] += delta
            sim.forward()
        self._hold(robot)

    @staticmethod
    def _hold(robot: Any) -> None:
        """Make the present pose of a hand that was moved from outside its controller's goal."""
        controller = robot.part_controllers["right"]
        controller.update(force=True)
        controller.reset_goal()

"""RoboMimic's tasks: robosuite's own trajectories to the last bit, true seeding, levels, experts, replay."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import robosuite

from energyflow.config.sections import Level
from energyflow.core.errors import UserError
from energyflow.datasets.scripted import demonstrate
from energyflow.envs.robomimic.simulator import MODEL_SEED, RobomimicEnv, env_kwargs
from energyflow.envs.robomimic.tasks import SPECS
from energyflow.pipeline import params

ZERO = Level(hand=0.0, object=0.0, goal=0.0)
FAR = Level(hand=0.05, object=0.03, goal=0.02)
WIDTHS = {"lift": 10, "can": 14, "square": 14, "transport": 41, "tool_hang": 44}
PRESET = params.load(preset="robomimic")


@pytest.fixture(scope="module", params=sorted(SPECS))
def env(request: pytest.FixtureRequest) -> RobomimicEnv:
    return RobomimicEnv(request.param)


@pytest.fixture(scope="module")
def lift() -> RobomimicEnv:
    return RobomimicEnv("robomimic/lift")


def actions(env: RobomimicEnv, count: int) -> np.ndarray:
    found = np.random.default_rng(0).uniform(-1.0, 1.0, (count, env.action_dim))
    found[: count // 2, 2] = -0.6  # down, into contact
    return found


def test_observations_are_robomimics(env: RobomimicEnv) -> None:
    arms = ("robot0", "robot1") if env.task == "robomimic/transport" else ("robot0",)
    parts = [(f"{arm}_{part}", n) for arm in arms for part, n in (("eef_pos", 3), ("eef_quat", 4), ("gripper_qpos", 2))]
    assert list(env.obs_layout.items()) == [*parts, ("object", WIDTHS[env.task.split("/")[1]])]
    assert env.reset(0).shape == (env.obs_dim,)


def test_seeding_and_levels(env: RobomimicEnv) -> None:
    first = env.reset(5)
    for action in actions(env, 10):
        env.step(action)
    np.testing.assert_array_equal(env.reset(5), first)  # same seed, same state, whatever came before
    np.testing.assert_array_equal(env.reset(5, ZERO), first)  # level 0 is the identity, bit for bit
    far = env.reset(5, FAR)
    assert not np.array_equal(far, first)
    np.testing.assert_array_equal(env.reset(5, FAR), far)
    assert not np.array_equal(env.reset(6), first)


def test_a_level_moves_by_the_stated_distances(env: RobomimicEnv) -> None:
    env.reset(3)
    home = np.array([env.env.sim.data.site_xpos[robot.eef_site_id["right"]] for robot in env.env.robots])
    env.reset(3, FAR)
    away = np.array([env.env.sim.data.site_xpos[robot.eef_site_id["right"]] for robot in env.env.robots])
    np.testing.assert_allclose(np.linalg.norm(away - home, axis=1), FAR.hand, atol=1e-4)
    for distance, groups in ((FAR.object, env.spec.objects), (FAR.goal, env.spec.goals)):
        for group in groups:
            obj, low, high = env._objects[group[0]]
            position = env.env.sim.data.get_joint_qpos(obj.joints[0])[:3]
            outside = np.maximum(position - high, 0) + np.maximum(low - position, 0)
            assert np.linalg.norm(outside) == pytest.approx(distance, abs=1e-9)


def restart(env: Any, seed: int) -> None:
    """Reset a robosuite environment to the initial state of a seed."""
    env.rng, sampler = np.random.default_rng(seed), env.placement_initializer
    for each in (sampler, *getattr(sampler, "samplers", {}).values()):
        each.rng = env.rng
        for obj in each.mujoco_objects:
            obj.rng = env.rng
    env.reset()


def test_trajectories_equal_robosuites_to_the_last_bit(env: RobomimicEnv) -> None:
    """The stock environment, stepped its own way, from the same state: random actions, then the expert to the end."""
    stock = robosuite.make(env.spec.env_name, **copy.deepcopy(env_kwargs(env.task)), hard_reset=False, seed=MODEL_SEED)
    stock.reset()
    keys = ["object-state" if key == "object" else key for key in env.obs_layout]
    reached = False
    for seed, length in ((7, 20), *((seed, PRESET.of(env.task).collect.horizon) for seed in range(3))):
        for each in (stock, env.env):
            restart(each, seed)
        env.controllers = type(env.controllers)(env.env)
        expert, obs = env.expert(seed), np.zeros(env.obs_dim)
        for random in actions(env, length):
            action = random if seed == 7 else expert(obs)
            expected = stock.step(action)
            obs, reward, success = env.step(action)
            np.testing.assert_array_equal(env.env.sim.data.qpos, stock.sim.data.qpos)
            np.testing.assert_array_equal(obs, np.concatenate([np.atleast_1d(expected[0][key]) for key in keys]))
            assert (reward, success) == (expected[1], bool(stock._check_success()))
            assert 0 <= reward <= 1
            assert (reward == 1) == success
            reached |= success
            if success:
                break
        if reached:
            return
    pytest.fail("the expert never succeeded: the sensors of success were not compared where they are 1")


def test_experts_succeed_and_replays_reproduce_it(env: RobomimicEnv) -> None:
    found = [demonstrate(env, seed, PRESET.of(env.task).collect) for seed in range(3)]
    assert sum(each is not None for each in found) >= 2
    seed = next(seed for seed, each in enumerate(found) if each is not None)
    demonstration = found[seed]
    assert demonstration is not None
    assert demonstration.states is not None
    obs = env.reset(seed)
    np.testing.assert_array_equal(env.state(), demonstration.states[0])
    for expected, action, success in zip(demonstration.obs, demonstration.executed, demonstration.success, strict=True):
        np.testing.assert_array_equal(obs, expected)
        obs, _, reached = env.step(action)
        assert reached == bool(success)


def test_the_expert_has_many_styles(lift: RobomimicEnv) -> None:
    """The same state, another style: without variety an energy would have one mode to learn."""
    firsts = []
    for style in range(6):
        obs = lift.reset(0)
        firsts.append(lift.expert(style)(obs))
    assert np.std(firsts, axis=0)[:2].min() > 0.05


def test_observation_keys_can_be_chosen_and_typos_are_named(lift: RobomimicEnv) -> None:
    chosen = RobomimicEnv("robomimic/lift", ["object", "robot0_joint_pos"])
    assert chosen.obs_layout == {"object": 10, "robot0_joint_pos": 7}
    with pytest.raises(UserError, match=r"no observation 'robot0_eef_pso'; did you mean 'robot0_eef_pos'\?"):
        RobomimicEnv("robomimic/lift", ["robot0_eef_pso"])

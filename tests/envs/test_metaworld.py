"""Meta-World behind the interface: its own trajectories to the last bit, seeding, visible goal, levels, experts."""

from __future__ import annotations

from typing import Any

import gymnasium
import metaworld  # noqa: F401  (registers Meta-World/MT1)
import numpy as np
import pytest
from metaworld.env_dict import ALL_V3_ENVIRONMENTS

from energyflow.config.sections import Level
from energyflow.envs.metaworld.simulator import MetaWorldEnv
from energyflow.envs.metaworld.tasks import SPECS
from energyflow.pipeline.params import Params

ZERO = Level(hand=0.0, object=0.0, goal=0.0)
FAR = Level(hand=0.1, object=0.08, goal=0.08)
METAWORLD = sorted(SPECS)


class Stock(MetaWorldEnv):
    """The same states and the same visible goal, stepped and reset by Meta-World's own methods."""

    def _build(self) -> Any:
        return ALL_V3_ENVIRONMENTS[self.spec.simulator_id]()


@pytest.mark.parametrize("task", METAWORLD)
def test_trajectories_equal_metaworlds_to_the_last_bit(task: str, laptop: Params) -> None:
    """Every level, whole episodes: one of random actions, one of the expert's with noise."""
    ours, stock = MetaWorldEnv(task), Stock(task)
    for seed, level in enumerate((None, *laptop.evaluate.levels.values())):
        for imitates in (False, True):
            rng, expert = np.random.default_rng(seed), ours.expert(0)
            obs = ours.reset(seed, level)
            np.testing.assert_array_equal(obs, stock.reset(seed, level))
            for _ in range(150):
                action = rng.uniform(-1.2, 1.2, 4)  # beyond the box of actions, and to the borders of the hand's
                if imitates:
                    action = expert(obs) + 0.2 * action
                (obs, reward, success), expected = ours.step(action), stock.step(action)
                np.testing.assert_array_equal(obs, expected[0])
                assert (reward, success) == expected[1:]


def test_an_episode_ends_where_metaworlds_does() -> None:
    env = MetaWorldEnv("metaworld/button_press")
    env.reset(0)
    for _ in range(500):
        env.step(np.zeros(4))
    with pytest.raises(ValueError, match="at most 500 steps"):
        env.step(np.zeros(4))


@pytest.mark.parametrize("task", METAWORLD)
def test_seeding_and_levels(task: str) -> None:
    env = MetaWorldEnv(task)
    first = env.reset(5)
    for _ in range(20):
        env.step(np.array([0.5, 0.5, -0.5, 1.0]))
    np.testing.assert_array_equal(env.reset(5), first)  # same seed, same state, whatever came before
    np.testing.assert_array_equal(env.reset(5, ZERO), first)  # level 0 is the identity, bit for bit
    np.testing.assert_array_equal(MetaWorldEnv(task).reset(5), first)
    assert not np.array_equal(env.reset(6), first)
    assert not np.array_equal(env.reset(5, FAR), first)


@pytest.mark.parametrize("task", METAWORLD)
def test_level_moves_by_the_stated_distances(task: str) -> None:
    env = MetaWorldEnv(task)
    low, high = env._low, env._high
    for seed in range(10):
        vector, hand = env.initial_state(seed, FAR)
        base, home = env.initial_state(seed, ZERO)
        assert np.linalg.norm(hand - home) == pytest.approx(FAR.hand)
        assert np.all((base >= low) & (base <= high))
        outside = np.maximum(vector - high, 0) + np.maximum(low - vector, 0)
        for index, component in enumerate(env.spec.components):
            expected = {"object": FAR.object, "goal": FAR.goal, "fixed": 0.0}[component]
            assert np.linalg.norm(outside[3 * index : 3 * index + 3]) == pytest.approx(expected)


@pytest.mark.parametrize("task", METAWORLD)
def test_the_goal_is_shown_where_it_is(task: str) -> None:
    """Meta-World clips observations to the training range: a goal beyond it would be shown at the border."""
    env = MetaWorldEnv(task)
    for seed in range(5):
        at_reset = env.reset(seed, FAR)
        obs, _, _ = env.step(np.zeros(4))
        np.testing.assert_array_equal(obs[-3:], at_reset[-3:])
        np.testing.assert_allclose(obs[-3:], env._env._target_pos)


def test_it_is_the_environment_of_mt1() -> None:
    """Equal to Meta-World/MT1 with its own wrapper stack, given the same reset vector."""
    for task in METAWORLD:
        reference = gymnasium.make(
            "Meta-World/MT1", env_name=SPECS[task].simulator_id, seed=0, disable_env_checker=True
        )
        expected, _ = reference.reset()
        ours = MetaWorldEnv(task)
        vector = np.array(reference.unwrapped._last_rand_vec)  # type: ignore[attr-defined]
        ours.initial_state = lambda seed, level, v=vector, e=ours: (v, e._hand)  # type: ignore[method-assign,misc]
        np.testing.assert_array_equal(ours.reset(0), expected)
        action = np.array([0.3, -0.2, 0.1, 0.5], dtype=np.float32)
        for _ in range(5):
            expected = reference.step(action)[0]
            obs = ours.step(action)[0]
            np.testing.assert_array_equal(obs, expected)
        assert np.any(obs[-3:] != 0), "the goal is hidden"


@pytest.mark.parametrize("task", METAWORLD)
def test_the_expert_solves_the_task(task: str) -> None:
    env = MetaWorldEnv(task)
    obs = env.reset(1)
    expert = env.expert(1)
    for _ in range(200):
        obs, _, success = env.step(expert(obs))
        if success:
            return
    pytest.fail("no success within 200 steps")

"""What every suite promises, tried on the first task of each: a new one is held to it by being registered."""

from __future__ import annotations

import json

import numpy as np
import pytest

from energyflow.config.sections import Level
from energyflow.envs.registry import SUITES
from energyflow.envs.tasks import check_recorded, make_env, named_task, suite_of

FIRST = [next(iter(SUITES[suite].tasks)) for suite in SUITES]
ZERO = Level(hand=0.0, object=0.0, goal=0.0)
FAR = Level(hand=0.04, object=0.02, goal=0.02)


@pytest.mark.parametrize("task", FIRST)
def test_a_seed_and_a_level_say_all_of_an_episode(task: str) -> None:
    env, action = make_env(task), np.full(make_env(task).action_dim, 0.5)

    def episode(seed: int, level: Level | None) -> np.ndarray:
        return np.stack([env.reset(seed, level), *(env.step(action)[0] for _ in range(3))])

    first = episode(5, None)
    assert first.shape == (4, env.obs_dim) == (4, sum(env.obs_layout.values()))
    far = episode(5, FAR)
    np.testing.assert_array_equal(episode(5, None), first)  # whatever came before
    np.testing.assert_array_equal(episode(5, ZERO), first)
    np.testing.assert_array_equal(episode(5, FAR), far)
    assert not np.array_equal(episode(6, None)[0], first[0])
    assert not np.array_equal(far[0], first[0])


@pytest.mark.parametrize("task", FIRST)
def test_a_file_says_whose_it_is_and_the_expert_stays_in_the_box(task: str) -> None:
    env = make_env(task)
    env_args = json.loads(json.dumps(env.env_args()))
    assert named_task(env_args) == task
    check_recorded(task, env_args, env.obs_layout, env.action_dim)
    widths = suite_of(task).widths
    assert widths is None or widths(task) == (env.obs_layout, env.action_dim)
    obs = env.reset(1)
    expert = env.expert(1)
    for _ in range(20):
        action = expert(obs)
        assert action.shape == (env.action_dim,)
        assert np.abs(action).max() <= 1.0
        obs, reward, success = env.step(action)
        assert np.isfinite([*obs, reward]).all()
        assert success in (True, False)

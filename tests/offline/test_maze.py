"""The maze: walls hold, speed is limited, and nothing is paid before the goal."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from energyflow.offline import maze
from energyflow.offline.environment import Environment


def test_it_is_an_environment_of_gymnasiums() -> None:
    check_env(gym.make(maze.ID).unwrapped, skip_render_check=True)
    assert Environment(maze.ID).horizon == maze.HORIZON


def test_its_two_ways_mirror_each_other() -> None:
    assert all(row == row[::-1] for row in maze.MAP)
    assert {maze.MAP[y][x] for x, y in maze.free_cells()} == {".", "S", "G"}


@pytest.mark.parametrize("seed", range(3))
def test_walls_hold_whatever_is_done(seed: int) -> None:
    """Pushes that last, so that every wall is run into at full speed, and along its corners."""
    rng, env = np.random.default_rng(seed), maze.PointMaze()
    env.reset(seed=seed)
    for _ in range(300):
        push = rng.choice([-1.0, 0.0, 1.0], 2)
        for _ in range(10):
            before = env.place
            obs = env.step(push)[0]
            x, y = np.floor(obs[:2]).astype(int)
            assert maze.MAP[y][x] != "#"
            assert np.linalg.norm(obs[:2] - before) <= maze.STEP * maze.SPEED + 1e-9
            assert np.linalg.norm(obs[2:]) <= maze.SPEED + 1e-9


def test_what_leans_on_a_wall_stands_still_and_can_leave() -> None:
    env = maze.PointMaze()
    for _ in range(20):
        obs = env.step(np.array([0.0, -1.0]))[0]
    assert obs[1] == pytest.approx(1.0, abs=2 * maze.GAP)
    assert obs[3] == 0.0
    for _ in range(5):
        obs = env.step(np.array([0.0, 1.0]))[0]
    assert obs[1] > 1.1


def test_reward_is_at_the_goal_alone_and_ends_the_episode() -> None:
    env = maze.PointMaze()
    env.place = maze.middle(maze.marked("G")) + np.array([0.0, -maze.REACH - 0.3])
    _, reward, terminated, truncated, _ = env.step(np.zeros(2))
    assert (reward, terminated, truncated) == (0.0, False, False)
    env.place = maze.middle(maze.marked("G"))
    assert env.step(np.zeros(2))[1:4] == (1.0, True, False)


def test_equal_seeds_start_alike() -> None:
    env = maze.PointMaze()
    first, second, other = (env.reset(seed=seed)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    assert np.abs(first[:2] - maze.middle(maze.marked("S"))).max() <= maze.SPREAD

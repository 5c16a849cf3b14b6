"""What is wrong with a data set is said in one line that names file and key, before any training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from energyflow.core.errors import UserError
from energyflow.datasets.episodes import Episode, Episodes
from energyflow.offline.environment import environment_of
from energyflow.offline.sources import find_dataset
from energyflow.offline.transitions import prepare
from tests.datasets.recordings import BOX, a_d4rl_file, a_minari_set, change, some_episodes
from tests.offline.worlds import in_memory


def pendulum(lengths: tuple[int, ...], *, terminated: bool = False) -> Episodes:
    """Episodes of Pendulum, whose clock allows 7 steps."""
    episodes = [replace(e, terminated=terminated, truncated=not terminated) for e in some_episodes(lengths)]
    env = {"id": "Pendulum-v1", "max_episode_steps": 7}
    return replace(in_memory(episodes, path=Path("p.hdf5")), env=env)


def test_units_ends_and_neighbours() -> None:
    data = replace(pendulum((7, 4)), episodes=[*some_episodes((7, 4))])
    found = prepare(data, BOX, "as_recorded")
    first, second = data.episodes
    assert (len(found), len(found.states)) == (11, 13)
    assert found.bounds.tolist() == [0, 7, 11]
    assert found.terminal.tolist() == [0.0] * 10 + [1.0]
    assert found.timeout.tolist() == [0.0] * 6 + [1.0] + [0.0] * 4
    rows = torch.tensor([6, 7])  # last of the first episode, first of the second
    back = found.normalizer
    for states, wanted in (
        (found.obs(rows), [first.observations[6], second.observations[0]]),
        (found.next_obs(rows), [first.observations[7], second.observations[1]]),
    ):
        np.testing.assert_allclose(states * back.obs_std + back.obs_mean, wanted, rtol=1e-4, atol=1e-5)
    actions = back.from_box(back.unstandardize_action(found.action))
    np.testing.assert_allclose(actions[:7], first.actions, rtol=1e-4, atol=1e-5)
    beyond = found.clip(torch.tensor([[100.0], [-100.0]]))
    np.testing.assert_allclose(back.from_box(back.unstandardize_action(beyond)), [[2.0], [-2.0]])


def test_rewards_are_scaled_by_the_range_of_returns() -> None:
    data = pendulum((7, 7, 7))
    scaled, plain = (prepare(data, BOX, rewards) for rewards in ("by_returns", "as_recorded"))
    returns = torch.stack([part.sum() for part in scaled.reward.split(7)])
    assert float(returns.max() - returns.min()) == pytest.approx(1000.0, rel=1e-4)
    torch.testing.assert_close(scaled.reward, plain.reward * scaled.reward_scale)


def test_time_outs_that_were_written_as_terminals() -> None:
    with pytest.raises(UserError, match=r"p\.hdf5: terminations: all 2 episodes of 7 steps end for good.*move them to"):
        prepare(pendulum((7, 4, 7), terminated=True), BOX, "as_recorded")
    prepare(pendulum((7, 4, 4), terminated=True), BOX, "as_recorded")  # one may end there by chance


def test_ends_that_are_not_marked() -> None:
    with pytest.raises(UserError, match=r"p\.hdf5: terminations, truncations: episode 1 has 9 steps.* mark where"):
        prepare(pendulum((7, 9)), BOX, "as_recorded")


def test_returns_without_a_range() -> None:
    one = Episode(np.zeros((3, 3)), np.ones((2, 1)), np.ones(2), False, True)
    data = replace(pendulum((7,)), episodes=[one, one])
    with pytest.raises(UserError, match=r"p\.hdf5: rewards: every episode returns 2"):
        prepare(data, BOX, "by_returns")


def test_a_file_without_terminals(tmp_path: Path) -> None:
    file = a_d4rl_file(tmp_path / "a.hdf5")
    change(file, "terminals", None)
    with pytest.raises(UserError, match=r"a\.hdf5: neither D4RL's arrays \(observations, actions, terminals\) nor"):
        find_dataset(str(file), env="Pendulum-v1")


def test_rewards_that_are_no_numbers(tmp_path: Path) -> None:
    file = a_minari_set(tmp_path)
    change(file, "episode_0/rewards", np.full(7, np.nan))
    with pytest.raises(UserError, match=r"main_data\.hdf5: episode_0/rewards: NaN"):
        find_dataset(str(tmp_path))


def test_an_unknown_environment() -> None:
    with pytest.raises(UserError, match=r"bandit\.hdf5: unknown environment 'Pendulun-v1'; did you mean 'Pendulum-v1'"):
        environment_of(in_memory(some_episodes(), "Pendulun-v1"))


def test_code_in_the_name_of_an_environment_is_not_imported() -> None:
    with pytest.raises(UserError, match="unknown environment 'antigravity:Pendulum-v1'"):
        environment_of(in_memory(some_episodes(), "antigravity:Pendulum-v1"))


def test_widths_that_are_not_the_environments() -> None:
    wide = [replace(e, observations=np.zeros((len(e) + 1, 4))) for e in some_episodes()]
    with pytest.raises(UserError, match=r"bandit\.hdf5: observations: 4 numbers at each step, but Pendulum-v1 has 3"):
        environment_of(in_memory(wide, "Pendulum-v1"))
    wide = [replace(e, actions=np.zeros((len(e), 2))) for e in some_episodes()]
    with pytest.raises(UserError, match=r"bandit\.hdf5: actions: 2 numbers at each step, but Pendulum-v1 has 1"):
        environment_of(in_memory(wide, "Pendulum-v1"))


def test_actions_that_are_no_box() -> None:
    with pytest.raises(UserError, match=r"CartPole-v1 takes Discrete\(2\); the methods here need a box"):
        environment_of(in_memory(some_episodes(), "CartPole-v1"))


def test_what_is_neither_a_file_nor_an_id() -> None:
    with pytest.raises(UserError, match="no such file or folder, and no id of Minari's"):
        find_dataset("hopper")

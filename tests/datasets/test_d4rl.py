"""D4RL's flat arrays: terminals and time-outs apart, and no transition whose end is in no row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from energyflow.core.errors import UserError
from energyflow.datasets.d4rl import is_d4rl, read_d4rl
from tests.datasets.recordings import a_d4rl_file, a_minari_set, change, some_episodes


def test_episodes_are_those_that_were_written(tmp_path: Path) -> None:
    written = some_episodes((7, 4, 7))
    data = read_d4rl(a_d4rl_file(tmp_path / "hopper.hdf5", written), "Hopper-v5")
    for one, other in zip(data.episodes, written, strict=True):
        np.testing.assert_array_equal(one.observations, other.observations)
        np.testing.assert_array_equal(one.actions, other.actions)
        np.testing.assert_array_equal(one.rewards, other.rewards)
        assert (one.terminated, one.truncated) == (other.terminated, other.truncated)
    assert data.env_id == "Hopper-v5"
    with pytest.raises(UserError, match="pass --env"):
        _ = read_d4rl(tmp_path / "hopper.hdf5").env_id


def test_without_next_observations_a_cut_episode_loses_its_last_step(tmp_path: Path) -> None:
    written = some_episodes((7, 4, 7))
    data = read_d4rl(a_d4rl_file(tmp_path / "a.hdf5", written, following=False))
    assert [len(e) for e in data.episodes] == [6, 4, 6]
    np.testing.assert_array_equal(data.episodes[0].observations, written[0].observations[:-1])
    np.testing.assert_array_equal(data.episodes[1].rewards, written[1].rewards)
    assert [(e.terminated, e.truncated) for e in data.episodes] == [(False, True), (True, False), (False, True)]


def test_an_episode_that_the_file_breaks_off_ended_in_neither_way(tmp_path: Path) -> None:
    file = a_d4rl_file(tmp_path / "a.hdf5", some_episodes((7,)))
    change(file, "timeouts", np.zeros(7))
    last = read_d4rl(file).episodes[-1]
    assert (last.terminated, last.truncated) == (False, False)


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("timeouts", None, "timeouts: is missing"),
        ("rewards", np.full(18, np.nan), "rewards: NaN or infinity at step 0"),
        ("terminals", np.zeros(17), "terminals: 17 rows, but 18 actions"),
        ("next_observations", np.zeros((18, 2)), "next_observations: 2 numbers at each step, but observations have 3"),
        ("terminals", np.zeros(18), "next_observations: row 10 is not the observation of row 11"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, key: str, values: np.ndarray | None, message: str) -> None:
    file = a_d4rl_file(tmp_path / "a.hdf5")
    change(file, key, values)
    with pytest.raises(UserError, match=message) as caught:
        read_d4rl(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_two_layouts_are_told_apart(tmp_path: Path) -> None:
    assert is_d4rl(a_d4rl_file(tmp_path / "a.hdf5"))
    assert not is_d4rl(a_minari_set(tmp_path))

"""Minari's layout: what is written is read back, Minari itself opens it, and what does not fit is named in one line."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from energyflow.core.errors import UserError
from energyflow.core.files import read_json, write_json
from energyflow.datasets.minari import read_minari, write_minari
from tests.datasets.recordings import BOX, ENV, a_minari_set, change, some_episodes


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    written = some_episodes()
    file = a_minari_set(tmp_path / "set", written)
    for place in (tmp_path / "set", tmp_path / "set/data", file):
        data = read_minari(place)
        for one, other in zip(data.episodes, written, strict=True):
            for name in ("observations", "actions", "rewards"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert (one.terminated, one.truncated) == (other.terminated, other.truncated)
    assert data.env == {**ENV, "kwargs": {}}
    assert (data.name, data.steps, data.layout) == ("pendulum/small-v0", 18, {"observations": 3})
    np.testing.assert_array_equal(data.box, BOX)


def test_more_than_ten_episodes_keep_their_order(tmp_path: Path) -> None:
    written = some_episodes((2,) * 12)
    a_minari_set(tmp_path, written)
    read = read_minari(tmp_path).episodes
    assert [e.rewards[0] for e in read] == [e.rewards[0] for e in written]


def test_equal_episodes_give_equal_bytes_of_every_array(tmp_path: Path) -> None:
    def stored(path: Path) -> dict[str, bytes]:
        found = {}
        with h5py.File(path) as file:
            file.visititems(
                lambda name, at: (
                    found.update({name: at.id.read_direct_chunk((0,) * at.ndim)[1]})
                    if isinstance(at, h5py.Dataset)
                    else None
                )
            )
        return found

    one, other = (stored(a_minari_set(tmp_path / each)) for each in "ab")
    assert len(one) == 15
    assert one == other


def test_minari_opens_it(tmp_path: Path) -> None:
    minari = pytest.importorskip("minari", reason="the package minari, which only this test needs, is not installed")
    written = some_episodes()
    a_minari_set(tmp_path, written)
    data = minari.MinariDataset(tmp_path / "data")
    assert (data.total_episodes, data.total_steps) == (3, 18)
    for one, other in zip(data.iterate_episodes(), written, strict=True):
        np.testing.assert_array_equal(one.observations, other.observations)
        np.testing.assert_array_equal(one.actions, other.actions)
        np.testing.assert_array_equal(one.rewards, other.rewards)
        assert (one.terminations[-1], one.truncations[-1]) == (other.terminated, other.truncated)
    env = data.recover_environment()
    assert env.spec.max_episode_steps == 7
    assert data.action_space.shape == env.action_space.shape


def test_minari_writes_it(tmp_path: Path) -> None:
    """By its own storage; its collector of episodes needs jax."""
    pytest.importorskip("minari", reason="the package minari, which only this test needs, is not installed")
    import gymnasium
    from minari.dataset.minari_storage import MinariStorage

    env, rng = gymnasium.make("Pendulum-v1"), np.random.default_rng(0)
    made = [
        SimpleNamespace(
            **{"id": None, "seed": 3, "options": None, "infos": {"x": np.zeros(6)}},
            observations=rng.normal(size=(6, 3)).astype(np.float32),
            actions=rng.uniform(-2, 2, size=(5, 1)).astype(np.float32),
            rewards=list(rng.normal(size=5)),
            terminations=[False] * 4 + [end],
            truncations=[False] * 4 + [not end],
        )
        for end in (True, False)
    ]
    MinariStorage.new(tmp_path / "data", env_spec=env.spec).update_episodes(made)
    data = read_minari(tmp_path)
    assert [(len(e), e.terminated, e.truncated) for e in data.episodes] == [(5, True, False), (5, False, True)]
    for one, other in zip(data.episodes, made, strict=True):
        np.testing.assert_array_equal(one.observations, other.observations)
        np.testing.assert_array_equal(one.actions, other.actions)
        np.testing.assert_array_equal(one.rewards, other.rewards)
    assert data.env == {"id": "Pendulum-v1", "max_episode_steps": 200, "kwargs": {}}
    np.testing.assert_array_equal(data.box, BOX)


def dictionary(tmp_path: Path) -> Path:
    """The observations of one episode under keys, one of them two levels down."""
    file = a_minari_set(tmp_path, some_episodes((4,)))
    with h5py.File(file, "a") as opened:
        values = opened["episode_0/observations"][()]
        del opened["episode_0/observations"]
        opened["episode_0/observations/state"] = values[:, :2]
        opened["episode_0/observations/a/goal"] = values[:, 2]
    return file


def test_dictionaries_of_observations(tmp_path: Path) -> None:
    file, obs = dictionary(tmp_path), some_episodes((4,))[0].observations
    data = read_minari(file)
    assert data.layout == {"a/goal": 1, "state": 2}
    np.testing.assert_array_equal(data.episodes[0].observations, obs[:, [2, 0, 1]])
    one = read_minari(file, obs_keys=["state"])
    np.testing.assert_array_equal(one.episodes[0].observations, obs[:, :2])
    with pytest.raises(UserError, match=r"main_data\.hdf5: episode_0/observations/stat: .*did you mean 'state'"):
        read_minari(file, obs_keys=["stat"])


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("episode_1/rewards", np.array([0, 1, np.nan, 0]), "episode_1/rewards: NaN or infinity at step 2"),
        ("episode_1/rewards", np.zeros(5), "episode_1/rewards: 5 rows beside 4 actions, not 4"),
        ("episode_1/observations", np.zeros((4, 3)), "episode_1/observations: 4 rows beside 4 actions, not 5"),
        ("episode_1/observations", np.zeros((5, 2)), "episodes differ in their widths"),
        ("episode_1/terminations", None, "episode_1/terminations: is missing"),
        ("episode_1/terminations", np.array([0, 1, 0, 0]), "terminations: is set at step 1 of 4, before the last one"),
        ("episode_1/actions", np.zeros((0, 1)), "episode_1/actions: is empty"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, key: str, values: np.ndarray | None, message: str) -> None:
    file = a_minari_set(tmp_path)
    change(file, key, values)
    with pytest.raises(UserError, match=message) as caught:
        read_minari(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"data_format": "arrow"}, "data_format: 'arrow' is not read here"),
        ({"action_space": json.dumps({"type": "Discrete", "n": 4})}, "action_space: Discrete actions"),
        ({"action_space": json.dumps({"type": "Box", "low": [1], "high": [0]})}, "are no box of the 1 numbers"),
        ({"action_space": "{"}, "action_space: damaged"),
        ({"env_spec": "[]"}, "env_spec: expected a JSON object"),
    ],
)
def test_metadata_that_do_not_fit_are_named(tmp_path: Path, entry: dict[str, str], message: str) -> None:
    note = a_minari_set(tmp_path).parent / "metadata.json"
    write_json(note, read_json(note) | entry)
    with pytest.raises(UserError, match=message) as caught:
        read_minari(tmp_path)
    assert str(note) in str(caught.value)


def test_a_folder_of_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no data set of Minari's"):
        read_minari(tmp_path)
    with pytest.raises(UserError, match="no episode to write"):
        write_minari(tmp_path, [], name="a-v0", env=ENV, box=BOX)
    assert not list(tmp_path.rglob("*.hdf5"))

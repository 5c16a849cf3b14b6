"""One door for every format: each becomes the same kind of demonstrations, and what is none is named."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from energyflow.core.errors import UserError
from energyflow.datasets.contents import contents
from energyflow.datasets.episodes import Episode
from energyflow.datasets.format import load_demos
from energyflow.datasets.formats import as_demos, format_of, recorded
from energyflow.datasets.minari import read_minari
from tests.datasets.files import write
from tests.datasets.recordings import a_d4rl_file, a_minari_set, change, some_episodes


def small(actions: float = 0.4) -> list[Episode]:
    """Episodes whose actions lie in the box, so that they arrive as they are."""
    return [
        Episode(each.observations, each.actions * actions, each.rewards, each.terminated, each.truncated)
        for each in some_episodes()
    ]


def test_our_own_layout_is_read_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "cups.hdf5")
    assert format_of(path) == "robomimic"
    assert as_demos(path, tmp_path / "made") == path
    assert as_demos(tmp_path / "none.hdf5") == tmp_path / "none.hdf5"  # whose reader says that it is missing
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("kind", ["Minari", "D4RL"])
def test_episodes_of_offline_data_become_demonstrations(tmp_path: Path, kind: str) -> None:
    written = small()
    if kind == "Minari":
        a_minari_set(tmp_path / "set", written)
        places = [tmp_path / "set", tmp_path / "set/data", tmp_path / "set/data/main_data.hdf5"]
    else:
        places = [a_d4rl_file(tmp_path / "hops.hdf5", written)]
    made = [as_demos(place, tmp_path / "made") for place in places]
    assert {format_of(place) for place in places} == {kind}
    assert len(set(made)) == 1
    demos = load_demos(made[0])
    assert demos.task == ("custom/pendulum_small-v0" if kind == "Minari" else "custom/hops")
    assert demos.env_args.get("env_name") == ("Pendulum-v1" if kind == "Minari" else None)
    assert demos.obs_keys == ("observations",)
    assert len(demos.episodes) == len(written)
    for mine, theirs in zip(demos.episodes, written, strict=True):
        np.testing.assert_array_equal(mine.obs, theirs.observations[:-1])
        np.testing.assert_array_equal(mine.actions, theirs.actions)
        np.testing.assert_array_equal(mine.rewards, theirs.rewards)


def test_a_dictionary_of_observations_keeps_its_keys(tmp_path: Path) -> None:
    file = a_minari_set(tmp_path / "set", small())
    with h5py.File(file, "a") as opened:
        for group in opened.values():
            values = group["observations"][()]
            del group["observations"]
            group["observations/observation"], group["observations/goal/place"] = values[:, :2], values[:, 2:]
    found = recorded(read_minari(tmp_path / "set"), "Minari")
    assert found.layout == {"goal.place": 1, "observation": 2}
    assert load_demos(as_demos(tmp_path / "set", tmp_path / "made")).layout == found.layout


def test_what_minari_itself_wrote_is_demonstrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minari = pytest.importorskip("minari", reason="the package minari is not installed")
    collector = pytest.importorskip("minari.data_collector.episode_buffer")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    written = small()
    buffers = [
        collector.EpisodeBuffer(
            id=number,
            observations=each.observations.astype(np.float32),
            actions=each.actions.astype(np.float32),
            rewards=list(each.rewards),
            terminations=[False] * (len(each) - 1) + [each.terminated],
            truncations=[False] * (len(each) - 1) + [each.truncated],
            infos={},
        )
        for number, each in enumerate(written)
    ]
    minari.create_dataset_from_buffers("pendulum/tries-v0", buffers, env="Pendulum-v1", data_format="hdf5")
    monkeypatch.chdir(tmp_path)
    path = as_demos(Path("pendulum/tries-v0"))
    demos = load_demos(path)
    assert path.parts[:2] == ("data", "converted")
    assert (demos.task, demos.env_args["env_name"]) == ("custom/pendulum_tries-v0", "Pendulum-v1")
    for mine, theirs in zip(demos.episodes, written, strict=True):
        np.testing.assert_array_equal(mine.actions, theirs.actions.astype(np.float32))
        np.testing.assert_array_equal(mine.obs, theirs.observations[:-1].astype(np.float32))


def test_a_folder_that_is_no_data_set_says_what_one_has(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/cat.png").touch()
    with pytest.raises(UserError, match=r"photos: no data set that is known .* this one has cat\.png\. Name a file"):
        as_demos(tmp_path / "photos")


def test_damage_in_offline_data_is_named_before_anything_is_written(tmp_path: Path) -> None:
    path = a_d4rl_file(tmp_path / "hops.hdf5")
    values = np.array(h5py.File(path)["actions"])
    values[2] = np.nan
    change(path, "actions", values)
    with pytest.raises(UserError, match=r"hops\.hdf5: actions: NaN or infinity at step 2"):
        as_demos(path, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_contents_name_every_key_and_what_would_be_used(tmp_path: Path) -> None:
    path = write(tmp_path / "cups.hdf5", env_args={"env_name": "Bench", "env_kwargs": {"control_freq": 20}})
    with h5py.File(path, "a") as file:
        for index in range(3):
            file[f"data/demo_{index}/obs/camera"] = np.zeros((12, 8, 8, 3), dtype=np.uint8)
            file[f"data/demo_{index}/obs/level"] = np.full((12, 1), float(index))
    said = contents(path).splitlines()
    assert "format          robomimic" in said
    assert "rate            20 Hz" in said
    assert "environment     Bench" in said
    assert "  level    [T, 1]  0 to 2" in said
    assert "  camera   holds pictures of shape (8, 8, 3) at each step, not a vector" in said
    assert "observations    joints [3], level [1], tool [2]" in said
    with pytest.raises(UserError, match="leave --out away"):
        contents(path, out=tmp_path / "other.hdf5")


def test_contents_of_another_format_are_written_only_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_minari_set(tmp_path / "set", small())
    monkeypatch.chdir(tmp_path)
    said = contents(Path("set"))
    assert "format          Minari" in said
    assert "demonstrations  3, of 4 to 7 steps, 18 in all" in said
    assert sorted(each.name for each in tmp_path.iterdir()) == ["set"]
    assert f"file            {tmp_path / 'own.hdf5'}, sha256" in contents(Path("set"), out=tmp_path / "own.hdf5")
    assert len(load_demos(tmp_path / "own.hdf5").episodes) == 3

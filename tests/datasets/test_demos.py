"""Demonstrations: deterministic collection, robomimic layout, windows, and files that are not what they should be."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from energyflow.config.sections import BurstParams, CollectParams
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.datasets.format import Demonstration, Demos, load_demos, write_demos
from energyflow.datasets.scripted import collect, demonstrate, disturbances
from energyflow.datasets.windows import make_windows
from energyflow.envs.metaworld.simulator import MetaWorldEnv
from energyflow.networks.normalizer import Normalizer
from energyflow.rewards.demonstrations import demonstration_transitions
from tests.conftest import TASK


@pytest.fixture
def copied(demos_path: Path, tmp_path: Path) -> Path:
    for file in demos_path.parent.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path / "demos.hdf5"


def arrays(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with h5py.File(path) as file:
        file.visititems(lambda k, v: found.update({k: v[()].tobytes()}) if isinstance(v, h5py.Dataset) else None)
    return found


def test_collecting_twice_gives_the_same_bytes(collect_params: CollectParams, demos_path: Path, tmp_path: Path) -> None:
    collect(TASK, collect_params, tmp_path)
    assert arrays(tmp_path / "demos.hdf5") == arrays(demos_path)


def test_manifest_describes_the_file(demos_path: Path, collect_params: CollectParams) -> None:
    manifest, demos = read_json(demos_path.with_name("manifest.json")), load_demos(demos_path)
    assert manifest["demos"] == len(demos.episodes) == collect_params.demos
    assert manifest["transitions"] == sum(len(e.actions) for e in demos.episodes)
    assert 0 < manifest["expert_success_rate"] <= 1
    assert manifest["versions"]["metaworld"]


def test_demonstrations_succeed_and_stop_soon_after(demos_path: Path, collect_params: CollectParams) -> None:
    for episode in load_demos(demos_path).episodes:
        first = int(np.argmax(episode.success))
        assert episode.success[first] == 1
        assert len(episode.success) == first + 1 + collect_params.extra_steps


def test_replaying_the_actions_reproduces_the_observations(demos_path: Path, collect_params: CollectParams) -> None:
    episode = load_demos(demos_path).episodes[0]
    env = MetaWorldEnv(TASK)
    obs = env.reset(collect_params.seed)
    for expected, action in zip(episode.obs, episode.executed, strict=True):
        np.testing.assert_array_equal(obs, expected)
        obs, _, _ = env.step(action)


@pytest.mark.parametrize("size", [0.0, 0.02, 0.1])
def test_without_label_noise_what_was_executed_is_recorded(collect_params: CollectParams, size: float) -> None:
    env, calm = MetaWorldEnv(TASK), collect_params.burst.model_copy(update={"chance": 0.0})
    params = collect_params.model_copy(update={"noise": size, "burst": calm, "label_noise": None})
    episodes = [demonstrate(env, seed, params) for seed in range(3)]
    parts = []
    for seed, episode in enumerate(episodes):
        assert episode is not None
        assert np.abs(episode.actions).max() <= 1.0
        expert = env.expert(seed)
        meant = np.array([expert(obs) for obs in episode.obs])
        inside = np.abs(meant) < 0.5  # far from the box's border, at which the sum is clipped
        parts.append((episode.actions - meant)[inside])
    noise = np.concatenate(parts)
    assert len(noise) > 200
    assert noise.std() == pytest.approx(size, rel=0.15)
    assert noise.mean() == pytest.approx(0.0, abs=0.2 * size)


def test_an_expert_that_fails_is_an_error(collect_params: CollectParams, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="0 of 8 attempts"):
        collect(TASK, collect_params.model_copy(update={"horizon": 5, "min_success": 1.0}), tmp_path)
    assert not (tmp_path / "demos.hdf5").exists()


def test_a_typo_in_the_task_suggests_the_nearest(collect_params: CollectParams, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"did you mean 'metaworld/button_press'\?"):
        collect("metaworld/buton_press", collect_params, tmp_path)


def test_truncated_file_is_named(copied: Path) -> None:
    copied.with_name("manifest.json").unlink()
    copied.write_bytes(copied.read_bytes()[:2000])
    with pytest.raises(UserError, match=r"demos\.hdf5: cannot be read as HDF5: it ends too early"):
        load_demos(copied)


def test_wrong_hash_is_named(copied: Path) -> None:
    with h5py.File(copied, "r+") as file:
        file["data/demo_0/actions"][0, 0] = 0.123
    with pytest.raises(UserError, match=r"demos\.hdf5: sha256 is .*manifest\.json says"):
        load_demos(copied)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_named_with_its_place(copied: Path, value: float) -> None:
    copied.with_name("manifest.json").unlink()
    with h5py.File(copied, "r+") as file:
        file["data/demo_1/obs/state"][7, 3] = value
    with pytest.raises(UserError, match=r"demo_1/obs/state: NaN or infinity at step 7"):
        load_demos(copied)


def test_missing_file_and_foreign_layout_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load_demos(tmp_path / "none.hdf5")
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["x"] = [1.0]
    with pytest.raises(UserError, match="no group 'data'"):
        load_demos(tmp_path / "other.hdf5")


def foreign(path: Path, **widths: int) -> Path:
    """A file of one demonstration whose observation key k has the value 1 + its place among the keys given."""
    with h5py.File(path, "w") as file:
        demo = file.create_group("data/demo_0")
        demo["actions"] = np.zeros((4, 2))
        for value, (key, width) in enumerate(widths.items(), start=1):
            demo[f"obs/{key}"] = np.full((4, width), float(value))
    return path


def test_foreign_observation_keys_are_read_whole_or_as_asked_for(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.hdf5", zeta=1, alpha=3)
    demos = load_demos(path)
    assert demos.obs_keys == ("alpha", "zeta")
    np.testing.assert_array_equal(demos.episodes[0].obs[0], [2, 2, 2, 1])
    np.testing.assert_array_equal(load_demos(path, ["zeta", "alpha"]).episodes[0].obs[0], [1, 2, 2, 2])
    with pytest.raises(UserError, match=r"a\.hdf5: data/demo_0/obs/zata: is missing; did you mean 'zeta'\?"):
        load_demos(path, ["zata"])


def test_robomimic_files_are_read_in_robomimics_order(tmp_path: Path) -> None:
    widths = {"object": 10, "robot0_joint_pos": 7, "robot0_gripper_qpos": 2, "robot0_eef_quat": 4, "robot0_eef_pos": 3}
    demos = load_demos(foreign(tmp_path / "a.hdf5", **widths))
    assert demos.obs_keys == ("robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos", "object")
    np.testing.assert_array_equal(demos.episodes[0].obs[0], [5] * 3 + [4] * 4 + [3] * 2 + [1] * 10)


def test_keys_and_states_survive_the_file(tmp_path: Path) -> None:
    obs, zeros = np.arange(12.0).reshape(4, 3), np.zeros(4)
    demonstration = Demonstration(obs, np.zeros((4, 2)), zeros, zeros, states=np.ones((4, 5)), model_file="<xml/>")
    write_demos(tmp_path / "a.hdf5", [demonstration], {"env_name": "x"}, {"object": 2, "robot0_eef_pos": 1})
    with h5py.File(tmp_path / "a.hdf5") as file:
        np.testing.assert_array_equal(file["data/demo_0/obs/object"], obs[:, :2])
        np.testing.assert_array_equal(file["data/demo_0/states"], np.ones((4, 5)))
        assert file["data/demo_0"].attrs["model_file"] == "<xml/>"
    np.testing.assert_array_equal(load_demos(tmp_path / "a.hdf5").episodes[0].obs, obs[:, [2, 0, 1]])


def tiny_demos() -> Demos:
    def episode(offset: int) -> Demonstration:
        steps = np.arange(5, dtype=np.float64)[:, None] + offset
        return Demonstration(obs=steps, actions=steps / 100, rewards=steps[:, 0], success=steps[:, 0])

    return Demos(Path("x"), "", {}, ("state",), [episode(0), episode(10)])


def test_windows_pad_at_the_ends_and_never_cross_demonstrations() -> None:
    windows = make_windows(tiny_demos(), obs_horizon=2, pred_horizon=3)
    assert windows.obs[0].flatten().tolist() == [0, 0]
    assert windows.obs[5].flatten().tolist() == [10, 10]
    torch.testing.assert_close(windows.actions[4].flatten() * 100, torch.tensor([4.0, 4.0, 4.0]).double())
    torch.testing.assert_close(windows.actions[5].flatten() * 100, torch.tensor([10.0, 11.0, 12.0]).double())
    assert len(windows.obs) == 10


def test_sequences_put_an_observation_beside_each_action() -> None:
    windows = make_windows(tiny_demos(), obs_horizon=3, pred_horizon=3, sequences=True)
    torch.testing.assert_close(windows.obs, windows.actions * 100)
    assert windows.obs[3].flatten().tolist() == [3, 4, 4]
    assert windows.obs[5].flatten().tolist() == [10, 11, 12]


def test_normalizer_round_trip_and_constant_coordinates() -> None:
    demos = tiny_demos()
    normalizer = Normalizer(1, 1)
    normalizer.fit(demos.observations, demos.actions, standardize_obs=True)
    actions = torch.tensor([[0.01], [0.07]])
    torch.testing.assert_close(normalizer.unstandardize_action(normalizer.standardize_action(actions)), actions)
    everything = torch.tensor(np.concatenate([e.obs for e in demos.episodes]), dtype=torch.float32)
    scaled = normalizer.standardize_obs(everything)
    assert float(scaled.mean()) == pytest.approx(0, abs=1e-6)
    assert float(scaled.std(correction=0)) == pytest.approx(1, abs=1e-6)
    constant = Demos(
        Path("x"), "", {}, ("state",), [Demonstration(np.ones((5, 1)), np.ones((5, 1)), np.ones(5), np.ones(5))]
    )
    normalizer.fit(constant.observations, constant.actions, standardize_obs=True)
    assert float(normalizer.standardize_obs(torch.tensor([[1.05]]))) == pytest.approx(0.05, abs=1e-6)


DISTURBED = {"noise": 0.07, "burst": BurstParams(chance=0.2, steps=[2, 4], std=0.2), "label_noise": 0.02}


def test_what_was_meant_and_what_was_executed_differ_as_stated(collect_params: CollectParams) -> None:
    """The label is the expert's own action plus noise of the stated size; the executed one adds noise and pushes."""
    env, params = MetaWorldEnv(TASK), collect_params.model_copy(update=DISTURBED)
    episodes = [found for seed in range(12) if (found := demonstrate(env, seed, params))]
    meant, labels, executed = [], [], []
    for episode in episodes:
        expert = env.expert(None)
        meant.append(np.stack([expert(obs) for obs in episode.obs]))
        labels.append(episode.actions)
        executed.append(episode.executed)
    intended = np.concatenate(meant)
    free = np.abs(intended) < 0.7  # the box cuts nothing off here
    assert free.sum() > 500
    label, added = ((np.concatenate(given) - intended)[free] for given in (labels, executed))
    assert label.std() == pytest.approx(0.02, rel=0.1)
    assert abs(label.mean()) < 0.003
    assert 0.07 < added.std() < 0.25
    gripper = (np.concatenate(executed) - intended)[:, 3]
    assert gripper[free[:, 3]].std() == pytest.approx(0.07, rel=0.15)  # pushed are hands, not fingers


def test_pushes_are_constant_and_as_frequent_as_stated(collect_params: CollectParams) -> None:
    params = collect_params.model_copy(update=DISTURBED | {"noise": 0.0, "horizon": 4000})
    added = disturbances(MetaWorldEnv(TASK), 0, params)
    assert not added[:, 3].any()
    starts = np.flatnonzero(added[:, 0] * (np.diff(added[:, 0], prepend=0.0) != 0))
    lengths = [int((added[start : start + 5, 0] == added[start, 0]).sum()) for start in starts]
    assert set(lengths) == {2, 3, 4}
    assert added[starts, :3].std() == pytest.approx(0.2, rel=0.1)
    idle = 4000 - sum(lengths)
    assert len(starts) / (idle + len(starts)) == pytest.approx(0.2, rel=0.15)


def test_what_was_executed_survives_the_file_and_reproduces_it(collect_params: CollectParams, tmp_path: Path) -> None:
    params = collect_params.model_copy(update=DISTURBED)
    collect(TASK, params, tmp_path)
    env, episode = MetaWorldEnv(TASK), load_demos(tmp_path / "demos.hdf5").episodes[0]
    assert not np.array_equal(episode.actions, episode.executed)
    obs = env.reset(params.seed)
    for expected, action in zip(episode.obs, episode.executed, strict=True):
        np.testing.assert_array_equal(obs, expected)
        obs, _, _ = env.step(action)
    manifest = read_json(tmp_path / "manifest.json")["params"]
    assert (manifest["label_noise"], manifest["burst"]["chance"], manifest["style"]) == (0.02, 0.2, params.style)


def test_imitation_reads_what_was_meant_and_models_of_transitions_what_was_executed() -> None:
    zeros, steps = np.zeros(4), np.arange(4.0)[:, None]
    episode = Demonstration(steps, steps / 10, zeros, zeros, actions_executed=-steps / 10)
    demos = Demos(Path("x"), "", {}, ("state",), [episode])
    for read, expected in (
        (make_windows(demos, 1, 1).actions, steps / 10),
        (make_windows(demos, 1, 1, executed=True).actions, -steps / 10),
        (demonstration_transitions([episode]).action, -steps[:3] / 10),
    ):
        np.testing.assert_allclose(read[:, 0].numpy(), expected, atol=1e-6)

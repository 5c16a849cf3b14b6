"""Files as users bring them: each ends right, or in one line that names file, key and what to do."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from energyflow.core.errors import UserError
from energyflow.core.files import read_json, sha256
from energyflow.datasets.format import Demos, load_demos
from energyflow.envs.robomimic.simulator import env_kwargs
from tests.datasets.files import write

Change = Callable[[Any], object]


def said(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records)


def changed(path: Path, change: Change, **options: Any) -> Path:
    write(path, **options)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replaced(key: str, values: Any) -> Change:
    def change(file: Any) -> None:
        for demo in file["data"].values():
            if key in demo:
                del demo[key]
            if values is None:
                demo.create_dataset(key, (12, 2))
            else:
                demo[key] = values(demo) if callable(values) else values

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.move("data", "episodes"), "no group 'data'"),
        (lambda f: [f["data"].move(f"demo_{i}", f"traj_{i}") for i in range(3)], r"data/traj_0: .* named demo_0"),
        (lambda f: f["data"].move("demo_2", "demo_two"), r"data/demo_two: .* named demo_0"),
        (lambda f: f["data"].clear(), "holds no demonstrations"),
        (lambda f: f["data/demo_1"].pop("actions"), r"data/demo_1/actions: is missing"),
        (lambda f: f["data/demo_0"].pop("obs"), r"data/demo_0/obs: is missing"),
        (lambda f: f["data/demo_2/obs"].pop("tool"), r"data/demo_2/obs/tool: is missing"),
        (replaced("obs", np.zeros((12, 4))), "data/demo_0/obs: is no group of observations"),
        (replaced("actions", [b"left"] * 12), "data/demo_0/actions: holds no plain numbers but text"),
        (replaced("actions", np.zeros((12, 2), complex)), "actions: holds no plain numbers but complex"),
        (replaced("actions", np.zeros((12, 5, 2))), r"actions: holds arrays of shape \(5, 2\)"),
        (replaced("actions", 0.5), "actions: is a single value"),
        (replaced("actions", np.zeros((0, 2))), "data/demo_0: no transitions"),
        (replaced("actions", np.zeros((12, 0))), "actions: is empty"),
        (replaced("actions", lambda d: np.full((12, 2), -np.inf)), "actions: NaN or infinity at step 0"),
        (replaced("obs/tool", np.full((12, 2), -1e35)), "obs/tool: a number beyond 1e.30 at step 0"),
        (replaced("actions", np.zeros((9, 2))), "obs/joints: 12 rows, but 9 actions"),
        (lambda f: f["data/demo_1"].move("obs/tool", "obs/other"), "data/demo_1/obs/tool: is missing"),
        (lambda f: replaced("obs/tool", np.zeros((12, 4)))({"data": {"x": f["data/demo_1"]}}), "demo_1: .* 7 .*but 5"),
        (lambda f: f.__setitem__("data/demo_9", h5py.SoftLink("/data/demo_8")), "demo_9.* is a link to /data/demo_8"),
        (
            lambda f: f.__setitem__("data/demo_7", h5py.ExternalLink("day2.h5", "/x")),
            r"demo_7.* is a link to day2\.h5:/x, which cannot be opened",
        ),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, change: Change, message: str) -> None:
    path = changed(tmp_path / "lab.hdf5", change)
    with pytest.raises(UserError, match=message) as caught:
        load_demos(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "delete" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "values", "reason"),
    [
        ("front", np.zeros((12, 8, 8, 3), np.uint8), "pictures"),
        ("depth", np.zeros((12, 6, 6), np.float32), "arrays of shape"),
        ("flat", np.zeros((12, 768), np.uint8), "picture"),
        ("words", [b"pick"] * 12, "text"),
        ("arm/pos", np.zeros((12, 3)), "arm/pos"),
        ("task_id", np.float64(3.0), "single value"),
        ("none", np.zeros((12, 0)), "empty"),
        ("late", None, "never written"),
    ],
)
def test_what_is_no_vector_is_left_out_aloud_and_refused_by_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str, values: Any, reason: str
) -> None:
    path = changed(tmp_path / "lab.hdf5", replaced(f"obs/{key}", values))
    demos = load_demos(path)
    assert demos.obs_keys == ("joints", "tool")
    assert f"obs/{key.split('/')[0]}" in said(caplog)
    assert reason in said(caplog)
    if "/" in key:
        assert load_demos(path, [key]).obs_dim == 3
    else:
        with pytest.raises(UserError, match=f"obs/{key}: .*leave it out of train.obs_keys"):
            load_demos(path, ["joints", key])


def test_flags_counters_and_extra_axes_are_numbers(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        for demo in file["data"].values():
            demo["obs/touch"] = np.ones((12, 4), np.uint8)
            demo["obs/on"] = np.ones(12, bool)
            demo["obs/half"] = np.full((12, 1, 2), 0.5, ">f2")
            values = demo["actions"][:]
            del demo["actions"]
            demo["actions"] = values[:, None]

    demos = load_demos(changed(tmp_path / "lab.hdf5", change))
    assert demos.obs_keys == ("half", "joints", "on", "tool", "touch")
    assert demos.action_dim == 2
    np.testing.assert_array_equal(demos.episodes[0].obs[0, [0, 1, 5, 8]], [0.5, 0.5, 1.0, 1.0])


def test_the_observation_after_the_last_action_is_dropped_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = np.arange(13.0)[:, None]
    demos = load_demos(changed(tmp_path / "lab.hdf5", replaced("obs/joints", rows)), ["joints"])
    np.testing.assert_array_equal(demos.episodes[1].obs, rows[:-1])
    assert "obs/joints: one row more" in said(caplog)


def test_the_answer_among_the_observations_is_left_out_aloud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = changed(tmp_path / "lab.hdf5", replaced("obs/command", lambda demo: demo["actions"][:].copy()))
    assert "command" not in load_demos(path).obs_keys
    assert "obs/command: equals the actions" in said(caplog)


@pytest.mark.parametrize("raw", ["", "null", "3", "[1]", "{'a': 1}", b"\xff", 7, np.zeros(3), "[" * 100_000])
def test_odd_env_args_are_a_task_of_ones_own_aloud(tmp_path: Path, caplog: pytest.LogCaptureFixture, raw: Any) -> None:
    def change(file: Any) -> None:
        del file["data"].attrs["env_args"]
        if isinstance(raw, str) and len(raw) > 60_000:
            file["data"].attrs["env_args"] = raw[:60_000]
        else:
            file["data"].attrs["env_args"] = raw

    demos = load_demos(changed(tmp_path / "my cups.hdf5", change))
    assert (demos.task, demos.env_args) == ("custom/my_cups", {})
    assert "env_args" in said(caplog)


def test_a_linked_recording_is_read_and_covered_by_the_hash(tmp_path: Path) -> None:
    write(tmp_path / "day1.hdf5", seed=1)
    with h5py.File(tmp_path / "week.hdf5", "w") as file:
        for index in range(3):
            file[f"data/demo_{index}"] = h5py.ExternalLink("day1.hdf5", f"data/demo_{index}")
    before = load_demos(tmp_path / "week.hdf5")
    np.testing.assert_array_equal(before.actions, load_demos(tmp_path / "day1.hdf5").actions)
    write(tmp_path / "day1.hdf5", seed=2)
    after = load_demos(tmp_path / "week.hdf5")
    assert before.sha256 != after.sha256
    assert not np.array_equal(before.actions, after.actions)


def test_numbers_in_other_files_are_refused(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        (tmp_path / "raw.bin").write_bytes(bytes(12 * 2 * 8))
        for demo in file["data"].values():
            del demo["actions"]
            demo.create_dataset("actions", (12, 2), "f8", external=[(str(tmp_path / "raw.bin"), 0, 12 * 2 * 8)])

    with pytest.raises(UserError, match="actions: keeps its numbers in other files"):
        load_demos(changed(tmp_path / "lab.hdf5", change))


def test_a_type_that_numpy_does_not_know_is_named(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        for demo in file["data"].values():
            del demo["actions"]
            h5py.h5d.create(demo.id, b"actions", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((12, 2)))

    with pytest.raises(UserError, match="data/demo_0/actions: cannot be read as HDF5"):
        load_demos(changed(tmp_path / "lab.hdf5", change))


def test_a_recording_that_was_only_begun_is_named(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        del file["data/demo_0/actions"]
        file.create_dataset("data/demo_0/actions", (12, 2), chunks=(4, 2))

    with pytest.raises(UserError, match="data/demo_0/actions: was created, but never written"):
        load_demos(changed(tmp_path / "lab.hdf5", change))


def test_a_missing_compression_filter_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "lab.hdf5")
    with h5py.File(path, "r+") as file:
        del file["data/demo_1/actions"]
        file.create_dataset("data/demo_1/actions", data=np.full((12, 2), 0.5), compression="lzf")
    content = path.read_bytes()
    assert b"\x00\x7d" in content  # 32000: LZF; 32015: Zstandard, of a plug-in
    path.write_bytes(content.replace(b"\x00\x7d", b"\x0f\x7d"))
    with pytest.raises(UserError, match=r"data/demo_1/actions: cannot be read as HDF5: it needs a compression filter"):
        load_demos(path)


def test_a_file_open_elsewhere_is_not_called_damaged(tmp_path: Path) -> None:
    path = write(tmp_path / "lab.hdf5")
    hold = f"import h5py, sys; f = h5py.File({str(path)!r}, 'r+'); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(UserError, match="another program has it open for writing; close it there"):
            load_demos(path)
        assert other.stdin is not None
        other.stdin.close()
    load_demos(path)


@pytest.mark.parametrize(("content", "message"), [(b"", "no HDF5 file"), (b"PK\x03\x04" * 99, "no HDF5 file")])
def test_another_kind_of_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.hdf5").write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_demos(tmp_path / "x.hdf5")
    with pytest.raises(UserError, match="is a folder"):
        load_demos(tmp_path)


def masked(file: Any) -> None:
    file["mask/train"] = np.array([b"demo_2", b"demo_0"])
    file["mask/valid"] = np.array([b"demo_1"])
    file["mask/odd"] = np.array([1, 2])
    file["mask/gone"] = np.array([b"demo_0", b"demo_11"])


def test_filter_keys_choose_demonstrations(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = changed(tmp_path / "lab.hdf5", masked)
    usual = load_demos(path)
    assert "mask/train: 2 of 3 demonstrations" in said(caplog)
    every = load_demos(path, filter_key="all")
    assert len(every.episodes) == 3
    np.testing.assert_array_equal(usual.episodes[1].actions, every.episodes[2].actions)
    np.testing.assert_array_equal(load_demos(path, filter_key="valid").actions, every.episodes[1].actions)
    assert usual.filter_keys == ("gone", "odd", "train", "valid")
    for key, message in (
        ("vaild", r"no filter key 'vaild'; did you mean 'valid'\?"),
        ("odd", "mask/odd: is no list of names"),
        ("gone", "mask/gone: names 'demo_11', which is not in data"),
    ):
        with pytest.raises(UserError, match=message):
            load_demos(path, filter_key=key)


def test_only_our_manifest_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "lab.hdf5")
    for text in ('{"sha256": "of something else"}', "[]", "{", '{"files": 3}'):
        (tmp_path / "manifest.json").write_text(text)
        assert load_demos(path).task == "custom/lab"
    assert "manifest.json: cannot be read" in said(caplog)


def test_a_split_of_our_own_file_is_welcome_and_damage_is_not(
    demos_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for file in demos_path.parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / "demos.hdf5"
    with h5py.File(path, "r+") as file:
        file["mask/train"] = np.array([b"demo_0", b"demo_2"])
    demos = load_demos(path)
    assert (len(demos.episodes), demos.task) == (2, "metaworld/button_press")
    assert "changed since it was collected" in said(caplog)
    with h5py.File(path, "r+") as file:
        file["data/demo_1/rewards"][3] = 0.5
    with pytest.raises(UserError, match="was changed since it was collected, or damaged") as caught:
        load_demos(path)
    assert "delete" not in str(caught.value)
    assert read_json(tmp_path / "manifest.json")["sha256"] == sha256(demos_path)


LIFT = {"object": 10, "robot0_eef_pos": 3, "robot0_eef_quat": 4, "robot0_gripper_qpos": 2}


def lift(path: Path, change: Change, **options: Any) -> Demos:
    kwargs = json.loads(json.dumps(env_kwargs("robomimic/lift")))
    args: dict[str, Any] = {"env_name": "Lift", "type": 1, "env_kwargs": kwargs}
    change(args)
    return load_demos(write(path, **({"actions": 7, "obs": LIFT, "env_args": args} | options)))


def arm(args: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = args["env_kwargs"]["controller_configs"]["body_parts"]["right"]
    return found


@pytest.mark.parametrize(
    ("change", "options", "reason"),
    [
        (lambda a: a["env_kwargs"].update(robots=["Sawyer"]), {}, "robots is ['Sawyer']"),
        (lambda a: a["env_kwargs"].update(robots="UR5e"), {}, "robots is ['UR5e']"),
        (lambda a: a["env_kwargs"].update(control_freq=10), {}, "control_freq is 10"),
        (lambda a: arm(a).update(type="JOINT_VELOCITY"), {}, "type is 'JOINT_VELOCITY'"),
        (lambda a: arm(a).update(input_type="absolute"), {}, "input_type is 'absolute'"),
        (lambda a: a["env_kwargs"].update(controller_configs=[{"type": "OSC_POSE"}] * 2), {}, "controller_configs is"),
        (lambda a: a["env_kwargs"].update(controller_configs="OSC_POSE"), {}, "controller_configs is"),
        (lambda a: None, {"actions": 8}, "actions have 8 numbers, but 7"),
        (lambda a: None, {"obs": LIFT | {"object": 11}}, "obs/object has 11 numbers, but 10"),
    ],
)
def test_a_file_of_another_setting_is_a_task_of_its_own_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: Change, options: dict[str, Any], reason: str
) -> None:
    demos = lift(tmp_path / "bench.hdf5", change, **options)
    assert demos.task == "custom/bench"
    assert reason in demos.differs
    assert reason in said(caplog)
    with pytest.raises(UserError, match="leave --task out"):
        demos.check_fits("robomimic/lift")
    demos.check_fits("custom/anything")


@pytest.mark.parametrize("kwargs", [{}, {"robots": None}, 3, None, {"robots": "Panda", "controller_configs": {}}])
def test_what_a_file_does_not_state_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture, kwargs: Any) -> None:
    demos = lift(tmp_path / "bench.hdf5", lambda args: args.update(env_kwargs=kwargs))
    assert demos.task == "robomimic/lift"
    assert "env_args does not state" in said(caplog)
    assert "control_freq" in said(caplog)
    with pytest.raises(UserError, match="env_args say robomimic/lift, asked for robomimic/can"):
        demos.check_fits("robomimic/can")


def test_a_simulators_actions_are_clipped_and_others_are_mapped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def strong(file: Any) -> None:
        file["data/demo_1/actions"][4, 1] = -13.5
        file["data/demo_2/actions"][0, 0] = 1.5

    options = {"actions": 4, "obs": {"state": 39}, "env_args": {"env_name": "hammer-v3"}}
    demos = load_demos(changed(tmp_path / "a.hdf5", strong, **options))
    assert (demos.task, demos.box) == ("metaworld/hammer", None)
    assert demos.episodes[1].actions[4, 1] == -1.0
    assert demos.episodes[2].actions[0, 0] == 1.0
    assert "clipped to [-1, 1]" in said(caplog)

    options["env_args"] = {}
    mapped = load_demos(changed(tmp_path / "b.hdf5", strong, **options))
    with h5py.File(tmp_path / "b.hdf5") as file:
        raw = np.concatenate([file[f"data/demo_{i}/actions"][:] for i in range(3)])
    assert mapped.box is not None
    np.testing.assert_array_equal(mapped.box[:, :2], [raw.min(0)[:2], raw.max(0)[:2]])
    np.testing.assert_array_equal(mapped.box[:, 2:], [[-1, -1], [1, 1]])
    middle, half = mapped.box.mean(0), (mapped.box[1] - mapped.box[0]) / 2
    np.testing.assert_allclose(middle + half * mapped.actions, raw, atol=1e-12)
    assert "coordinates 0, 1" in said(caplog)


def test_a_users_file_is_recognised_without_a_simulator(tmp_path: Path) -> None:
    program = (
        "import sys; from energyflow.datasets.format import load_demos; print(load_demos(sys.argv[1]).task,"
        " *{'robosuite', 'metaworld', 'mujoco'} & sys.modules.keys())"
    )
    command = [sys.executable, "-c", program, str(write(tmp_path / "cups.hdf5"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["custom/cups"]


def test_joined_episodes_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dones = np.zeros(12)
    dones[[5, 11]] = 1
    load_demos(changed(tmp_path / "lab.hdf5", replaced("dones", dones)))
    assert "dones: 1 at step 5, and 0 after it" in said(caplog)


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "energyflow")

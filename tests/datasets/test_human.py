"""Official recordings: files built here in the official layout, fetched from a local server, checked and replayed."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from energyflow.core.errors import UserError
from energyflow.core.files import read_json, sha256
from energyflow.datasets import human
from energyflow.datasets.download import fetch
from energyflow.datasets.format import load_demos
from energyflow.envs.robomimic import metadata
from energyflow.envs.robomimic.simulator import RobomimicEnv, env_kwargs
from energyflow.pipeline import params
from tests.datasets.conftest import Server, address

COLLECT = params.load(preset="robomimic").collect.model_copy(update={"source": "human", "demos": 2, "replays": 2})
# A controller as files of robosuite 1.4 describe it.
OLD_CONTROLLER = {
    "type": "OSC_POSE",
    "input_max": 1,
    "input_min": -1,
    "output_max": [0.05, 0.05, 0.05, 0.5, 0.5, 0.5],
    "output_min": [-0.05, -0.05, -0.05, -0.5, -0.5, -0.5],
    "kp": 150,
    "damping": 1,
    "impedance_mode": "fixed",
    "kp_limits": [0, 300],
    "damping_limits": [0, 10],
    "position_limits": None,
    "orientation_limits": None,
    "uncouple_pos_ori": True,
    "control_delta": True,
    "interpolation": None,
    "ramp_ratio": 0.2,
}


def edited(path: Path, folder: Path, change: Callable[[Any], None]) -> bytes:
    """Content of a copy of the file, changed."""
    copy = folder / "edited.hdf5"
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "r+") as file:
        change(file["data"])
    return copy.read_bytes()


def as_old(data: Any) -> None:
    args = json.loads(data.attrs["env_args"])
    args["env_version"], args["env_kwargs"]["controller_configs"] = "1.4.1", OLD_CONTROLLER
    data.attrs["env_args"] = json.dumps(args)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No seconds of waiting between attempts."""
    monkeypatch.setattr(human, "fetch", partial(fetch, pause=0.01))


def collect(server: Server, tmp_path: Path, task: str = "robomimic/lift") -> dict[str, Any]:
    official = {v: address(server, v + "/{task}/ph/low_dim.hdf5") for v in ("v1.5", "v1.4.1")}
    human.collect(task, COLLECT, tmp_path / "out", official=official, downloads=tmp_path / "downloads")
    return read_json(tmp_path / "out/manifest.json")


def test_the_official_file_is_used_as_it_is_and_fetched_once(server: Server, tmp_path: Path, lift_path: Path) -> None:
    server.content = lift_path.read_bytes()
    manifest = collect(server, tmp_path)
    assert (tmp_path / "out/demos.hdf5").read_bytes() == lift_path.read_bytes()
    assert manifest["version"] == "v1.5"
    assert manifest["replay_success_rate"] == 1.0
    assert manifest["sha256"] == sha256(tmp_path / "out/demos.hdf5")
    collect(server, tmp_path)
    assert [path for path, _ in server.requests] == ["/v1.5/lift/ph/low_dim.hdf5"]


def test_a_download_that_breaks_off_leaves_no_file(server: Server, tmp_path: Path, lift_path: Path) -> None:
    server.content, server.stops = lift_path.read_bytes(), 100
    with pytest.raises(UserError, match="Run the same command again: it resumes"):
        collect(server, tmp_path)
    assert not list(tmp_path.rglob("low_dim.hdf5"))
    assert not (tmp_path / "out").exists()
    server.stops = 0
    assert collect(server, tmp_path)["replay_success_rate"] == 1.0


def test_the_older_file_is_taken_where_the_newer_is_missing_and_converted(
    server: Server, tmp_path: Path, lift_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.content, server.absent = edited(lift_path, tmp_path, as_old), "/v1.5/"
    manifest = collect(server, tmp_path)
    assert "version v1.5 cannot be had" in capsys.readouterr().out
    assert manifest["version"] == "v1.4.1"
    assert manifest["env_args_converted"]
    written = load_demos(tmp_path / "out/demos.hdf5")
    assert written.env_args["env_kwargs"]["controller_configs"]["body_parts"]["right"]["input_ref_frame"] == "world"
    np.testing.assert_array_equal(written.episodes[1].actions, load_demos(lift_path).episodes[1].actions)


def test_without_a_network_the_message_says_what_to_do(server: Server, tmp_path: Path) -> None:
    server.absent = "/"
    with pytest.raises(UserError, match=r"v1\.5: .*404.*v1\.4\.1: .*404.*collect\.source: scripted"):
        collect(server, tmp_path)
    with pytest.raises(UserError, match="no official recordings of it"):
        collect(server, tmp_path, "metaworld/hammer")


def reverse(data: Any) -> None:
    for name in data:
        data[name]["actions_executed"][:, :3] *= -1.0


def widen(data: Any) -> None:
    for name in data:
        wide = np.zeros((len(data[name]["actions"]), 11))
        del data[name]["obs/object"]
        data[name]["obs/object"] = wide


def other_gain(data: Any) -> None:
    args = json.loads(data.attrs["env_args"])
    args["env_kwargs"]["controller_configs"]["body_parts"]["right"]["kp"] = 300
    data.attrs["env_args"] = json.dumps(args)


def other_model(data: Any) -> None:
    for name in data:
        states = data[name]["states"][:, 1:]
        del data[name]["states"]
        data[name]["states"] = states


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            reverse,
            UserError,
            r"2 recordings that were replayed, 0 succeeded: 0%, below collect\.min_replay",
        ),
        (widen, UserError, r"observation width 20, but the simulator of robomimic/lift has 19"),
        (other_gain, metadata.UserError, r"low_dim\.hdf5: env_args: controller: kp is 300, .* has 150"),
        (other_model, UserError, r"states: 31 numbers, but this simulator's state has 32"),
    ],
)
def test_a_file_that_does_not_fit_is_an_error_that_says_why(
    server: Server,
    tmp_path: Path,
    lift_path: Path,
    change: Callable[[Any], None],
    error: type[Exception],
    message: str,
) -> None:
    server.content = edited(lift_path, tmp_path, change)
    with pytest.raises(error, match=message):
        collect(server, tmp_path)
    assert not (tmp_path / "out/demos.hdf5").exists()


def test_a_corrupted_file_is_an_error(server: Server, tmp_path: Path, lift_path: Path) -> None:
    server.content = lift_path.read_bytes()[:-5000]
    with pytest.raises(UserError, match="cannot be read as HDF5"):
        collect(server, tmp_path)


def test_a_download_that_was_changed_later_is_an_error(server: Server, tmp_path: Path, lift_path: Path) -> None:
    server.content = lift_path.read_bytes()
    collect(server, tmp_path)
    (kept,) = (tmp_path / "downloads").rglob("low_dim.hdf5")
    kept.write_bytes(kept.read_bytes() + b"x")
    server.absent = "/v1.4.1/"
    with pytest.raises(UserError, match="not the recorded"):
        collect(server, tmp_path)


def test_every_official_address_is_one_that_is_fetched() -> None:
    assert all(pattern.startswith("https://") for pattern in human.OFFICIAL.values())


def transport_args(controller: dict[str, Any]) -> dict[str, Any]:
    kwargs = env_kwargs("robomimic/transport") | {"controller_configs": controller}
    return {"env_name": "TwoArmTransport", "type": 1, "env_kwargs": kwargs}


def test_both_arms_of_a_converted_transport_file_move_the_same_way() -> None:
    """Left in the frames of their bases, as robosuite 1.5 reads an old file, they would turn by 90 degrees."""
    converted, changed = metadata.convert(transport_args(OLD_CONTROLLER))
    assert changed
    metadata.check("robomimic/transport", converted)
    unstated = json.loads(json.dumps(converted))
    del unstated["env_kwargs"]["controller_configs"]["body_parts"]["right"]["input_ref_frame"]
    with pytest.raises(metadata.UserError, match="input_ref_frame is 'base'"):
        metadata.check("robomimic/transport", unstated)
    env = RobomimicEnv("robomimic/transport")
    before = env.reset(0)
    for _ in range(10):
        after = env.step(np.array([0.5, 0, 0, 0, 0, 0, -1] * 2))[0]
    moved = (after - before).reshape(-1)[[0, 1, 9, 10]]  # x, y of the first hand and of the second
    assert min(moved[0], moved[2]) > 0.04
    assert max(abs(moved[1]), abs(moved[3])) < 0.01

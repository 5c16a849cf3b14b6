"""`energyflow serve`, `latency` and `export` as their user types them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from energyflow.cli import main
from energyflow.policies.base import Policy
from energyflow.policies.checkpoint import save
from energyflow.serving.runner import Runner
from tests.serving.conftest import OBS

pytest.importorskip("msgpack")
pytest.importorskip("websockets")


@pytest.fixture(scope="module")
def model(fresh: Callable[[str], Policy], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    save(fresh("flow_policy"), folder / "model.safetensors", {"task": "custom/cup", "seed": 0})
    return folder


def test_a_server_starts_serves_and_ends_when_it_is_told_to(model: Path, fresh: Callable[[str], Policy]) -> None:
    from energyflow.serving.client import Client

    command = [sys.executable, "-m", "energyflow.cli", "serve", "--model", str(model), "--port", "0", "--rate", "0.5"]
    with subprocess.Popen(
        [*command, "--hz", "0.1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        said = re.fullmatch(r"flow_policy, custom/cup: (ws://127\.0\.0\.1:\d+); 0\.1 Hz; http://\S+/metrics\n", line)
        assert said is not None, line
        with Client(said[1]) as robot:
            assert robot.metadata["task"] == "custom/cup"
            own = Runner(fresh("flow_policy"), rate=0.5)
            own.reset()
            np.testing.assert_array_equal(robot(np.ones(OBS)), own(np.ones(OBS)))
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == "stopped: 1 actions, 0 late\n"
        assert process.wait(60) == 0
        assert process.stderr.read() == ""


def test_a_soak_counts_what_the_robot_waits_for(model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from energyflow.serving.soak import soak

    found = soak(model, hz=20.0, seconds=0.5)
    assert found["ticks"] == 10
    assert 0 < found["p50"] <= found["p99"] <= found["worst"]
    assert 0 <= found["late"] <= found["misses"] <= 10
    assert capfd.readouterr().err == ""  # of the server


def test_other_machines_and_what_cannot_be_read_are_one_line(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, message in (
        (["--host", "0.0.0.0"], "other machines reach this address; give --token-file, or set ENERGYFLOW_TOKEN"),
        (["--token-file", str(model / "none")], "no token could be read"),
        (["--low", "1", "2", "3"], "expected a number, or 2 of them"),
        (["--hz", "0"], "expected positive numbers"),
    ):
        assert main(["serve", "--model", str(model), *options]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_latency_says_which_rates_are_met(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["latency", "--model", str(model), "--hz", "0.001"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("flow_policy on mlp, ")
    assert lines[0].endswith("500 plans")
    assert re.fullmatch(
        r"a plan: \S+ ms \(p50\), \S+ ms \(p99\); one for 8 action\(s\), the others take none", lines[1]
    )
    assert lines[2:] == ["0.001 Hz (1e+06 ms): met"]
    assert main(["latency", "--model", str(model), "--hz", "1e7"]) == 0
    assert capsys.readouterr().out.splitlines()[2] == "1e+07 Hz (0.0001 ms): not met"


def test_export_says_what_it_wrote(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    out = tmp_path / "policy.onnx"
    assert main(["export", "--model", str(model), "--out", str(out), "--nfe", "2"]) == 0
    assert capsys.readouterr().out == f"wrote {out}: sample, 2 evaluations, 1 draws of noise\n"
    assert out.stat().st_size > 10_000

"""Our files in robomimic's own hands, and its recurrent policy beside ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from energyflow.config.params import Params
from energyflow.datasets.format import load_demos
from tests.conftest import ROOT


def run(script: str, argument: str | Path) -> dict[str, Any]:
    """Run a script of this folder, which imports robomimic; return the JSON that it prints."""
    command = [sys.executable, Path(__file__).with_name(script), argument]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.rpartition("RESULT ")[2])
    return found


def test_robomimic_reads_our_file_builds_its_simulator_and_replays_it(lift_path: Path) -> None:
    result = run("robomimic_reads.py", lift_path)
    assert result["env"] == "Lift"
    assert result["windows"] == sum(len(episode.actions) for episode in load_demos(lift_path).episodes)
    widths = {"robot0_eef_pos": 3, "robot0_eef_quat": 4, "robot0_gripper_qpos": 2, "object": 10, "actions": 7}
    assert result["shapes"] == {key: [4, width] for key, width in widths.items()}
    assert result["first_object_error"] < 1e-6
    assert result["succeeded"]


def test_lstm_gmm_is_robomimics_bc_rnn_gmm(laptop: Params) -> None:
    """The same loss on a window, and the same actions over 25 steps, in which the hidden state is reset twice."""
    result = run("robomimic_lstm.py", laptop.train["lstm_gmm"].canonical())
    theirs, ours = result["losses"]
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert len(result["differences"]) == 25
    assert max(result["differences"]) < 1e-5  # both draw from the whole mixture, by the same noise
    assert result["spread"] > 0.1

"""Our files in robomimic's own hands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from energyflow.demos.format import load_demos


def test_robomimic_reads_our_file_builds_its_simulator_and_replays_it(lift_path: Path) -> None:
    script = Path(__file__).with_name("robomimic_reads.py")
    done = subprocess.run([sys.executable, script, lift_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.rpartition("RESULT ")[2])
    assert result["env"] == "Lift"
    assert result["windows"] == sum(len(episode.actions) for episode in load_demos(lift_path).episodes)
    widths = {"robot0_eef_pos": 3, "robot0_eef_quat": 4, "robot0_gripper_qpos": 2, "object": 10, "actions": 7}
    assert result["shapes"] == {key: [4, width] for key, width in widths.items()}
    assert result["first_object_error"] < 1e-6
    assert result["succeeded"]

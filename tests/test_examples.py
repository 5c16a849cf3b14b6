"""The examples run in an empty folder, as their first lines say, with fewer steps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def run(folder: Path, name: str, *words: str) -> str:
    command = [sys.executable, str(ROOT / "examples" / name), *words]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_own_data_and_own_environment(tmp_path: Path) -> None:
    said = run(tmp_path, "own_data.py", "20")
    assert "demonstrations  50, of " in said
    assert "observations    goal [2], position [2]" in said
    assert "wrote runs/custom/reach/energyflow/seed0/model.safetensors" in said
    said = run(tmp_path, "own_env.py", "2")
    assert "success " in said
    assert (tmp_path / "reach.gif").stat().st_size > 100

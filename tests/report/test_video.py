"""A demonstration on film, and the code that the workflow's rule declares for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from energyflow.datasets.format import load_demos
from energyflow.pipeline import code as code_module
from energyflow.report.video import EVERY, HEIGHT, WIDTH
from tests.conftest import ROOT


def film(demos: Path, out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, as the workflow does: MuJoCo chooses its renderer when it is imported."""
    command = [sys.executable, "-X", "importtime", "-m", "energyflow.cli", "job", "video"]
    return subprocess.run(
        [*command, "--demos", str(demos), "--out", str(out)],
        capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | environment,
    )  # fmt: skip


def refused(done: subprocess.CompletedProcess[str], out: Path) -> None:
    """Nothing is written, and the message says what to install."""
    assert done.returncode == 2
    assert "robomimic/lift: no off-screen OpenGL" in done.stderr
    assert "install libegl1 and libgl1-mesa-dri" in done.stderr
    assert not out.exists()


def test_a_demonstration_is_filmed(lift_path: Path, tmp_path: Path) -> None:
    done = film(lift_path, tmp_path / "lift.gif")
    context = [sys.executable, "-c", "import mujoco; mujoco.GLContext(8, 8)"]
    driver = {"MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl")}
    if subprocess.run(context, capture_output=True, check=False, env=os.environ | driver).returncode:
        return refused(done, tmp_path / "lift.gif")  # the system has no driver, and pip can bring none
    assert done.returncode == 0, done.stderr[-2000:]
    with Image.open(tmp_path / "lift.gif") as film_:
        pictures = [np.asarray(frame.convert("RGB"), dtype=float) for frame in ImageSequence.Iterator(film_)]
    assert pictures[0].shape == (HEIGHT, WIDTH, 3)
    steps = len(load_demos(lift_path).episodes[0].actions)
    assert 1 < len(pictures) <= -(-steps // EVERY)  # equal neighbours are merged
    assert np.abs(pictures[-1] - pictures[0]).max() > 100  # the arm has moved


def test_without_a_renderer_all_code_runs_and_the_error_says_what_to_install(lift_path: Path, tmp_path: Path) -> None:
    done = film(lift_path, tmp_path / "lift.gif", MUJOCO_GL="disable")
    refused(done, tmp_path / "lift.gif")
    # all code is imported before the first picture, so what the rule has as inputs is compared on every machine
    modules = set(re.findall(r"^import time:.*\| +(energyflow[\w.]*)$", done.stderr, re.M))
    files = {
        str(code_module.source_file(module).relative_to(ROOT))
        for module in modules
        if not code_module.left_out(module) and not module.startswith(("energyflow.cli", "energyflow.pipeline"))
    }
    files = {file for file in files if not file.endswith("__init__.py")}
    assert files <= set(code_module.code("video", task="robomimic/lift"))


def test_a_task_without_stored_states_is_named(demos_path: Path, tmp_path: Path) -> None:
    done = film(demos_path, tmp_path / "out.gif")
    assert done.returncode == 2
    assert "metaworld/button_press: its demonstrations store no states" in done.stderr
    assert not (tmp_path / "out.gif").exists()

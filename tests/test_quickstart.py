"""The quickstart is carried out to the letter from an empty folder, with fewer steps, for each format of data."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from energyflow.cli import main
from energyflow.datasets.episodes import Episode
from energyflow.datasets.minari import write_minari
from tests import guides
from tests.conftest import ROOT

PAGE = "../quickstart.md"
FEWER = {  # what a command is given beside what the page says
    "train": "--preset smoke train.steps=300 train.log_every=100",
    "evaluate": "--preset smoke --episodes 2 --horizon 12",
}
SOURCE = "pendulum.hdf5"
Run = Callable[[list[str]], str]


def here(words: list[str]) -> str:
    """A command of the page in this process, whose imports are paid for."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        if words[0] == "python":
            runpy.run_path(words[1])
        else:
            assert main(words[1:]) == 0, said.getvalue()
    return said.getvalue()


def robomimic(_: Path) -> dict[str, str]:
    return {}


def arrays() -> list[tuple[np.ndarray, np.ndarray]]:
    """States and actions of the recorded episodes."""
    with h5py.File(SOURCE) as file:
        return [(demo["obs/state"][()], demo["actions"][()]) for demo in file["data"].values()]


def lerobot(_: Path) -> dict[str, str]:
    """The recorded episodes as a LeRobot folder."""
    pytest.importorskip("pyarrow")
    from tests.datasets.lerobot_folders import write_episodes

    episodes = []
    for index, (states, actions) in enumerate(arrays()):
        steps = np.arange(len(actions))
        columns = {"observation.state": states, "action": actions[:, 0], "timestamp": steps / 20, "frame_index": steps}
        episodes.append(columns | {"episode_index": np.full(len(steps), index)})
    features = {"observation.state": {"dtype": "float32", "shape": [3]}, "action": {"dtype": "float32", "shape": [1]}}
    write_episodes(Path("swings"), "v3.0", episodes, features=features, fps=20, robot_type="pendulum")
    return {"robomimic": "LeRobot v3.0", "Pendulum-v1\nobs": "pendulum\nobs", "    state": "    observation.state"}


def minari(_: Path) -> dict[str, str]:
    """The recorded episodes as a Minari set."""
    episodes = [
        Episode(np.concatenate([states, states[-1:]]), actions, np.zeros(len(actions)), False, True)
        for states, actions in arrays()
    ]
    env, box = {"id": "Pendulum-v1"}, np.array([[-2.0], [2.0]])
    write_minari(Path("swings"), episodes, name="swings", env=env, box=box)
    return {"robomimic": "Minari", "20 Hz": "not said", "    state": "    observations"}


def follow(folder: Path, other: Callable[[Path], dict[str, str]], run: Run) -> None:
    """Do what the page says; after the demonstrations are recorded, they are brought into another format."""
    instead: dict[str, str] = {}
    for step in guides.steps(PAGE):
        text = step.text
        for old, new in instead.items():
            text = text.replace(old, new)
        if step.what == "write":
            (folder / step.file).write_text(text.replace("range(50)", "range(3)"))
            continue
        for command, printed in guides.commands(text):
            words = shlex.split(command)
            said = run([*words, *shlex.split(FEWER.get(words[1], ""))]).splitlines()
            assert all(line in said for line in printed), f"{command}: printed {said}, not {printed}"
            if command == "python record.py":
                found = other(folder)
                instead = found and {SOURCE: "swings", "custom/pendulum": "custom/swings"} | found


@pytest.mark.parametrize("other", [robomimic, lerobot, minari])
def test_from_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: Callable[[Path], dict[str, str]]
) -> None:
    monkeypatch.chdir(tmp_path)
    follow(tmp_path, other, here)
    assert all(Path(name).stat().st_size > 1000 for name in ("pendulum.png", "reward.png"))
    assert len(list(Path("runs").rglob("README.md"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("other", [robomimic, lerobot, minari])
def test_with_the_installed_wheel(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: Callable[[Path], dict[str, str]]
) -> None:
    """The package as pip installs it, without this checkout on Python's path."""
    monkeypatch.chdir(tmp_path)

    def wheel(words: list[str]) -> str:
        program = ["-m", "energyflow.cli"] if words[0] == "energyflow" else []
        own = os.environ | {"PYTHONPATH": str(installed)}
        done = subprocess.run(
            [sys.executable, *program, *words[1:]], capture_output=True, text=True, env=own, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    follow(tmp_path, other, wheel)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder into which pip installs a wheel of this checkout, whole: every file of the package that git knows."""
    place = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", place, ROOT], check=True, cwd=place
    )
    (wheel,) = place.glob("energyflow-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", place / "site", wheel], check=True)
    listed = subprocess.run(["git", "ls-files", "energyflow"], cwd=ROOT, check=True, capture_output=True, text=True)
    missing = [name for name in listed.stdout.split() if not (place / "site" / name).is_file()]
    assert not missing
    assert (place / "site/energyflow/py.typed").is_file()
    return place / "site"

"""Fixtures shared by all tests: the project's own parameters, and real demonstrations of the real simulator."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from energyflow.config.params import Params
from energyflow.config.sections import CollectParams, TrainParams
from energyflow.datasets.scripted import collect
from energyflow.pipeline import params as params_module

ROOT = Path(__file__).parents[1]
TASK = "metaworld/button_press"

# Minutes each, and the run that the last one needs is made by the first: they start before the others (`make test`).
LONGEST = [
    *("pipeline/test_plans.py", "pipeline/test_dag.py", "learning/test_trainer.py", "envs/test_robomimic.py"),
    "pipeline/test_engines.py",
]

torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest files first, then those of the most tests, so that parallel processes, a file at a time, end together."""
    count = Counter(item.path for item in items)
    first = {ROOT / "tests" / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (first.get(item.path, len(first)), -count[item.path]))


@pytest.fixture(scope="session")
def laptop() -> Params:
    return params_module.load(ROOT / "params.yaml", preset="laptop")


@pytest.fixture(scope="session")
def smoke() -> Params:
    return params_module.load(ROOT / "params.yaml", preset="smoke")


@pytest.fixture(scope="session")
def paper() -> Params:
    return params_module.load(ROOT / "params.yaml", preset="paper")


@pytest.fixture(scope="session")
def collect_params(smoke: Params) -> CollectParams:
    return smoke.collect.model_copy(update={"demos": 3})


@pytest.fixture(scope="session")
def demos_path(tmp_path_factory: pytest.TempPathFactory, collect_params: CollectParams) -> Path:
    out = tmp_path_factory.mktemp("demos")
    collect(TASK, collect_params, out)
    return out / "demos.hdf5"


@pytest.fixture(scope="session")
def robomimic() -> Params:
    return params_module.load(ROOT / "params.yaml", preset="robomimic")


@pytest.fixture(scope="session")
def lift_path(tmp_path_factory: pytest.TempPathFactory, robomimic: Params) -> Path:
    """Two demonstrations of robomimic/lift, with states and models, in the layout of the official files."""
    out = tmp_path_factory.mktemp("lift")
    collect("robomimic/lift", robomimic.collect.model_copy(update={"demos": 2}), out)
    return out / "demos.hdf5"


def kill_at_resume_point(folder: Path, target: Callable[..., object], *args: object) -> None:
    """Run `target` in a process of its own, and kill it once it has stored a resume point in `folder`."""
    child = multiprocessing.get_context("spawn").Process(target=target, args=args)
    child.start()
    while not (folder / "resume.json").exists() and child.is_alive():
        time.sleep(0.01)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode == -signal.SIGKILL


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB, if this process may mount one."""
    place = tmp_path / "small disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes root; tests/core/test_files.py has the same error without one")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def short(smoke: Params) -> TrainParams:
    """A run of a few steps that logs and stores resume points often."""
    return smoke.train["energyflow"].model_copy(update={"steps": 24, "log_every": 4, "resume_every": 8})

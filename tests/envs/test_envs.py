"""What all suites share: perturbations, rollouts, evaluation, names of tasks."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from energyflow.config.params import Params
from energyflow.config.sections import EvaluateParams, Level, TrainParams
from energyflow.core.errors import UserError
from energyflow.envs.perturb import displace, push_beyond
from energyflow.envs.rollout import Episode, rollout
from energyflow.envs.tasks import make_env
from energyflow.learning.evaluation import evaluate, evaluate_expert
from energyflow.learning.trainer import train
from tests.conftest import ROOT, TASK

ZERO = Level(hand=0.0, object=0.0, goal=0.0)


def test_push_beyond_and_displace_are_identities_at_zero() -> None:
    position, low, high = np.array([0.1, 0.2, 0.3]), np.zeros(3), np.ones(3)
    for distance, check in ((0.0, np.array_equal), (0.05, lambda a, b: not np.array_equal(a, b))):
        assert check(push_beyond(position, low, high, distance, np.random.default_rng(0)), position)
        assert check(displace(position, distance, low, high, np.random.default_rng(0)), position)


def test_displacement_stays_in_the_workspace() -> None:
    low, high = np.zeros(3), np.ones(3)
    for seed in range(50):
        moved = displace(np.zeros(3), 0.2, low, high, np.random.default_rng(seed))
        assert np.all((moved >= low) & (moved <= high))
        assert np.linalg.norm(moved) == pytest.approx(0.2)


class Counter:
    """A simulator whose episode of seed s succeeds at step s + 1, and whose observation tells seed and step."""

    def reset(self, seed: int, level: Level | None = None) -> NDArray[np.float64]:
        self.seed, self.steps = seed, 0
        return np.array([seed, 0.0])

    def step(self, action: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, bool]:
        self.steps += 1
        return np.array([self.seed, float(self.steps)]), 1.0, self.steps == self.seed + 1


def test_rollout_keeps_order_history_and_horizon() -> None:
    episodes = [Episode(i, i, "0", ZERO) for i in range(9)]
    seen: list[NDArray[np.float64]] = []

    def plan(obs: NDArray[np.float64], elapsed: NDArray[np.int64]) -> NDArray[np.float64]:
        seen.append(obs)
        np.testing.assert_array_equal(elapsed, obs[:, -1, 1])  # the counter's own count of its steps
        return np.zeros((len(obs), 3, 1))

    outcomes = rollout(plan, [Counter(), Counter()], episodes, obs_horizon=2, horizon=6)
    assert [o.episode.index for o in outcomes] == list(range(9))
    assert [o.length for o in outcomes] == [1, 2, 3, 4, 5, 6, 6, 6, 6]
    assert [o.success for o in outcomes] == [True] * 6 + [False] * 3
    assert [o.total_reward for o in outcomes] == [o.length for o in outcomes]
    for batch in seen:
        for history in batch:
            assert history[0, 0] == history[1, 0]  # never two episodes in one history
            assert history[1, 1] - history[0, 1] == (1 if history[1, 1] else 0)
            assert history[1, 1] % 3 == 0  # planned every three executed steps


@pytest.fixture(scope="module")
def trained(smoke: Params, demos_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    section: TrainParams = smoke.train["energyflow"].model_copy(update={"steps": 20})
    train(TASK, 0, section, demos_path, out, torch.device("cpu"))
    return out / "model.safetensors"


@pytest.fixture
def section(smoke: Params) -> EvaluateParams:
    return smoke.evaluate_levels().model_copy(update={"episodes": 3, "horizon": 20})


def test_evaluating_twice_gives_equal_rows(trained: Path, section: EvaluateParams, tmp_path: Path) -> None:
    rows = []
    for name in ("one", "two"):
        evaluate(TASK, 0, section, trained, tmp_path / name)
        rows.append(pd.read_csv(tmp_path / name / "episodes.csv").drop(columns="seconds"))
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    assert len(rows[0]) == 2 * 3 * len(section.levels)
    assert set(rows[0].level.astype(str)) == set(section.levels)


def test_every_method_meets_the_same_states(trained: Path, section: EvaluateParams, tmp_path: Path) -> None:
    evaluate(TASK, 0, section.model_copy(update={"decoders": ["mean"]}), trained, tmp_path / "model")
    evaluate_expert(TASK, section, tmp_path / "expert")
    keys = ["level", "episode", "env_seed"]
    model, expert = (pd.read_csv(tmp_path / name / "episodes.csv")[keys] for name in ("model", "expert"))
    pd.testing.assert_frame_equal(model, expert)


def test_nfe_sweep_rows(trained: Path, smoke: Params, tmp_path: Path) -> None:
    evaluate(TASK, 0, smoke.evaluate_nfe().model_copy(update={"episodes": 1, "horizon": 9}), trained, tmp_path)
    assert list(pd.read_csv(tmp_path / "episodes.csv").nfe) == smoke.evaluate.nfe


def test_evaluating_another_tasks_checkpoint_is_refused(trained: Path, section: EvaluateParams, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="asked for metaworld/hammer"):
        evaluate("metaworld/hammer", 0, section, trained, tmp_path)
    assert not (tmp_path / "episodes.csv").exists()


def test_unknown_tasks_and_observations_are_named() -> None:
    with pytest.raises(UserError, match=r"unknown task 'metaworld/hamer'; did you mean 'metaworld/hammer'\?"):
        make_env("metaworld/hamer")
    with pytest.raises(UserError, match="metaworld/hammer: no observations robot0_eef_pos"):
        make_env("metaworld/hammer", ["robot0_eef_pos"])


WITHOUT = "import sys; sys.modules[sys.argv.pop(1)] = None; from energyflow.cli import main; sys.exit(main())"


@pytest.mark.parametrize(
    ("task", "source", "package", "extra"),
    [
        ("metaworld/hammer", "scripted", "metaworld", "metaworld"),
        ("metaworld/hammer", "scripted", "mujoco", "metaworld"),
        ("robomimic/lift", "scripted", "robosuite", "robomimic"),
        ("robomimic/lift", "human", "robosuite", "robomimic"),
    ],
)
def test_a_simulator_that_is_not_installed_is_one_line_with_its_extra(
    tmp_path: Path, task: str, source: str, package: str, extra: str
) -> None:
    command = ["collect", task, f"collect.source={source}", "--out", str(tmp_path / "demos")]
    done = subprocess.run([sys.executable, "-c", WITHOUT, package, *command], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: {task}: its simulator needs '{package}', which is not installed:"
        f" pip install '.[{extra}]' in a checkout of energyflow, or make setup\n"
    )
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert package in {requirement.split("==")[0] for requirement in extras[extra]}


def test_a_file_of_a_simulator_that_is_not_installed_is_its_owners(tmp_path: Path, lift_path: Path) -> None:
    shutil.copyfile(lift_path, tmp_path / "cubes.hdf5")  # without the manifest, which names the task
    command = [sys.executable, "-c", WITHOUT, "robosuite", "data", str(tmp_path / "cubes.hdf5")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "taken as demonstrations of custom/cubes, not of robomimic/lift: " in done.stderr
    assert "pip install '.[robomimic]'" in done.stderr


def test_asking_whose_a_file_is_imports_no_simulator() -> None:
    program = (
        "import sys; from energyflow.envs.tasks import named_task;"
        "print(named_task({'env_name': 'hammer-v3'}), named_task({'env_name': 'ToolHang'}), named_task({}));"
        "print(sorted({'metaworld', 'robosuite', 'mujoco', 'torch', 'h5py'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "metaworld/hammer robomimic/tool_hang None\n[]\n"

"""What looks on while a policy trains: it changes nothing, and what it says and keeps is right."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from tqdm import tqdm

import energyflow
from energyflow.config.params import Params
from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.learning import trainer as training
from energyflow.learning import watching
from energyflow.learning.trainer import Trainer, train
from energyflow.policies.base import Policy
from tests.conftest import TASK
from tests.learning.test_trainer import assert_equal_runs

CPU = torch.device("cpu")
DESCRIPTION = {"task": TASK, "seed": 0, "demos": None}


@pytest.fixture
def section(smoke: Params) -> TrainParams:
    return smoke.train["energyflow"].model_copy(update={"steps": 12, "log_every": 2, "resume_every": 4})


def scored(values: list[float]) -> watching.Score:
    """Evaluations that give these successes, one after the other."""
    left = iter(values)
    return lambda _policy: [{"success": next(left), "return": 0.0}]


def test_a_run_that_is_watched_is_the_same_run(section: TrainParams, demos_path: Path, tmp_path: Path) -> None:
    train(TASK, 0, section, demos_path, tmp_path / "alone", CPU)
    evaluations = watching.Evaluations(scored([0.0] * 9), 2, tmp_path / "seen", DESCRIPTION)
    watch = watching.together([watching.lines(), evaluations])
    train(TASK, 0, section, demos_path, tmp_path / "seen", CPU, watch=watch)
    assert_equal_runs(tmp_path / "alone", tmp_path / "seen")


def test_the_best_of_the_evaluations_is_kept(section: TrainParams, demos_path: Path, tmp_path: Path) -> None:
    seen: list[Policy] = []

    def score(policy: Policy) -> list[dict[str, Any]]:
        seen.append(policy)
        return [{"success": float(len(seen) == 2), "return": 0.0}, {"success": 0.0, "return": 1.0}]

    evaluations = watching.Evaluations(score, 5, tmp_path, DESCRIPTION)
    train(TASK, 0, section, demos_path, tmp_path, CPU, watch=evaluations)
    rows = pd.read_csv(tmp_path / "evaluations.csv")
    assert rows["step"].tolist() == [6, 10, 12]  # the first row of the log after 5 and 10 steps, and the last one
    assert rows["success"].tolist() == [0.0, 0.5, 0.0]
    assert rows["episodes"].tolist() == [2, 2, 2]
    best, last = (energyflow.load(tmp_path / name).state_dict() for name in ("best", "."))
    assert all(torch.equal(best[name], value) for name, value in seen[1].state_dict().items())
    assert any(not torch.equal(best[name], value) for name, value in last.items())


class _Killed(Exception):
    pass


def test_a_killed_run_goes_on_with_its_evaluations(section: TrainParams, demos_path: Path, tmp_path: Path) -> None:
    def kill(trainer: Trainer) -> None:
        if trainer.step == 6:
            raise _Killed

    first = watching.together([watching.Evaluations(scored([0.5, 0.9, 0.1]), 2, tmp_path, DESCRIPTION), kill])
    with pytest.raises(_Killed):
        train(TASK, 0, section, demos_path, tmp_path, CPU, watch=first)
    again = watching.Evaluations(scored([0.2, 0.3, 0.4, 0.6]), 2, tmp_path, DESCRIPTION)  # from step 4 on
    train(TASK, 0, section, demos_path, tmp_path, CPU, watch=again)
    rows = pd.read_csv(tmp_path / "evaluations.csv")
    assert rows["step"].tolist() == [2, 4, 6, 8, 10, 12]
    assert rows["success"].tolist() == [0.5, 0.9, 0.2, 0.3, 0.4, 0.6]


def test_a_run_that_begins_forgets_an_older_one(section: TrainParams, demos_path: Path, tmp_path: Path) -> None:
    for value in (0.9, 0.1):
        watch = watching.Evaluations(scored([value]), 100, tmp_path, DESCRIPTION)
        train(TASK, 0, section, demos_path, tmp_path, CPU, existing="redo", watch=watch)
    assert pd.read_csv(tmp_path / "evaluations.csv")["success"].tolist() == [0.1]


def test_lines_are_whole(
    section: TrainParams,
    demos_path: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "tqdm", partial(tqdm, disable=True))
    train(TASK, 0, section, demos_path, tmp_path, CPU, watch=watching.lines())
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("step ")]
    assert said[0].startswith("step 2 of 12, loss ")
    assert said[-1].startswith("step 12 of 12, loss ")


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_what_is_not_installed_is_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        __import__("sys").modules, {"tensorboard": "torch.utils.tensorboard", "wandb": "wandb"}[name], None
    )
    with pytest.raises(UserError, match=f"pip install {name}"):
        {"tensorboard": lambda: watching.tensorboard(tmp_path), "wandb": lambda: watching.wandb(tmp_path, "x")}[name]()

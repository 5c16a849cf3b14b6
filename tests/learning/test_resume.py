"""Logs, notes and resume points of a run: what continues, what starts anew, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.core.files import read_json, write_json
from energyflow.learning import trainer as training
from energyflow.learning.trainer import learning_rate, train
from tests.conftest import TASK
from tests.learning.test_trainer import assert_equal_runs

CPU = torch.device("cpu")


@pytest.fixture
def interrupted(
    short: TrainParams, demos_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """A run of 24 steps, ended from outside when all are done but nothing is saved: it can continue at step 16."""

    def make() -> Path:
        out = tmp_path / "run"
        with monkeypatch.context() as patch:
            patch.setattr(training, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                train(TASK, 0, short, demos_path, out, CPU)
        assert read_json(out / "resume.json")["step"] == 16
        return out

    return make


def test_the_log_holds_means_since_the_last_row(short: TrainParams, demos_path: Path, tmp_path: Path) -> None:
    logs = {}
    for every in (1, 4):
        section = short.model_copy(update={"steps": 10, "log_every": every, "warmup_steps": 2})
        train(TASK, 0, section, demos_path, tmp_path / str(every), CPU)
        logs[every] = pd.read_csv(tmp_path / str(every) / "train.csv")
    each, rows = logs[1], logs[4]
    assert list(rows) == ["step", "loss", "lr", "grad_norm", "seconds"]
    assert each["step"].tolist() == list(range(1, 11))
    assert rows["step"].tolist() == [4, 8, 10]  # the last step has a row, too
    expected = [each["loss"][a:b].mean() for a, b in ((0, 4), (4, 8), (8, 10))]
    assert rows["loss"].tolist() == pytest.approx(expected, rel=1e-5)
    assert rows["grad_norm"].tolist() == pytest.approx(each["grad_norm"][[3, 7, 9]].tolist(), rel=1e-5)
    assert rows["lr"].tolist() == pytest.approx([learning_rate(step, section) for step in (3, 7, 9)])
    assert rows["seconds"].is_monotonic_increasing
    assert (rows["seconds"] > 0).all()


def test_the_notes_say_what_was_run_on_what(short: TrainParams, demos_path: Path, tmp_path: Path) -> None:
    train(TASK, 5, short, demos_path, tmp_path, CPU)
    record, model = read_json(tmp_path / "run.json"), read_json(tmp_path / "model.json")
    assert (record["task"], record["method"], record["seed"]) == (TASK, "energyflow", 5)
    assert (record["device"], record["skipped_steps"]) == ("cpu", 0)
    assert record["train_seconds"] == pytest.approx(pd.read_csv(tmp_path / "train.csv")["seconds"].iloc[-1])
    assert record["params"]["steps"] == model["params"]["steps"] == 24
    assert (model["task"], model["method"], model["seed"]) == (TASK, "energyflow", 5)
    assert model["demos"]["demos"] == 3
    assert model["demos"]["sha256"] in str(record["inputs"])
    assert model["parameters"] == sum(
        value.numel() for name, value in torch_weights(tmp_path).items() if "normalizer" not in name
    )
    assert model["spec"]["obs_dim"] == 39
    assert model["spec"]["action_dim"] == 4
    horizons = ("obs_horizon", "pred_horizon", "exec_horizon")
    assert [model["spec"][name] for name in horizons] == [getattr(short, name) for name in horizons]


def torch_weights(out: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(out / "model.safetensors")


def test_an_interrupted_run_continues_with_its_log_and_its_time(
    interrupted: Callable[..., Path],
    short: TrainParams,
    demos_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = interrupted()
    note = read_json(out / "resume.json")
    write_json(out / "resume.json", note | {"seconds": 1000.0, "skipped": 2})
    train(TASK, 0, short, demos_path, out, CPU)
    assert "resuming at step 16" in capsys.readouterr().out
    train(TASK, 0, short, demos_path, tmp_path / "whole", CPU)
    assert_equal_runs(out, tmp_path / "whole")
    assert not list(out.glob("resume.*"))
    seconds = pd.read_csv(out / "train.csv")["seconds"]
    assert (seconds[:4] < 1000).all()
    assert (seconds[4:] > 1000).all()
    assert read_json(out / "run.json")["skipped_steps"] == 2


@pytest.mark.parametrize("change", ["seed", "params", "task", "data", "torn"])
def test_what_is_not_the_same_run_is_not_continued(
    interrupted: Callable[..., Path],
    short: TrainParams,
    demos_path: Path,
    change: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = interrupted()
    note = read_json(out / "resume.json")
    if change in ("data", "task"):
        write_json(out / "resume.json", note | {"identity": note["identity"] | {change: "another"}})
    if change == "torn":  # killed between the two files
        write_json(out / "resume.json", note | {"step": 8})
    section = short.model_copy(update={"weight_decay": 0.5}) if change == "params" else short
    train(TASK, 1 if change == "seed" else 0, section, demos_path, out, CPU)
    assert "resuming" not in capsys.readouterr().out
    assert pd.read_csv(out / "train.csv")["step"].tolist() == list(range(4, 25, 4))


@pytest.mark.parametrize("name", ["resume.safetensors", "resume.json"])
def test_half_a_resume_point_is_none(
    interrupted: Callable[..., Path],
    short: TrainParams,
    demos_path: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = interrupted()
    (out / name).unlink()
    train(TASK, 0, short, demos_path, out, CPU)
    assert "resuming" not in capsys.readouterr().out
    assert not list(out.glob("resume.*"))


def test_a_resume_point_of_other_tensors_is_named(
    interrupted: Callable[..., Path], short: TrainParams, demos_path: Path
) -> None:
    from safetensors.torch import save_file

    out = interrupted()
    save_file({"generator.batch": torch.zeros(3)}, out / "resume.safetensors", metadata={"step": "16"})
    with pytest.raises((UserError, RuntimeError)):
        train(TASK, 0, short, demos_path, out, CPU)

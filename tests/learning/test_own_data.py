"""Users' own runs: a split held out, a folder that is taken, widths that do not fit."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

import energyflow
from energyflow.cli import main
from energyflow.cli.options import results_of
from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.core.files import read_json, sha256
from energyflow.envs.tasks import suite_of
from energyflow.learning.evaluation import evaluate
from energyflow.learning.trainer import train
from energyflow.pipeline.params import Params
from tests.datasets.files import write

CPU = torch.device("cpu")
TASK = "custom/bench"
SHORT = ("--preset", "smoke", "train.steps=10")


def split(path: Path) -> Path:
    write(path, count=4)
    with h5py.File(path, "r+") as file:
        file["mask/train"] = np.array([b"demo_0", b"demo_1", b"demo_3"])
        file["mask/valid"] = np.array([b"demo_2"])
    return path


@pytest.mark.parametrize("method", ["energyflow", "energyflow_paper"])
def test_the_loss_held_out_is_logged_and_changes_nothing(
    tmp_path: Path, smoke: Params, short: TrainParams, method: str
) -> None:
    changes = {"steps": 12, "log_every": 4, "resume_every": 100}
    params = smoke.train[method].model_copy(update=changes)
    path = split(tmp_path / "bench.hdf5")
    train(TASK, 0, params, path, tmp_path / "with", CPU)
    with h5py.File(path, "r+") as file:
        del file["mask/valid"]
    train(TASK, 0, params, path, tmp_path / "without", CPU)
    rows, bare = pd.read_csv(tmp_path / "with/train.csv"), pd.read_csv(tmp_path / "without/train.csv")
    assert (rows["valid_loss"] > 0).all()
    assert rows["valid_loss"].nunique() == 3
    assert "valid_loss" not in bare
    pd.testing.assert_series_equal(rows["loss"], bare["loss"])
    assert sha256(tmp_path / "with/model.safetensors") == sha256(tmp_path / "without/model.safetensors")
    assert read_json(tmp_path / "with/run.json")["valid_loss"] == pytest.approx(rows["valid_loss"].iloc[-1])
    assert read_json(tmp_path / "with/model.json")["demos"]["demos"] == 3


def test_every_demonstration_holds_none_out(tmp_path: Path, short: TrainParams) -> None:
    train(TASK, 0, short, split(tmp_path / "bench.hdf5"), tmp_path / "run", CPU, filter_key="all")
    assert "valid_loss" not in pd.read_csv(tmp_path / "run/train.csv")
    assert read_json(tmp_path / "run/model.json")["demos"]["demos"] == 4


def test_a_complete_run_is_there_refused_replaced_or_done_again(
    tmp_path: Path, short: TrainParams, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "energyflow")
    (tmp_path / "other").mkdir()
    one, other = write(tmp_path / "bench.hdf5"), write(tmp_path / "other/bench.hdf5", seed=1)
    out = tmp_path / "run"
    train(TASK, 0, short, one, out, CPU, existing="refuse")
    made = (out / "run.json").stat().st_mtime_ns
    moved = one.rename(tmp_path / "moved.hdf5")
    train(TASK, 0, short, moved, out, CPU, existing="refuse")
    assert (out / "run.json").stat().st_mtime_ns == made
    assert "already there" in caplog.text
    for seed, demos, params, differs in (
        (0, other, short, "inputs"),
        (1, moved, short, "seed"),
        (0, moved, short.model_copy(update={"lr": 0.5}), "params"),
    ):
        with pytest.raises(UserError, match=f"holds another run, which differs in {differs}: .*--overwrite"):
            train(TASK, seed, params, demos, out, CPU, existing="refuse")
    assert (out / "run.json").stat().st_mtime_ns == made
    train(TASK, 0, short, other, out, CPU, existing="replace")
    assert "holds another run, which differs in inputs: replaced" in caplog.text
    replaced = (out / "run.json").stat().st_mtime_ns
    assert read_json(out / "model.json")["demos"]["sha256"] == sha256(other)
    train(TASK, 0, short, other, out, CPU, existing="redo")
    assert (out / "run.json").stat().st_mtime_ns > replaced
    (out / "train.csv").unlink()
    train(TASK, 0, short, other, out, CPU, existing="refuse")
    assert (out / "train.csv").is_file()


@pytest.mark.parametrize("options", [{"count": 1, "length": 1}, {"length": 3}, {"actions": 1}, {"actions": 40}])
def test_files_of_unusual_sizes_are_trained_on(tmp_path: Path, short: TrainParams, options: dict[str, int]) -> None:
    """One step is a demonstration in which every action rests."""
    path, out = write(tmp_path / "bench.hdf5", **options), tmp_path / "run"
    train(TASK, 0, short, path, out, CPU)
    plan = energyflow.load(out).act(np.zeros((short.obs_horizon, 5)))
    assert plan.shape == (short.pred_horizon, options.get("actions", 2))
    if options.get("length") == 1:
        with h5py.File(path) as file:
            np.testing.assert_allclose(plan, np.tile(file["data/demo_0/actions"][:], (len(plan), 1)))


def test_demonstrations_of_another_task_are_refused(tmp_path: Path, short: TrainParams) -> None:
    path = write(tmp_path / "bench.hdf5", actions=4, obs={"state": 38})
    with pytest.raises(UserError, match=r"bench\.hdf5: obs/state has 38 numbers, but 39 in the simulator"):
        train("metaworld/hammer", 0, short, path, tmp_path / "run", CPU)
    assert not (tmp_path / "run").exists()


def test_widths_are_compared_before_a_simulator_is_built(
    tmp_path: Path, smoke: Params, short: TrainParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    train("metaworld/hammer", 0, short, write(tmp_path / "a.hdf5", actions=4, obs={"state": 39}), out, CPU)
    newer = replace(suite_of("metaworld/hammer"), widths=lambda task: ({"state": 42}, 4))
    monkeypatch.setattr("energyflow.learning.evaluation.suite_of", lambda task: newer)
    monkeypatch.setattr("energyflow.learning.evaluation.make_env", lambda *_: pytest.fail("built"))
    with pytest.raises(UserError, match=r"observes 39 numbers \(state\), but the simulator of metaworld/hammer has 42"):
        evaluate("metaworld/hammer", 0, smoke.evaluate_levels(), out, tmp_path / "rows")


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_the_usual_folder_is_not_overwritten_by_another_file_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for lab, seed in (("a", 0), ("b", 1)):
        (tmp_path / lab).mkdir()
        write(tmp_path / lab / "cups.hdf5", seed=seed)
    command = ("train", "--task", "custom/cups", *SHORT, "--demos")
    assert run(*command, "a/cups.hdf5") == 0
    assert run(*command, "a/cups.hdf5") == 0
    assert "already there" in capsys.readouterr().err
    assert run(*command, "b/cups.hdf5") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(*command, "b/cups.hdf5", "--overwrite") == 0
    assert read_json("runs/custom/cups/energyflow/seed0/model.json")["demos"]["sha256"] == sha256("b/cups.hdf5")


def test_nothing_of_a_users_lies_in_the_workflows_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "cups.hdf5")
    assert run("train", "--demos", "cups.hdf5", "--preset", "smoke", "--out", "results/laptop/train/mine") == 2
    assert "is the workflow's" in capsys.readouterr().err
    assert results_of(Path("results/laptop/train")) == tmp_path / "results"
    assert results_of(Path("runs/results.csv")) is None


@pytest.mark.parametrize("seed", ["-1", "1.5", "one", "²"])
def test_a_seed_that_is_none_is_one_line(seed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("train", "--demos", "x", "--seed", seed)
    assert f"'{seed}' is no whole number" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "status"), [("2,1", 0), (" 1 ", 0), ("-3", 2), ("dynamic", 2), ("0,4", 2)])
def test_threads_of_the_environment(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    value: str,
    status: int,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    demos = write(tmp_path / "cups.hdf5")
    command = ("train", "--demos", demos, "--task", TASK, *SHORT, "--out", tmp_path / "run")
    assert run(*command) == status
    assert ("OMP_NUM_THREADS" in capsys.readouterr().err) == bool(status)
    torch.set_num_threads(1)

"""SAC end to end: determinism, resume after a kill, rows; a cheap simulator except where the real one is the point."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from energyflow.agents.sac import run_shape, train_sac
from energyflow.config.params import Params
from energyflow.config.sections import ShapeParams, TrainParams
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.core.resume import ResumePoint
from energyflow.learning.trainer import train
from energyflow.rewards.dense import Dense
from energyflow.rewards.sparse import Sparse
from tests.conftest import kill_at_resume_point
from tests.core.damage import flip
from tests.rewards.conftest import PointSimulator

IDENTITY = {"run": 1}


@pytest.fixture(scope="module")
def brief(shape: ShapeParams) -> ShapeParams:
    update = {"steps": 200, "eval_every": 50, "eval_episodes": 2, "horizon": 20, "learning_starts": 40}
    return shape.model_copy(update=update | {"batch_size": 16})


class SlowSimulator(PointSimulator):
    """Leaves the parent time to kill the run."""

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool]:
        time.sleep(0.005)
        return super().step(action)


def _train(params: ShapeParams, out: Path) -> None:
    train_sac(SlowSimulator, Dense(10.0), params, 0, terminate=True, resume=ResumePoint(out, IDENTITY))


def test_equal_seeds_give_equal_rows_and_another_seed_does_not(brief: ShapeParams) -> None:
    runs = [train_sac(PointSimulator, Dense(10.0), brief, seed, terminate=False)[1] for seed in (0, 0, 1)]
    assert runs[0] == runs[1]
    assert runs[0]["episodes"] != runs[2]["episodes"]
    assert [row["env_seed"] for row in runs[2]["episodes"]] == [brief.seed + 10_000 + k for k in range(10)]


def test_rows_say_what_happened(brief: ShapeParams) -> None:
    _, rows = train_sac(PointSimulator, Dense(10.0), brief, 0, terminate=True)
    curve, episodes = pd.DataFrame(rows["curve"]), pd.DataFrame(rows["episodes"])
    assert sorted(curve["step"].unique()) == [50, 100, 150, 200]
    for _, mark in curve.groupby("step"):
        assert mark["env_seed"].tolist() == [brief.eval_seed, brief.eval_seed + 1]
    assert (episodes["step"].diff().dropna() == episodes["length"].iloc[1:]).all()
    assert (episodes["length"] <= brief.horizon).all()
    assert episodes["success"].any()
    np.testing.assert_allclose(episodes["shaped_return"], episodes["return"] / 10, rtol=1e-5)
    assert set(episodes.loc[episodes["success"] == 0, "length"]) <= {brief.horizon}


def test_evaluating_more_often_does_not_change_the_training(brief: ShapeParams) -> None:
    often = brief.model_copy(update={"eval_every": 40, "eval_episodes": 3})
    one, other = (train_sac(PointSimulator, Dense(10.0), p, 0, terminate=False)[1] for p in (brief, often))
    assert one["episodes"] == other["episodes"]


@pytest.mark.parametrize("train_freq", [1, 3])
def test_a_killed_run_continues_bit_for_bit(brief: ShapeParams, tmp_path: Path, train_freq: int) -> None:
    params = brief.model_copy(update={"train_freq": train_freq})
    one, whole = train_sac(PointSimulator, Dense(10.0), params, 0, terminate=True)
    kill_at_resume_point(tmp_path, _train, params, tmp_path)
    stored = read_json(tmp_path / "resume.json")["state"]["step"]
    assert 0 < stored < params.steps
    resume = ResumePoint(tmp_path, IDENTITY)
    again, rows = train_sac(PointSimulator, Dense(10.0), params, 0, terminate=True, resume=resume)
    assert rows == whole
    for name, value in one.tensors().items():
        assert value.equal(again.tensors()[name]), name
    assert one.note() == again.note()


def _older(tensors: Path) -> None:
    """What was written before there were digests: one file, whose header was the note."""
    save_file({"policy/x": torch.zeros(1)}, tensors, metadata={"state": "{}"})
    tensors.with_suffix(".json").unlink()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": lambda tensors: tensors.write_bytes(tensors.read_bytes()[:-100]),
    "empty": lambda tensors: tensors.write_bytes(b""),
    "a flipped bit": lambda tensors: flip(tensors, -1),
    "a flipped bit of the note": lambda tensors: flip(tensors.with_suffix(".json"), 40),
    "older": _older,
}


@pytest.mark.parametrize("damage", [*DAMAGES, "another run"])
def test_an_unusable_resume_point_starts_over(
    brief: ShapeParams, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    params = brief.model_copy(update={"steps": 100})

    def run(identity: dict[str, Any]) -> Any:
        resume = ResumePoint(tmp_path, identity)
        return train_sac(PointSimulator, Sparse(), params, 0, terminate=False, resume=resume)[1]

    whole = run(IDENTITY)
    assert (tmp_path / "resume.json").exists()
    DAMAGES.get(damage, lambda _: None)(tmp_path / "resume.safetensors")
    capsys.readouterr()
    assert run({"run": 2} if damage == "another run" else IDENTITY) == whole
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1
    assert said[0].endswith("; starting over")
    assert str(tmp_path / "resume.") in said[0]


def test_the_stage_writes_its_files_on_the_real_simulator(shape: ShapeParams, tmp_path: Path) -> None:
    params = shape.model_copy(update={"steps": 40, "eval_every": 20, "horizon": 20, "learning_starts": 10})
    run_shape("metaworld/button_press", "dense", 1, params, None, None, tmp_path)
    curve = pd.read_csv(tmp_path / "curve.csv")
    assert list(curve)[:4] == ["task", "source", "seed", "step"]
    assert set(curve["seed"]) == {1}
    assert len(pd.read_csv(tmp_path / "episodes.csv")) == 2
    record = read_json(tmp_path / "run.json")
    assert record["params"] == params.model_dump(mode="json")
    assert record["inputs"] == {}
    assert not list(tmp_path.glob("resume.*"))
    with pytest.raises(UserError, match="did you mean 'metaworld/button_press'"):
        run_shape("metaworld/buton_press", "dense", 1, params, None, None, tmp_path)


@pytest.mark.parametrize("window", ["one_step", "chunk"])
def test_a_trained_energy_rewards_the_real_simulator(
    smoke: Params, short: TrainParams, demos_path: Path, tmp_path: Path, window: str
) -> None:
    one_step = {"obs_horizon": 1, "pred_horizon": 1, "exec_horizon": 1}
    section = short.model_copy(update={"steps": 60} | (one_step if window == "one_step" else {}))
    train("metaworld/button_press", 0, section, demos_path, tmp_path / "model")
    model = tmp_path / "model" / "model.safetensors"
    brief = {"steps": 40, "eval_every": 40, "horizon": 20, "learning_starts": 10}
    for source in ("centered_energy_sparse", "centered_energy_bounded"):
        out, params = tmp_path / source, smoke.shape[source].model_copy(update=brief)
        run_shape("metaworld/button_press", source, 0, params, model, demos_path, out)
        assert np.isfinite(pd.read_csv(out / "episodes.csv")["shaped_return"]).all()
        record = read_json(out / "run.json")
        assert record["gap"] > 0
        assert set(record["inputs"]) == {str(model), str(demos_path)}
    with pytest.raises(UserError, match="trained on metaworld/button_press"):
        run_shape("metaworld/hammer", "raw_energy", 0, params, model, demos_path, tmp_path)

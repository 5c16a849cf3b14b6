"""Rollouts of a checkpoint: which episodes, what the policy is asked, and what the rows say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from energyflow.config.sections import Decoder, EvaluateParams, Level, TrainParams
from energyflow.core.files import read_json
from energyflow.envs.rollout import Episode, Outcome, rollout
from energyflow.learning import evaluation, latency
from energyflow.learning.evaluation import episodes_of, evaluate, evaluate_expert, planner
from energyflow.learning.trainer import train
from energyflow.networks.build import Spec
from energyflow.policies.base import Policy, default_device
from tests.conftest import TASK

LEVELS = {"0": Level(hand=0.0, object=0.0, goal=0.0), "M": Level(hand=0.04, object=0.02, goal=0.02)}
SPEC = Spec(obs_dim=2, action_dim=3, obs_horizon=2, pred_horizon=4, exec_horizon=3, obs_keys=("state",))


class Recorder(Policy):
    """Plans action k = 0.1 k, and keeps what it was asked."""

    def __init__(self, params: TrainParams) -> None:
        super().__init__(SPEC, params)
        self.weights = nn.Linear(3, 5)
        self.asked: list[dict[str, Any]] = []

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        raise AssertionError("never trained")

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        assert not torch.is_grad_enabled()
        self.asked[-1] |= {"nfe": nfe}
        return 0.1 * torch.arange(4.0)[None, :, None].expand(len(obs), 4, 3)

    def mean(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        return -self.sample(obs, generator, nfe)

    def act(
        self,
        obs: Tensor,
        generator: torch.Generator,
        nfe: int | None = None,
        elapsed: Tensor | None = None,
        decoder: Decoder = "sample",
    ) -> Tensor:
        self.asked.append({"obs": obs, "elapsed": elapsed, "generator": generator})
        return super().act(obs, generator, nfe, elapsed, decoder)


@pytest.fixture
def recorder(short: TrainParams) -> Recorder:
    return Recorder(short)


@pytest.fixture(scope="module")
def checkpoint(smoke: Any, demos_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("checkpoint")
    train(TASK, 0, smoke.train["energyflow"].model_copy(update={"steps": 8}), demos_path, out, torch.device("cpu"))
    return out / "model.safetensors"


def section(**changed: Any) -> EvaluateParams:
    return EvaluateParams(**{"episodes": 2, "horizon": 10, "seed": 500, "levels": LEVELS, "nfe": []} | changed)


def test_every_level_meets_the_same_initial_states() -> None:
    assert episodes_of(section(episodes=3)) == [
        Episode(index, 500 + index, name, level) for name, level in LEVELS.items() for index in range(3)
    ]


def test_a_plan_is_the_executed_part_of_a_chunk(recorder: Recorder) -> None:
    generator = torch.Generator().manual_seed(0)
    obs, elapsed = np.arange(8.0).reshape(2, 2, 2), np.array([3, 0])
    actions = planner(recorder, generator, 7)(obs, elapsed)
    assert actions.dtype == np.float64
    np.testing.assert_allclose(actions, np.broadcast_to(np.array([0.0, 0.1, 0.2])[None, :, None], (2, 3, 3)), atol=1e-7)
    (asked,) = recorder.asked
    assert asked["nfe"] == 7
    assert asked["generator"] is generator
    assert asked["obs"].tolist() == obs.tolist()
    assert asked["elapsed"].tolist() == [3, 0]
    np.testing.assert_array_equal(planner(recorder, generator, 7, "mean")(obs, elapsed), -actions)


def read(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "episodes.csv", dtype={"level": str})


def test_rows_say_what_was_run_and_another_run_says_the_same(checkpoint: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        evaluate(TASK, 3, section(), checkpoint, tmp_path / name)
    rows = read(tmp_path / "one")
    assert list(rows)[:6] == ["task", "method", "seed", "nfe", "decoder", "level"]
    assert rows["level"].tolist() == ["0", "0", "M", "M"] * 2
    assert rows["episode"].tolist() == [0, 1, 0, 1] * 2
    assert rows["env_seed"].tolist() == [500, 501, 500, 501] * 2
    nfe = read_json(checkpoint.with_suffix(".json"))["params"]["method_params"]["nfe"]
    whose = rows[["task", "method", "seed", "nfe", "decoder"]].drop_duplicates().to_numpy().tolist()
    assert whose == [[TASK, "energyflow", 3, nfe, "sample"], [TASK, "energyflow", 3, 1, "mean"]]
    assert rows["length"].tolist() == [10] * 8
    assert rows["success"].tolist() == [0] * 8  # eight training steps, ten of the task
    assert rows["return"].nunique() == 8
    assert rows["return"].between(0.0, 100.0).all()
    assert (rows["seconds"] > 0).all()
    pd.testing.assert_frame_equal(rows.drop(columns="seconds"), read(tmp_path / "two").drop(columns="seconds"))
    record = read_json(tmp_path / "one" / "run.json")
    assert (record["task"], record["method"], record["seed"], record["episodes"]) == (TASK, "energyflow", 3, 8)
    assert record["device"] == str(default_device())
    assert str(checkpoint) in str(record["inputs"])


def test_each_decoder_has_the_rows_that_it_has_alone(checkpoint: Path, tmp_path: Path) -> None:
    """Whatever is rolled out beside it, in whichever order."""
    level = {"levels": {"0": LEVELS["0"]}, "horizon": 3}
    evaluate(TASK, 0, section(decoders=["mean", "sample"], **level), checkpoint, tmp_path / "both")
    both = read(tmp_path / "both")
    assert both["decoder"].tolist() == ["mean", "mean", "sample", "sample"]
    for decoder in ("sample", "mean"):
        evaluate(TASK, 0, section(decoders=[decoder], **level), checkpoint, tmp_path / decoder)
        alone, part = read(tmp_path / decoder), both[both["decoder"] == decoder].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone.drop(columns="seconds"), part.drop(columns="seconds"))
    with pytest.raises(ValueError, match="listed twice"):
        section(decoders=["mean", "mean"])
    with pytest.raises(ValueError, match="at least 1"):
        section(decoders=[])


def test_where_both_decoders_are_one_function_its_episodes_are_run_once(
    smoke: Any, demos_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(TASK, 0, smoke.train["bc"].model_copy(update={"steps": 8}), demos_path, tmp_path, torch.device("cpu"))
    calls: list[int] = []

    def counted(*given: Any, **more: Any) -> list[Outcome]:
        calls.append(1)
        return rollout(*given, **more)

    monkeypatch.setattr(evaluation, "rollout", counted)
    evaluate(TASK, 0, section(horizon=3), tmp_path / "model.safetensors", tmp_path)
    rows = read(tmp_path)
    sampled, mean = (rows[rows["decoder"] == decoder].drop(columns="decoder") for decoder in ("sample", "mean"))
    assert len(calls) == 1
    assert set(rows["nfe"]) == {1}
    assert len(rows) == 8
    pd.testing.assert_frame_equal(sampled.reset_index(drop=True), mean.reset_index(drop=True))


def test_each_number_of_evaluations_has_its_own_rows_and_draws(checkpoint: Path, tmp_path: Path) -> None:
    evaluate(TASK, 0, section(nfe=[3, 1], levels={"0": LEVELS["0"]}, horizon=3), checkpoint, tmp_path / "both")
    evaluate(TASK, 0, section(nfe=[1], levels={"0": LEVELS["0"]}, horizon=3), checkpoint, tmp_path / "one")
    both, one = read(tmp_path / "both"), read(tmp_path / "one")
    assert both["nfe"].tolist() == [3, 3, 1, 1]
    assert set(both["decoder"]) == {"sample"}
    assert both["return"][2:].tolist() == one["return"].tolist()  # whatever was run before
    assert both["return"][:2].tolist() != both["return"][2:].tolist()


def test_the_expert_sets_the_ceiling_from_the_same_initial_states(tmp_path: Path) -> None:
    evaluate_expert(TASK, section(horizon=200), tmp_path)
    rows = read(tmp_path)
    assert rows["env_seed"].tolist() == [500, 501, 500, 501]
    whose = rows[["task", "method", "seed", "nfe", "decoder"]].drop_duplicates().to_numpy().tolist()
    assert whose == [[TASK, "expert", 0, 0, "expert"]]
    assert rows["success"].tolist() == [1] * 4
    assert rows["length"].between(20, 199).all()
    assert (rows["return"] > 20).all()
    assert rows["length"].nunique() > 1
    assert (rows["seconds"] > 0).all()
    assert read_json(tmp_path / "run.json")["episodes"] == 4
    evaluate_expert(TASK, section(horizon=5, levels={"0": LEVELS["0"]}), tmp_path / "brief")
    brief = read(tmp_path / "brief")
    assert brief["length"].tolist() == [5, 5]
    assert brief["success"].tolist() == [0, 0]


def test_planning_is_timed_after_a_warm_up_for_each_batch(recorder: Recorder) -> None:
    recorder.normalizer.obs_mean.copy_(torch.tensor([0.5, -2.0]))
    rows = list(latency.planning_times(recorder, [1, 3]))
    assert [(row["batch"], row["repeat"]) for row in rows] == [(b, r) for b in (1, 3) for r in range(latency.REPEATS)]
    calls = latency.WARMUP + latency.REPEATS
    assert [len(each["obs"]) for each in recorder.asked] == [1] * calls + [3] * calls
    assert recorder.asked[-1]["obs"].shape == (3, 2, 2)
    assert recorder.asked[-1]["obs"][2].tolist() == [[0.5, -2.0]] * 2
    assert {row["method"] for row in rows} == {"energyflow"}
    assert {row["network"] for row in rows} == {"mlp"}
    assert {row["nfe"] for row in rows} == {recorder.nfe}
    assert {row["parameters"] for row in rows} == {20}
    assert all(0.0 < row["ms"] < 1000.0 for row in rows)
    assert len({row["ms"] for row in rows}) > 1


def test_the_latency_of_a_checkpoint_is_that_of_one_plan(checkpoint: Path, tmp_path: Path) -> None:
    latency.measure_latency(checkpoint, tmp_path)
    rows = pd.read_csv(tmp_path / "latency.csv")
    assert rows["repeat"].tolist() == list(range(latency.REPEATS))
    assert set(rows["batch"]) == {1}
    assert set(rows["method"]) == {"energyflow"}
    record = read_json(tmp_path / "run.json")
    assert (record["method"], record["device"]) == ("energyflow", str(default_device()))
    assert str(checkpoint) in str(record["inputs"])

"""Each rule of the paper preset runs: its own sections, networks and sizes, cut to a few steps."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

import energyflow
from energyflow.agents.sac import run_shape
from energyflow.config.params import Params
from energyflow.learning.evaluation import evaluate, evaluate_expert
from energyflow.learning.latency import measure_latency
from energyflow.learning.trainer import train
from energyflow.policies.registry import METHODS, policies
from tests.conftest import TASK

CPU = torch.device("cpu")


@pytest.mark.parametrize("method", [name for name in policies(online=False) if METHODS[name].transitions is None])
def test_train_evaluate_and_time_a_unet(paper: Params, demos_path: Path, tmp_path: Path, method: str) -> None:
    section = paper.train[method].model_copy(update={"steps": 2, "log_every": 1})
    one_step = {"lstm_gmm": "recurrent", "implicit_bc": "mlp"}  # methods without a chunk, and so without a U-Net
    assert section.network.kind == one_step.get(method, "unet")
    train(TASK, 0, section, demos_path, tmp_path, CPU)
    model = tmp_path / "model.safetensors"
    rollouts = paper.evaluate_levels().model_copy(update={"episodes": 1, "horizon": 9})
    evaluate(TASK, 0, rollouts, model, tmp_path / "evaluate")
    assert len(pd.read_csv(tmp_path / "evaluate/episodes.csv")) == 2 * len(rollouts.levels)
    policy = energyflow.load(model)
    chunk = policy.act(torch.zeros(1, policy.spec.obs_horizon, 39), torch.Generator().manual_seed(0), nfe=2)
    assert chunk.shape == (1, 1 if method in one_step else METHODS[method].train.get("pred_horizon", 16), 4)
    assert bool(torch.isfinite(chunk).all())


@pytest.mark.parametrize(("method", "nfe"), [("flow_policy", 10), ("lstm_gmm", 1), ("implicit_bc", 50)])
def test_latency_has_a_row_per_repeat(smoke: Params, demos_path: Path, tmp_path: Path, method: str, nfe: int) -> None:
    train(TASK, 0, smoke.train[method].model_copy(update={"steps": 2}), demos_path, tmp_path, CPU)
    measure_latency(tmp_path / "model.safetensors", tmp_path / "latency")
    rows = pd.read_csv(tmp_path / "latency/latency.csv")
    assert len(rows) == 50
    assert (rows.ms > 0).all()
    assert set(rows.nfe) == {nfe}


def test_expert_and_shape(paper: Params, demos_path: Path, tmp_path: Path) -> None:
    evaluate_expert(TASK, paper.evaluate_levels().model_copy(update={"episodes": 1}), tmp_path / "expert")
    assert pd.read_csv(tmp_path / "expert/episodes.csv").query("level == '0'").success.all()
    # the published average remembers 10 000 steps, and so little more than the start of a run of 300
    rewarding = paper.reward_model["energyflow"].model_copy(update={"steps": 300, "ema_decay": 0.9})
    train(TASK, 0, rewarding, demos_path, tmp_path, CPU)
    section = paper.shape["centered_energy_sparse"].model_copy(
        update={"steps": 40, "eval_every": 20, "eval_episodes": 1, "horizon": 20, "learning_starts": 10}
    )
    model = tmp_path / "model.safetensors"
    run_shape(TASK, "centered_energy_sparse", 0, section, model, demos_path, tmp_path / "shape")
    assert list(pd.read_csv(tmp_path / "shape/curve.csv").step) == [20, 40]

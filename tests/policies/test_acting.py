"""`policy.act` as users call it: NumPy or torch, by key or as one array, a batch or not, wrong sizes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

import energyflow
from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.learning.trainer import train
from energyflow.pipeline.params import Params
from energyflow.policies.base import Policy
from tests.datasets.files import write

KEYS = {"joints": 3, "tool": 2, "volts": 1}


def trained(folder: Path, params: TrainParams, **options: Any) -> Policy:
    path = write(folder / "bench.hdf5", obs=KEYS, **options)
    with h5py.File(path, "r+") as file:
        for demo in file["data"].values():
            actions = demo["actions"]
            actions[:, 1] = 40.0 + 30.0 * actions[:, 1]  # degrees
            actions[:, 2] = 7.25  # rests
            actions[:, 3] = 0.3 + 2e-5 * actions[:, 3]  # metres
    train("custom/bench", 0, params, path, folder / "run", torch.device("cpu"))
    return energyflow.load(folder / "run")


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory, smoke: Params) -> Policy:
    params = smoke.train["energyflow"].model_copy(update={"steps": 20})
    return trained(tmp_path_factory.mktemp("bench"), params, actions=4)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_every_form_of_the_same_observations_gives_the_same_plan(policy: Policy) -> None:
    obs = np.random.default_rng(1).normal(size=(3, 2, 6))
    expected = policy.act(obs, seeded())
    assert isinstance(expected, np.ndarray)
    assert (expected.shape, expected.dtype) == ((3, 16, 4), np.float64)
    parts = {"joints": obs[..., :3], "tool": obs[..., 3:5], "volts": obs[..., 5], "camera": "ignored"}
    np.testing.assert_array_equal(policy.act(parts, seeded()), expected)
    tensors = policy.act({k: torch.from_numpy(v) for k, v in parts.items() if k != "camera"}, seeded())
    assert isinstance(tensors, torch.Tensor)
    np.testing.assert_array_equal(tensors.numpy(), expected)
    single = policy.act(torch.from_numpy(obs).float(), seeded())
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), expected, rtol=1e-3, atol=1e-3)
    one = policy.act(obs[0], seeded())
    assert one.shape == (16, 4)
    np.testing.assert_array_equal(one, policy.act(obs[:1], seeded())[0])
    np.testing.assert_array_equal(one, policy.act({k: parts[k][0] for k in KEYS}, seeded()))


def test_plans_stay_in_the_demonstrated_range(policy: Policy, tmp_path: Path) -> None:
    plan = policy.act(5.0 * np.random.default_rng(1).normal(size=(50, 2, 6)))
    low, high = policy.normalizer.action_low.numpy(), policy.normalizer.action_high.numpy()
    assert (plan >= low).all()
    assert (plan <= high).all()
    assert (low[0], high[0]) == (-1.0, 1.0)
    assert 12 < low[1] < 15 < 65 < high[1] < 68
    assert (plan[..., 2] == 7.25).all()
    assert 0.29998 < low[3] < high[3] < 0.30002
    assert plan[..., 3].std() > 1e-6


def test_without_a_generator_plans_differ_and_runs_agree(policy: Policy) -> None:
    first, second = copy.deepcopy(policy), copy.deepcopy(policy)
    obs = np.zeros((2, 6))
    plans = [first.act(obs), first.act(obs)]
    assert not np.array_equal(*plans)
    np.testing.assert_array_equal(plans, [second.act(obs), second.act(obs)])


@pytest.mark.parametrize(
    ("obs", "message"),
    [
        (np.zeros((2, 7)), r"observes 2 steps of 6 numbers \(joints, tool, volts\).*\[2, 7\]"),
        (np.zeros((1, 6)), "observes 2 steps"),
        (np.zeros(6), "observes 2 steps"),
        (np.zeros((1, 1, 2, 6)), "observes 2 steps"),
        (np.full((2, 6), np.nan), "NaN or infinity"),
        ([["a"] * 6] * 2, "no array of numbers"),
        ({"joints": np.zeros((2, 3)), "tol": np.zeros((2, 2))}, r"no observation 'tool'; did you mean 'tol'\?"),
        ({"joints": np.zeros((2, 3)), "tool": np.zeros((2, 3)), "volts": np.zeros(2)}, r"tool: 3.*\[2, 7\]"),
        ({"joints": np.zeros((2, 3)), "tool": np.zeros((3, 2)), "volts": np.zeros(2)}, r"must agree in all sizes"),
        ({}, "no observation 'joints'"),
    ],
)
def test_a_wrong_observation_is_one_line(policy: Policy, obs: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        policy.act(obs)
    assert "\n" not in str(caught.value)


def test_no_evaluation_is_no_plan(policy: Policy) -> None:
    with pytest.raises(UserError, match="nfe is 0"):
        policy.act(np.zeros((2, 6)), nfe=0)


@pytest.mark.parametrize("method", ["lstm_gmm", "diffusion_policy", "implicit_bc"])
def test_every_kind_of_method_acts_in_the_range(tmp_path: Path, smoke: Params, method: str) -> None:
    policy = trained(tmp_path, smoke.train[method].model_copy(update={"steps": 3}), actions=4)
    plan = policy.act(np.zeros((policy.spec.obs_horizon, 6)))
    assert plan.shape == (policy.spec.pred_horizon if method != "lstm_gmm" else 1, 4)
    assert (plan[:, 2] == 7.25).all()
    assert (plan[:, 1] > 12).all()


def test_a_checkpoint_is_as_readable_as_the_umask_says(policy: Policy, tmp_path: Path, smoke: Params) -> None:
    import os

    before = os.umask(0o027)
    try:
        trained(tmp_path, smoke.train["flow_policy"].model_copy(update={"steps": 2}), actions=4)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "run").iterdir()}
    assert set(modes) == {"model.safetensors", "model.json", "train.csv", "run.json"}
    assert set(modes.values()) == {0o640}

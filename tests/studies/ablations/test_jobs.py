"""The small jobs: fewer demonstrations, another sampler on the same weights, gradients that are zero, milliseconds."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.core.files import read_json, sha256
from energyflow.datasets.format import load_demos
from energyflow.learning.trainer import train
from energyflow.policies.checkpoint import load
from energyflow.studies.ablations import gradients, latency, resolve
from energyflow.studies.ablations.demos import write_subset
from energyflow.studies.ablations.sampling import resample
from energyflow.studies.ablations.sections import LatencyParams
from tests.conftest import TASK

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def trained(smoke: Params, demos_path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints of a few steps: `energyflow` and the variant with ReLU."""
    found = {}
    for name in ("silu", "relu"):
        section = smoke.train["energyflow"]
        if name == "relu":
            section = resolve.train_section(smoke, "activation", "relu", TASK, "energyflow")
        out = tmp_path_factory.mktemp(name)
        train(TASK, 0, section.model_copy(update={"steps": 3}), demos_path, out, CPU)
        found[name] = out / "model.safetensors"
    return found


def test_a_subset_holds_the_first_demonstrations_and_says_so(demos_path: Path, tmp_path: Path) -> None:
    write_subset(demos_path, 2, tmp_path)
    whole, part = load_demos(demos_path), load_demos(tmp_path / "demos.hdf5")  # which checks the manifest's hash
    assert len(part.episodes) == 2
    for first, second in zip(whole.episodes, part.episodes, strict=False):
        assert all(np.array_equal(getattr(first, key), getattr(second, key)) for key in ("obs", "actions", "rewards"))
    assert (part.env_args, part.obs_keys) == (whole.env_args, whole.obs_keys)
    steps = sum(len(episode.actions) for episode in part.episodes)
    with h5py.File(tmp_path / "demos.hdf5") as file:
        assert file["data"].attrs["total"] == steps
        assert sorted(file["data"]) == ["demo_0", "demo_1"]
    before, after = read_json(demos_path.with_name("manifest.json")), read_json(tmp_path / "manifest.json")
    assert (after["demos"], after["transitions"], after["first_of"]) == (2, steps, sha256(demos_path))
    assert {key for key in before if before[key] != after[key]} == {"demos", "transitions", "sha256", "content_sha256"}


def test_a_subset_of_more_than_there_is_says_so(demos_path: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds 3 demonstrations, 4 were asked for"):
        write_subset(demos_path, 4, tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_sampler_on_the_same_weights(smoke: Params, trained: dict[str, Path], tmp_path: Path) -> None:
    section = resolve.sampling_section(smoke, "gamma", "0.3", "energyflow")
    resample(trained["silu"], section, tmp_path)
    before, after = load(trained["silu"]), load(tmp_path / "model.safetensors", TASK)
    assert all(torch.equal(value, after.state_dict()[key]) for key, value in before.state_dict().items())
    assert after.params.model_copy(update=section.model_dump()) == after.params
    assert after.params.method_params["gamma"] == 0.3
    obs = torch.zeros(2, before.spec.obs_horizon, before.spec.obs_dim)
    plans = [policy.act(obs, torch.Generator().manual_seed(0)) for policy in (before, after)]
    assert not torch.equal(*plans)
    resample(trained["silu"], resolve.sampling_section(smoke, "gamma", "0", "energyflow"), tmp_path / "own")
    own = load(tmp_path / "own/model.safetensors").act(obs, torch.Generator().manual_seed(0))
    assert torch.equal(plans[0], own)


def test_relu_leaves_parameters_untrained(trained: dict[str, Path], demos_path: Path, tmp_path: Path) -> None:
    rows = {}
    for name, model in trained.items():
        gradients.measure(model, demos_path, tmp_path / name)
        rows[name] = pd.read_csv(tmp_path / name / "rows.csv").iloc[0]
    assert rows["silu"].zero < 0.1  # the weights of coordinates of the observation that never change
    assert rows["silu"].zero_biases == 0.0
    assert rows["relu"].zero_biases == 1.0
    assert 0.15 < rows["relu"].zero < 0.6
    assert rows["silu"].parameters == rows["relu"].parameters
    assert np.isfinite(rows["relu"].loss)
    assert read_json(tmp_path / "relu/run.json")["windows"] == gradients.WINDOWS


def test_latency_has_a_row_a_repeat_and_batch(trained: dict[str, Path], tmp_path: Path) -> None:
    latency.measure(trained["silu"], LatencyParams(batches=[1, 3]), tmp_path)
    rows = pd.read_csv(tmp_path / "latency.csv")
    assert dict(rows.groupby("batch").size()) == {1: 50, 3: 50}
    assert (rows.ms > 0).all()
    assert set(rows.exec_horizon) == {8}
    record = read_json(tmp_path / "run.json")
    assert record["processor"]
    assert record["threads"] >= 1

"""A method is one file, one section of params.yaml with a learning rate, and one line of the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

import energyflow
from energyflow.cli import main
from energyflow.core.files import read_json
from energyflow.policies import registry
from tests.conftest import ROOT

FILE = '''
"""Regression: the chunk is a linear function of the observations."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from energyflow.networks.build import Spec
from energyflow.policies.base import Policy
from energyflow.sections import Section, TrainParams


class RegressionParams(Section):
    scale: float = Field(gt=0)
    nfe: int = Field(ge=1)


class Regression(Policy):
    Params = RegressionParams

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        super().__init__(spec, params)
        self.own = RegressionParams(**params.method_params)
        self.linear = nn.Linear(spec.obs_horizon * spec.obs_dim, spec.pred_horizon * spec.action_dim)

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        return self.own.scale * (self.sample(obs, generator, 1) - action).square().mean()

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        return self.linear(obs.flatten(1)).reshape(-1, self.spec.pred_horizon, self.spec.action_dim)
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the new file and a params.yaml with the new section; the registry has the new line."""
    raw: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["method"]["regression"] = {"scale": 0.5, "nfe": 1, "train": {"pred_horizon": 12, "ema_decay": 0.0}}
    raw["presets"]["smoke"]["lr"]["regression"] = 1e-2
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    (tmp_path / "regression.py").write_text(FILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(registry.METHODS, "regression", "regression:Regression")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_method_trains_acts_and_is_evaluated(project: Path, demos_path: Path) -> None:
    out = project / "run"
    preset = ["--preset", "smoke"]
    assert main(["train", "--demos", str(demos_path), *preset, "--method", "regression", "--out", str(out)]) == 0
    described = read_json(out / "model.json")
    assert (described["method"], described["task"]) == ("regression", "metaworld/button_press")
    assert described["params"]["method_params"] == {"scale": 0.5, "nfe": 1}
    losses = pd.read_csv(out / "train.csv")["loss"]
    assert bool(losses.notna().all())
    policy = energyflow.load(out / "model.safetensors")
    assert (policy.spec.pred_horizon, policy.spec.exec_horizon, policy.params.ema_decay) == (12, 8, 0.0)
    chunk = policy.act(torch.zeros(2, 2, 39), torch.Generator().manual_seed(0))
    assert chunk.shape == (2, 12, 4)
    assert float(chunk.abs().max()) <= 1.0
    assert main(["evaluate", "--model", str(out / "model.safetensors"), *preset]) == 0
    assert set(pd.read_csv(out / "evaluate/episodes.csv")["method"]) == {"regression"}


def test_a_mistake_in_the_new_section_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = project / "params.yaml"
    good = yaml.safe_load(file.read_text())
    command = ["train", "--demos", "none.hdf5", "--task", "custom/x", "--preset", "smoke", "--method"]
    for section, message in (
        ({"scale": 1.0, "nfe": 1, "train": {"pred_horizn": 12}}, "method.regression.train: unknown key 'pred_horizn'"),
        ({"scale": 1.0, "nfs": 1}, "method.regression: unknown key 'nfs'; did you mean 'nfe'?"),
    ):
        file.write_text(yaml.safe_dump(good | {"method": {**good["method"], "regression": section}}))
        assert main([*command, "regression"]) == 2
        assert message in capsys.readouterr().err
    file.write_text(yaml.safe_dump(good))
    assert main([*command, "regresion"]) == 2
    assert "unknown method 'regresion'; did you mean 'regression'?" in capsys.readouterr().err

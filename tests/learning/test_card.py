"""The card beside a checkpoint says what its two JSON files say, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.learning.card import write_card
from energyflow.learning.trainer import train
from energyflow.pipeline.params import Params
from tests.datasets.files import write
from tests.learning.test_own_data import split


def test_a_card_says_what_the_run_was(tmp_path: Path, short: TrainParams) -> None:
    run = tmp_path / "run"
    params = short.model_copy(update={"steps": 4})
    train("custom/bench", 3, params, split(tmp_path / "bench.hdf5"), run, torch.device("cpu"))
    text = write_card(run).read_text()
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front) == {
        "library_name": "energyflow",
        "pipeline_tag": "robotics",
        "tags": ["imitation-learning", "robotics", "energyflow", "custom/bench"],
    }
    described, record = read_json(run / "model.json"), read_json(run / "run.json")
    for said in (
        "# EnergyFlow on custom/bench",
        f"| parameters | {described['parameters']} |",
        f"| trained | 4 steps of {params.batch_size}, seed 3 |",
        f"| loss held out | {record['valid_loss']:.4g} |",
        f"| demonstrations | 3 of `bench.hdf5`, list `train` (sha256 `{described['demos']['sha256'][:16]}`) |",
        "`joints`, `tool`",
        f"torch {record['versions']['torch']}",
    ):
        assert said in body
    assert str(tmp_path) not in text
    assert "None" not in text


@pytest.mark.parametrize(("method", "called"), [("flow_policy", "load"), ("ebil_energy", "reward")])
def test_a_card_calls_what_can_be_called(tmp_path: Path, smoke: Params, method: str, called: str) -> None:
    params = smoke.reward_model[method].model_copy(update={"steps": 2})
    train("custom/bench", 0, params, write(tmp_path / "bench.hdf5"), tmp_path / "run", torch.device("cpu"))
    assert write_card(tmp_path / "run").read_text().count(f"energyflow.{called}(") == 1


def test_a_card_of_a_damaged_run_is_not_written(tmp_path: Path, short: TrainParams) -> None:
    with pytest.raises(UserError, match=r"model\.json: no such file"):
        write_card(tmp_path)
    assert not (tmp_path / "README.md").exists()

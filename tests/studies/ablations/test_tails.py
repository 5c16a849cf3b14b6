"""Errors of samples in widths of the demonstrator: of policies whose density is known, and of trained ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.datasets.format import Demonstration
from energyflow.datasets.scripted import demonstrate
from energyflow.envs.tasks import make_env
from energyflow.learning.trainer import train
from energyflow.networks.build import Spec
from energyflow.policies.base import Policy
from energyflow.studies.ablations import resolve, tails
from energyflow.studies.ablations import study as grid
from energyflow.studies.check import run_check
from tests.conftest import TASK

STD = 0.02


class Known(Policy):
    """Draws N(what the observation shows + bias, width^2) on each coordinate."""

    bias, width = 0.0, STD

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        return (action - self.mean(obs, generator, 1)).square().mean()

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        return self.mean(obs, generator, nfe) + self.width * self.prior(obs, generator)

    def mean(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        return obs[:, -1:] + self.bias


def known(smoke: Params, bias: float, width: float) -> Known:
    policy = Known(Spec(3, 3, 2, 1, 1, ("state",)), smoke.train["flow_policy"])
    policy.register_parameter("weight", torch.nn.Parameter(torch.zeros((), dtype=torch.float64)))
    policy.bias, policy.width = bias, width
    return policy


@pytest.mark.parametrize(
    ("bias", "width", "beyond"),
    [(0.0, 1.0, 0.0027), (2.0, 1.0, 0.1587), (0.0, 3.0, 0.3173)],
)
def test_a_known_density_is_measured_as_it_is(smoke: Params, bias: float, width: float, beyond: float) -> None:
    rng = np.random.default_rng(0)
    shown = rng.uniform(-0.3, 0.3, size=(400, 3))
    held = {7: Demonstration(shown, shown, np.zeros(400), np.zeros(400))}
    params = resolve.tails_section(smoke).model_copy(update={"draws": 50})
    (row,) = tails.measured(known(smoke, STD * bias, STD * width), held, STD, params)
    assert (row["demo"], row["n"], row["method"], row["law"]) == (7, 60_000, "flow_policy", None)
    assert row["beyond"] == pytest.approx(beyond, abs=0.005)
    assert row["spread"] == pytest.approx(width**2, rel=0.03)
    assert row["square"] == pytest.approx(bias**2 + width**2, rel=0.03)


def test_held_out_demonstrations_show_what_was_intended(smoke: Params) -> None:
    params = resolve.tails_section(smoke)
    noisy = smoke.collect.model_copy(update={"label_noise": STD, "noise": 0.05})
    params = params.model_copy(update={"collect": {TASK: noisy}})
    assert params.std(TASK) == STD
    held = tails.held_out(TASK, params, ("state",))
    (seed, found), *others = held.items()
    assert params.seed <= seed < smoke.evaluate.seed
    assert len(others) + 1 == params.demos
    labelled = demonstrate(make_env(TASK), seed, noisy)
    assert labelled is not None
    np.testing.assert_array_equal(found.obs, labelled.obs)  # the same episode
    np.testing.assert_array_equal(found.executed, labelled.executed)
    apart = (labelled.actions - found.actions)[np.abs(found.actions) < 0.9]
    assert apart.std() == pytest.approx(STD, rel=0.15)
    assert abs(apart.mean()) < STD / 3


def test_without_label_noise_the_executed_noise_is_the_width(smoke: Params) -> None:
    params = resolve.tails_section(smoke)
    assert params.std(TASK) == smoke.collect.label_noise
    unlabelled = {TASK: smoke.collect.model_copy(update={"label_noise": None})}
    assert params.model_copy(update={"collect": unlabelled}).std(TASK) == smoke.collect.noise


def test_a_job_has_a_row_a_policy_and_demonstration(smoke: Params, demos_path: Path, tmp_path: Path) -> None:
    models = []
    for place, section in enumerate(
        (
            smoke.train["energyflow"],
            smoke.train["flow_policy"],
            resolve.train_section(smoke, "centred", "on", TASK, "energyflow"),
            resolve.train_section(smoke, "law", "log_uniform", TASK, "unconstrained"),
        )
    ):
        train(TASK, 0, section.model_copy(update={"steps": 2}), demos_path, tmp_path / str(place), torch.device("cpu"))
        models.append(tmp_path / str(place) / "model.safetensors")
    params = resolve.tails_section(smoke).model_copy(update={"demos": 2})
    run_check("ablations", "tails", TASK, 0, params.canonical(), models, tmp_path)
    rows = pd.read_csv(tmp_path / "rows.csv", keep_default_na=False)
    said = list(rows[["method", "centred", "law"]].drop_duplicates().itertuples(index=False, name=None))
    assert said == [
        ("energyflow", "off", "flow"),
        ("flow_policy", "", ""),
        ("energyflow", "on", "flow"),
        ("unconstrained", "", "log_uniform"),
    ]
    assert len(rows) == 8
    assert set(rows["task"]) == {TASK}
    assert ((rows["square"] > 0) & (rows["beyond"] <= 1)).all()


def test_an_expert_that_fails_is_told(smoke: Params) -> None:
    params = resolve.tails_section(smoke)
    hopeless = {TASK: smoke.collect.model_copy(update={"horizon": 3})}
    with pytest.raises(UserError, match="succeeded in 0 of 5 attempts"):
        tails.held_out(TASK, params.model_copy(update={"collect": hopeless}), ("state",))


def test_a_job_reads_the_preset_s_policies_and_those_that_differ(laptop: Params) -> None:
    keys = grid.tails(laptop)
    assert {key.subject for key in keys} == set(resolve.ablations_of(laptop).tasks)
    files = grid.tails_inputs(laptop, keys[0])
    assert len(files) == len(set(files)) == 6
    assert [file.split("/")[-3] for file in files[:3]] == list(grid.TAILED)
    assert all(f"/{keys[0].subject}/" in file and f"/seed{keys[0].seed}/" in file for file in files)
    assert [tuple(file.split("/")[3:5]) for file in files[3:]] == [
        ("centred", "on"),
        ("law", "log_uniform"),
        ("law", "log_uniform"),
    ]

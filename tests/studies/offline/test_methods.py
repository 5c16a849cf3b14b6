"""Every method of the comparison follows beta to lower energies, and says what it costs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from energyflow.config.params import Params
from energyflow.offline.sets import make_set
from energyflow.studies.offline.checks.toys import resample
from energyflow.studies.offline.methods import METHODS, Bench
from energyflow.studies.offline.study import offline_of

BETA = 3.0


@pytest.fixture(scope="module")
def bench(smoke: Params) -> Bench:
    """Two moons, of which the lower one has the lower energy; networks large enough to tell them apart."""
    own = offline_of(smoke).toys
    recipe = own.fit.model_copy(update={"steps": 400, "batch_size": 128, "lr": 1e-2, "ema_decay": 0.95})
    changed = {"hidden": [48, 48], "time_dim": 16, "fit": recipe, "group": 32, "samples": 1000}
    solvers = {name: getattr(own, name).model_copy(update={"steps": 8}) for name in ("ot", "vp")}
    data = make_set("moons").draw(5000, np.random.default_rng(0))
    return Bench.of(data, own.model_copy(update=changed | solvers), 0)


@pytest.mark.parametrize("name", METHODS)
def test_samples_have_lower_energies(name: str, bench: Bench) -> None:
    """The mean is -1/2 before, and -0.95 after."""
    model = METHODS[name](bench, BETA)
    found = model.draw(torch.randn((1000, 2), generator=torch.Generator().manual_seed(1))).double().numpy()
    assert make_set("moons").energy(found).mean() < -0.65
    assert model.size > 0
    assert model.seconds > 0


def test_resampled_points_have_lower_energies(bench: Bench) -> None:
    assert make_set("moons").energy(resample(bench, BETA)).mean() == pytest.approx(-0.953, abs=0.03)


def test_costs_count_every_network(bench: Bench) -> None:
    """CEP has two networks and a gradient in each step; classifier-free guidance evaluates twice."""
    found = {name: METHODS[name](bench, BETA) for name in ("ed", "cfg", "cep")}
    steps = bench.params.vp.evaluations
    assert [found[name].passes for name in found] == [steps, 2 * steps, 3 * steps]
    assert found["cep"].size > 1.9 * found["ed"].size
    assert found["cep"].seconds > bench.trained["cep"][1]

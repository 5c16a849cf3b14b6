"""Temperature and rescaling against closed forms: each would fail with the sign of a weight, or of beta, reversed."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from energyflow.config.params import Params
from energyflow.networks.normalizer import Normalizer
from energyflow.studies.theory.experts.bandits import GaussianBandit
from energyflow.studies.theory.experts.registry import make_expert
from energyflow.studies.theory.models import draw
from energyflow.studies.theory.readings import Reading
from energyflow.studies.weighting import flows, resolve
from energyflow.studies.weighting.checks import rescaling, temperature
from energyflow.studies.weighting.tempering import POWERS, log_density, mean_log_density, power_of, smoothed_energy

S, K = 8, 20_000


class Exact(Reading):
    """A reading whose model is the expert itself, at its noise level, in environment units."""

    def energy(self, actions: Tensor, states: Tensor) -> Tensor:
        return self.exact_energy(actions, states)


def exact(name: str, sigma: float) -> Exact:
    expert = make_expert(name)
    model: Any = SimpleNamespace(normalizer=Normalizer(expert.obs_dim, expert.action_dim))
    return Exact(model, expert, sigma)


def pool_of(name: str) -> tuple[Any, Tensor, Tensor]:
    expert, generator = make_expert(name), torch.Generator().manual_seed(0)
    states = expert.states(S, generator)
    return expert, states, expert.sample(states.repeat_interleave(K, dim=0), generator).view(S, K, -1)


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_the_mean_log_density_of_a_power_of_a_gaussian(power: float) -> None:
    """Of N(m, v / k) it is that of N(m, v), (d - d / k) / 2 above its own mean."""
    expert, states, pool = pool_of("gaussian2")
    own = log_density(expert, pool, states)
    peak = -0.5 * torch.log(2.0 * math.pi * expert.variance(states)).sum(dim=1).mean()
    assert mean_log_density(own, power) == pytest.approx(float(peak) - 1.0 / power, abs=0.02)


def test_a_power_is_found_again_and_ends_are_ends() -> None:
    expert, states, pool = pool_of("mixture2")
    own = log_density(expert, pool, states)
    assert power_of(mean_log_density(own, 2.5), own) == pytest.approx(2.5, abs=1e-4)
    assert power_of(1e9, own) == POWERS[1]
    assert power_of(-1e9, own) == POWERS[0]


@pytest.mark.parametrize("subject", ["gaussian2", "gaussian8", "mixture2"])
def test_weights_alone_follow_the_temperature_law(subject: str, laptop: Params) -> None:
    params = resolve.temperature(laptop).model_copy(update={"states": 16})
    probe = temperature.Probe(make_expert(subject), params, 0)
    for beta in (0.0, 0.5, 2.0):
        assert probe.closed(beta) == pytest.approx(1.0 + beta, rel=0.1)
    assert probe.closed(-0.5) == pytest.approx(0.5, rel=0.1)  # -1 < beta < 0 flattens


def test_renewals_of_a_flow_lower_its_temperature(laptop: Params) -> None:
    """Two of beta 1 on a Gaussian: to 1/2 and 1/3 of that of a flow, which is itself too wide after so few steps."""
    own = resolve.temperature(laptop)
    quick = {"steps": 400, "batch_size": 128, "lr": 5e-3, "ema_decay": 0.97}
    improvement = own.improvement.model_copy(update=quick | {"renew_every": 200, "beta": 2.0, "states": 512})
    acting = own.learn.acting.model_copy(update={"ot": own.solver.model_copy(update={"steps": 8})})
    told = {"behaviour": own.behaviour.model_copy(update=quick), "improvement": improvement, "acting": acting}
    learn = own.learn.model_copy(update=told | {"hidden": [48, 48]})
    params = own.model_copy(update={"demos": 2048, "states": 16, "pool": 1024})
    expert = make_expert("gaussian1")
    data = temperature.transitions(*draw(expert, params.demos, 0))
    probe = temperature.Probe(expert, params, 0)
    clone = flows.flow(data, torch.zeros(len(data)), learn, 0)

    def energy(states: Tensor, actions: Tensor) -> Tensor:
        return -expert.log_prob(actions, states, torch.zeros(1, dtype=actions.dtype))

    found = [1.0 / probe.power(network, data, learn) for network in temperature.renewals(data, clone, energy, learn, 0)]
    assert found[1] / found[0] == pytest.approx(1.0 / 2.0, rel=0.3)
    assert found[2] / found[1] == pytest.approx(2.0 / 3.0, rel=0.3)


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_weighted_draws_have_the_variance_of_the_power(beta: float, laptop: Params) -> None:
    weigh, params = exact("gaussian1", 1e-6), resolve.rescaling(laptop)
    states, actions = rescaling.tilted(weigh, beta, params.model_copy(update={"demos": 4096, "support": 256}), 0)
    expert = weigh.expert
    assert isinstance(expert, GaussianBandit)
    scaled = (actions - expert.mean(states)).square() / expert.variance(states)
    assert float(scaled.mean()) == pytest.approx(1.0 / (1.0 + beta), rel=0.08)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 3.0])
def test_tilting_and_smoothing_do_not_commute(sigma: float, laptop: Params) -> None:
    """The slope on a Gaussian of variance v: (v + sigma^2) / (v / (1 + beta) + sigma^2)."""
    beta, expert = 1.0, make_expert("gaussian1")
    assert isinstance(expert, GaussianBandit)
    weigh, at = exact("gaussian1", 1e-6), exact("gaussian1", sigma)
    params = resolve.rescaling(laptop).model_copy(update={"states": 6, "pool": 8192})
    found = rescaling.compared(weigh, at, at, beta, params, 0)
    assert found["slope"] == pytest.approx(1.0)
    states = expert.states(6, torch.Generator().manual_seed(0))
    v = expert.variance(states)
    predicted = ((v + sigma**2) / (v / (1.0 + beta) + sigma**2)).numpy()
    slack = 0.06
    assert predicted.min() * (1 - slack) < found["slope_exact"] < predicted.max() * (1 + slack)
    assert 1.0 < found["slope_exact"] < 1.0 + beta + slack


def test_the_energy_of_a_smoothed_law_by_sums() -> None:
    expert, states, pool = pool_of("gaussian1")
    noise = torch.tensor([0.4], dtype=pool.dtype)
    at = expert.mean(states)[:, None] + torch.linspace(-1.0, 1.0, 9, dtype=pool.dtype)[None, :, None]
    ours = smoothed_energy(at, pool, torch.zeros(S, K, dtype=pool.dtype), noise).numpy()
    rows = states.repeat_interleave(9, dim=0)
    known = -expert.log_prob(at.flatten(0, 1), rows, noise).view(S, 9).numpy()
    centred = [values - values.mean(axis=1, keepdims=True) for values in (ours, known)]
    np.testing.assert_allclose(*centred, atol=0.05)

"""Frozen plans equal the policy's own; what cannot be frozen plans as it is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from energyflow.config.params import Params
from energyflow.config.sections import DECODERS, Decoder
from energyflow.learning.evaluation import planner
from energyflow.networks.build import Spec
from energyflow.networks.centred import CentredPotential
from energyflow.pipeline import params
from energyflow.policies import karras
from energyflow.policies.base import Policy, TransportPolicy
from energyflow.policies.checkpoint import build
from energyflow.policies.energyflow import EnergyFlow
from energyflow.policies.plan import fast_plan, freeze, times_of
from tests.conftest import ROOT

FROZEN = ("energyflow", "energyflow_paper", "unconstrained", "diffusion_policy", "flow_policy", "bc")


def policy_of(given: Params, method: str, **changed: Any) -> Policy:
    section = given.train[method]
    section = section.model_copy(update={"method_params": section.method_params | changed})
    spec = Spec(9, 3, section.obs_horizon, section.pred_horizon, section.exec_horizon, ("state",))
    torch.manual_seed(0)
    policy = build(spec, section).eval().requires_grad_(False)
    assert isinstance(policy, Policy)
    for parameter in policy.parameters():  # fresh networks are nearly constant: what they add would not be seen
        parameter.mul_(2.0).add_(torch.randn_like(parameter), alpha=0.02)
    # Statistics that are not the identity, and small enough actions for the box to hide little of a difference.
    policy.normalizer.obs_mean.uniform_(-1.0, 1.0)
    policy.normalizer.obs_std.uniform_(0.5, 2.0)
    policy.normalizer.action_mean.uniform_(-0.1, 0.1)
    policy.normalizer.action_std.uniform_(0.001, 0.02)
    return policy


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("nfe", [None, 1, 7])
@pytest.mark.parametrize("batch", [1, 12])
@pytest.mark.parametrize("method", FROZEN)
@pytest.mark.parametrize("decoder", DECODERS)
def test_frozen_plans_equal_the_policys(
    laptop: Params, decoder: Decoder, method: str, batch: int, nfe: int | None
) -> None:
    policy = policy_of(laptop, method)
    obs = np.random.default_rng(0).normal(size=(batch, policy.spec.obs_horizon, 9))
    expected = policy.act(torch.as_tensor(obs, dtype=torch.float32), seeded(), nfe, decoder=decoder).numpy()
    assert isinstance(policy, TransportPolicy)
    assert freeze(policy.network) is not None
    generator = seeded()
    plan = fast_plan(policy, generator, nfe, decoder)
    found = plan(obs, None)
    assert (np.abs(expected) < 1.0).mean() > 0.2
    np.testing.assert_allclose(found, expected, atol=3e-5)  # a hundred steps add up their rounding
    drawn = np.abs(plan(obs, None) - found).max()  # another draw of the same generator
    assert drawn > 1e-4 if decoder == "sample" and not policy.deterministic else drawn == 0.0


def test_a_plan_stays_in_the_box(laptop: Params) -> None:
    policy = policy_of(laptop, "energyflow")
    policy.normalizer.action_std.fill_(100.0)
    assert np.abs(fast_plan(policy, seeded())(np.zeros((4, 2, 9)), None)).max() == 1.0


def test_a_frozen_plan_keeps_the_weights_it_was_made_of(laptop: Params) -> None:
    policy, obs = policy_of(laptop, "energyflow"), np.zeros((1, 2, 9))
    plan, before = fast_plan(policy, seeded()), fast_plan(policy, seeded())(obs, None)
    for parameter in policy.parameters():
        parameter.mul_(0.5)
    np.testing.assert_array_equal(plan(obs, None), before)
    assert np.abs(fast_plan(policy, seeded())(obs, None) - before).max() > 1e-4


@pytest.mark.parametrize("method", ["lstm_gmm", "implicit_bc", "ebt_policy", "iq_learn_offline"])
def test_other_policies_plan_as_they_are(method: str) -> None:
    policy = policy_of(params.load(ROOT / "params.yaml", preset="laptop", grid="full"), method)
    assert not isinstance(policy, TransportPolicy)
    obs = np.random.default_rng(0).normal(size=(2, policy.spec.obs_horizon, 9))
    elapsed = np.array([3, 12])
    expected = [policy.act(obs, seeded(), 2, torch.as_tensor(elapsed), decoder) for decoder in DECODERS]
    for decoder, plan in zip(DECODERS, expected, strict=True):
        np.testing.assert_array_equal(fast_plan(policy, seeded(), 2, decoder)(obs, elapsed), plan)
    assert np.abs(expected[0] - expected[1]).max() > 1e-4


def test_a_double_precision_policy_is_not_frozen(laptop: Params) -> None:
    policy = policy_of(laptop, "energyflow").double()
    assert isinstance(policy, TransportPolicy)
    assert freeze(policy.network) is None


def test_m_and_k_have_their_part_in_a_frozen_plan(laptop: Params) -> None:
    policy, obs = policy_of(laptop, "energyflow", centred=True), np.ones((2, 2, 9))
    assert isinstance(policy, EnergyFlow)
    potential = policy.potential
    assert isinstance(potential, CentredPotential)
    whole = fast_plan(policy, seeded())(obs, None)
    for half in torch.split(potential.out.weight, len(potential.out.weight) // 2):  # of m, of k
        kept = half.clone()
        half.mul_(0.5)
        assert np.abs(fast_plan(policy, seeded())(obs, None) - whole).max() > 1e-4
        half.copy_(kept)
    np.testing.assert_array_equal(fast_plan(policy, seeded())(obs, None), whole)


def test_times_that_nobody_announced_are_computed_as_they_come(laptop: Params) -> None:
    policy = policy_of(laptop, "energyflow")
    assert isinstance(policy, EnergyFlow)
    times = times_of(policy, 5)
    levels = karras.schedule(5, policy.own.sigma_min, policy.own.sigma_max, policy.own.rho)[:-1]
    assert times == pytest.approx([math.log(sigma) / 4 for sigma in levels])
    rng = np.random.default_rng(0)
    chunk = rng.normal(size=(3, policy.spec.pred_horizon, 3)).astype(np.float32)
    obs = rng.normal(size=(3, 2, 9)).astype(np.float32)
    known, unknown = (freeze(policy.network, given) for given in (times, ()))
    assert known is not None
    assert unknown is not None
    for time in (*times, 0.123):
        expected = policy.vector(torch.as_tensor(chunk), torch.as_tensor(obs), torch.full((3,), time)).numpy()
        for frozen in (known, unknown):
            np.testing.assert_allclose(frozen.at(obs)(chunk, time), expected, atol=1e-4)


def test_rollouts_ask_for_the_executed_part_alone(laptop: Params) -> None:
    policy = policy_of(laptop, "energyflow")
    obs = np.zeros((2, 2, 9))
    actions = planner(policy, seeded(), 4)(obs, np.zeros(2, dtype=np.int64))
    whole = policy.act(torch.zeros(2, 2, 9), seeded(), 4).numpy()
    assert actions.dtype == np.float64
    np.testing.assert_allclose(actions, whole[:, : policy.spec.exec_horizon], atol=1e-5)

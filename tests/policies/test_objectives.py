"""Losses and samplers against what they are said to be: over draws of the test's own, or step by step.

A loss draws its own times and noise. On thousands of rows its value is an expectation, which the test takes once more
over its own draws, from nothing but the field or the energy that the policy shows to everybody.
"""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from diffusers import DDPMScheduler
from torch import Tensor

from energyflow.networks.build import Spec
from energyflow.pipeline.params import Params
from energyflow.policies import karras
from energyflow.policies.base import EnergyPolicy, Policy
from energyflow.policies.checkpoint import build
from energyflow.policies.diffusion_policy import DiffusionPolicy, cumulative_alphas
from energyflow.policies.energyflow_paper import EnergyFlowPaper
from energyflow.policies.flow_policy import FlowPolicy

SPEC = Spec(obs_dim=3, action_dim=2, obs_horizon=2, pred_horizon=4, exec_horizon=2, obs_keys=("state",))
ROWS = 20_000
DENOISERS = ["energyflow", "unconstrained"]


def policy_of(params: Params, method: str, seed: int = 0, **own: object) -> Policy:
    """Fresh weights, made larger: a field that is small beside the noise would hide its own mistakes."""
    section = params.train[method]
    section = section.model_copy(
        update={
            "method_params": section.method_params | own,
            "network": section.network.model_copy(
                update={"mlp": section.network.mlp.model_copy(update={"hidden": [32, 32]})}
            ),
        }
    )
    torch.manual_seed(seed)
    policy = build(SPEC, section)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.mul_(2.0).add_(torch.randn_like(parameter), alpha=0.02)  # m and k of a potential start at zero
    return policy.eval()


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def batch() -> tuple[Tensor, Tensor]:
    """The same observation in all rows, and actions that are neither centred nor of unit variance."""
    return draw(1, 2, 3).expand(ROWS, -1, -1), 0.5 + 0.8 * draw(ROWS, 4, 2, seed=1)


def expand(x: Tensor) -> Tensor:
    return x[:, None, None]


def loss_of(policy: Policy) -> float:
    return float(policy.loss(*batch(), torch.Generator().manual_seed(2)).detach())


def levels_of(law: str, low: float, high: float) -> Tensor:
    """Noise levels [ROWS] at evenly spaced quantiles of a law."""
    share = (torch.arange(ROWS) + 0.5) / ROWS
    if law == "log_uniform":
        return low * (high / low) ** share
    return (share / (1 - share)).clamp(low, high)


@pytest.mark.parametrize("law", ["flow", "log_uniform"])
@pytest.mark.parametrize("method", DENOISERS)
def test_the_denoising_loss_weighs_errors_as_edm(laptop: Params, method: str, law: str) -> None:
    """(sigma^2 + 1) / sigma^2 |D - a0|^2, sigma of the law over its range."""
    policy = policy_of(laptop, method, law=law)
    obs, action = batch()[0], 3.0 * batch()[1]  # wide: the error then depends on how often noise is large
    sigma = levels_of(law, *(policy.params.method_params[name] for name in ("sigma_min", "sigma_max")))
    denoised = policy.denoise(action + expand(sigma) * draw(ROWS, 4, 2, seed=3), obs, sigma)
    weight = expand((sigma**2 + 1) / sigma**2)
    expected = float((weight * (denoised - action).square()).mean().detach())
    loss = float(policy.loss(obs, action, torch.Generator().manual_seed(2)).detach())
    assert loss == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("method", DENOISERS)
@pytest.mark.parametrize("nfe", [1, 2, 5])
def test_the_denoiser_is_followed_down_the_karras_levels(laptop: Params, method: str, nfe: int) -> None:
    policy, obs = policy_of(laptop, method), draw(6, 2, 3)
    own = policy.params.method_params
    low, high = (own[name] ** (1 / own["rho"]) for name in ("sigma_min", "sigma_max"))
    levels = [(high + i / max(1, nfe - 1) * (low - high)) ** own["rho"] for i in range(nfe)]
    action = own["sigma_max"] * policy.prior(obs, torch.Generator().manual_seed(4))
    for now, after in itertools.pairwise([*levels, 0.0]):
        slope = (action - policy.denoise(action, obs, torch.full((6,), now))) / now
        action = action + (after - now) * slope
    found = policy.sample(obs, torch.Generator().manual_seed(4), nfe)
    torch.testing.assert_close(found, action, rtol=1e-3, atol=1e-3)


def test_noise_levels_are_uniform_in_their_logarithm() -> None:
    sigma = karras.log_uniform(ROWS, 0.02, 5.0, torch.Generator().manual_seed(0)).log()
    low, high = math.log(0.02), math.log(5.0)
    assert float(sigma.min()) == pytest.approx(low, abs=0.01)
    assert float(sigma.max()) == pytest.approx(high, abs=0.01)
    assert float(sigma.mean()) == pytest.approx((low + high) / 2, abs=0.05)
    assert float(sigma.std()) == pytest.approx((high - low) / math.sqrt(12), rel=0.02)
    torch.testing.assert_close(karras.noise_feature(torch.tensor([1.0, math.e])), torch.tensor([0.0, 0.25]))


def test_noise_levels_of_the_flow_are_those_of_its_times() -> None:
    """P(sigma < x) = x / (1 + x) between the ends, which take what lies beyond them."""
    low, high = 0.05, 4.0
    sigma = karras.flow_levels(ROWS, low, high, torch.Generator().manual_seed(0))
    assert (float(sigma.min()), float(sigma.max())) == pytest.approx((low, high))
    for x in (0.1, 0.3, 1.0, 3.0):
        assert float((sigma < x).float().mean()) == pytest.approx(x / (1 + x), abs=0.01)
    assert float((sigma <= low).float().mean()) == pytest.approx(low / (1 + low), abs=0.005)
    assert float((sigma >= high).float().mean()) == pytest.approx(1 / (1 + high), abs=0.01)


def test_methods_that_differ_by_the_constraint_share_the_law(laptop: Params) -> None:
    assert {laptop.train[method].method_params["law"] for method in DENOISERS} == {"flow"}


def test_preconditioning_keeps_unit_variance() -> None:
    """With data of unit variance: c_in a has it, and so has the target (a0 - c_skip a) / c_out, of least c_out."""
    sigma = torch.tensor([0.1, 1.0, 7.0])
    skip, out, into = karras.coefficients(sigma)
    torch.testing.assert_close(into**2 * (1 + sigma**2), torch.ones(3))
    torch.testing.assert_close((1 - skip) ** 2 + skip**2 * sigma**2, out**2)
    torch.testing.assert_close(skip, 1 / (1 + sigma**2))


def slope_of(policy: EnergyPolicy, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
    action = action.detach().requires_grad_()
    (slope,) = torch.autograd.grad(policy.energy(action, obs, sigma).sum(), action)
    return slope


def paper(params: Params) -> EnergyFlowPaper:
    policy = policy_of(params, "energyflow_paper", spectral_norm=False)
    assert isinstance(policy, EnergyFlowPaper)
    with torch.no_grad():
        list(policy.parameters())[-1].mul_(30.0)  # of the last layer: this energy is not scaled by anything else
    return policy


def test_the_paper_s_loss_is_weighted_score_matching(laptop: Params) -> None:
    """|sigma S + eps|^2 with S = -dE/da, sigma geometric between its ends and t uniform."""
    policy = paper(laptop)
    obs, action = batch()
    time = torch.linspace(0.0, 1.0, ROWS)
    sigma = policy.own.sigma_min * (policy.own.sigma_max / policy.own.sigma_min) ** time
    torch.testing.assert_close(policy.sigma(time), sigma)
    eps = draw(ROWS, 4, 2, seed=3)
    score = -slope_of(policy, action + expand(sigma) * eps, obs, sigma)
    expected = float((expand(sigma) * score + eps).square().mean())
    assert abs(expected - 1.0) > 0.1  # the energy has its part in it
    assert loss_of(policy) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("nfe", [1, 3])
def test_the_paper_s_sampler_is_euler_in_time(laptop: Params, nfe: int) -> None:
    policy, obs = paper(laptop), draw(6, 2, 3)
    rate = math.log(policy.own.sigma_max / policy.own.sigma_min)
    action = policy.own.sigma_max * policy.prior(obs, torch.Generator().manual_seed(4))
    width = (1.0 - policy.own.gamma) / nfe
    for step in range(nfe):
        sigma = policy.own.sigma_min * math.exp(rate * (1.0 - step * width))
        action = action - width * rate * sigma**2 * slope_of(policy, action, obs, torch.full((6,), sigma))
    found = policy.sample(obs, torch.Generator().manual_seed(4), nfe)
    torch.testing.assert_close(found, action, rtol=1e-3, atol=1e-3)


def test_the_flow_s_loss_is_that_of_straight_paths(laptop: Params) -> None:
    policy = policy_of(laptop, "flow_policy")
    assert isinstance(policy, FlowPolicy)
    obs, action = batch()
    time, start = torch.linspace(0.0, 1.0, ROWS), draw(ROWS, 4, 2, seed=3)
    velocity = policy.field((1 - expand(time)) * start + expand(time) * action, obs, time)
    expected = float((velocity - (action - start)).square().mean().detach())
    assert loss_of(policy) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("nfe", [1, 4])
def test_the_flow_is_followed_from_noise_to_data(laptop: Params, nfe: int) -> None:
    policy, obs = policy_of(laptop, "flow_policy"), draw(6, 2, 3)
    assert isinstance(policy, FlowPolicy)
    action = policy.prior(obs, torch.Generator().manual_seed(4))
    for step in range(nfe):
        action = action + policy.field(action, obs, torch.full((6,), step / nfe)) / nfe
    torch.testing.assert_close(policy.sample(obs, torch.Generator().manual_seed(4), nfe), action)


def ddpm(params: Params) -> DiffusionPolicy:
    policy = policy_of(params, "diffusion_policy", train_steps=20, nfe=20)
    assert isinstance(policy, DiffusionPolicy)
    return policy


def test_ddpm_s_loss_is_the_error_of_the_predicted_noise(laptop: Params) -> None:
    policy = ddpm(laptop)
    obs, action = batch()
    step, eps = torch.arange(ROWS) % 20, draw(ROWS, 4, 2, seed=3)
    signal = expand(cumulative_alphas(20).float()[step])
    predicted = policy.epsilon(signal.sqrt() * action + (1 - signal).sqrt() * eps, obs, step)
    expected = float((predicted - eps).square().mean().detach())
    assert loss_of(policy) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("nfe", [20, 5])
def test_ddpm_samples_as_diffusers_does(laptop: Params, nfe: int) -> None:
    """Also on a part of the steps; diffusers clips the clean chunk to [-1, 1], which is the box of these units."""
    policy, obs = ddpm(laptop), draw(6, 2, 3)
    scheduler = DDPMScheduler(
        num_train_timesteps=20, beta_schedule="squaredcos_cap_v2", clip_sample=True, timestep_spacing="leading"
    )
    scheduler.set_timesteps(nfe)
    generator = torch.Generator().manual_seed(4)
    action = policy.prior(obs, generator)
    with torch.no_grad():
        for step in scheduler.timesteps:
            predicted = policy.epsilon(action, obs, step.expand(6))
            action = scheduler.step(predicted, step, action, generator=generator).prev_sample
        found = policy.sample(obs, torch.Generator().manual_seed(4), nfe)
    torch.testing.assert_close(found, action, rtol=1e-3, atol=1e-3)
    assert float((found.abs() < 0.99).float().mean()) > 0.1


def test_the_clean_chunk_is_clipped_to_the_box_in_standardised_units(laptop: Params) -> None:
    policy, obs = ddpm(laptop), draw(500, 2, 3)
    policy.normalizer.action_mean.copy_(torch.tensor([0.5, -0.2]))
    policy.normalizer.action_std.copy_(torch.tensor([0.25, 2.0]))
    with torch.no_grad():
        found = policy.sample(obs, torch.Generator().manual_seed(4), 20)
    for index, (low, high) in enumerate(((-6.0, 2.0), (-0.4, 0.6))):
        assert float(found[:, :, index].min()) >= low - 1e-5
        assert float(found[:, :, index].max()) <= high + 1e-5
    assert float(found[:, :, 0].min()) < -1.0
    assert float(found[:, :, 1].max()) == pytest.approx(0.6, abs=1e-4)


@pytest.mark.parametrize("method", [*DENOISERS, "energyflow_paper", "flow_policy", "diffusion_policy"])
def test_acting_is_sampling_in_the_units_of_the_environment(laptop: Params, method: str) -> None:
    policy = policy_of(laptop, method)
    policy.normalizer.obs_mean.copy_(torch.tensor([1.0, -2.0, 0.5]))
    policy.normalizer.obs_std.copy_(torch.tensor([2.0, 0.5, 1.0]))
    policy.normalizer.action_mean.copy_(torch.tensor([0.5, -0.2]))
    policy.normalizer.action_std.copy_(torch.tensor([0.3, 0.4]))
    obs = draw(5, 2, 3)
    standardised = (obs - torch.tensor([1.0, -2.0, 0.5])) / torch.tensor([2.0, 0.5, 1.0])
    for given, used in ((None, policy.params.method_params["nfe"]), (2, 2)):
        sampled = policy.sample(standardised, torch.Generator().manual_seed(4), used).detach()
        expected = (sampled * torch.tensor([0.3, 0.4]) + torch.tensor([0.5, -0.2])).clamp(-1.0, 1.0)
        found = policy.act(obs, torch.Generator().manual_seed(4), given)
        torch.testing.assert_close(found, expected)
        assert not found.requires_grad
    assert policy.nfe == policy.params.method_params["nfe"]


def test_priors_are_standard_normal_and_of_the_shape_of_a_plan(laptop: Params) -> None:
    policy = policy_of(laptop, "flow_policy")
    noise = policy.prior(torch.zeros(5000, 2, 3), torch.Generator().manual_seed(0))
    assert noise.shape == (5000, 4, 2)
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.02)
    assert policy.prior(torch.zeros(2, 2, 3).double(), torch.Generator().manual_seed(0)).dtype == torch.float64


@pytest.mark.parametrize("method", ["energyflow", "energyflow_paper"])
def test_the_loss_of_an_energy_reaches_every_weight(laptop: Params, method: str) -> None:
    """Through the gradient that it is made of: finite differences of the loss in the weights."""
    policy = (paper(laptop) if method == "energyflow_paper" else policy_of(laptop, method)).double()
    obs, action = draw(8, 2, 3).double(), draw(8, 4, 2, seed=1).double()

    def loss() -> Tensor:
        return policy.loss(obs, action, torch.Generator().manual_seed(2))

    weights = [p for p in policy.parameters() if p.requires_grad]
    slopes = torch.autograd.grad(loss(), weights)
    direction = [draw(*p.shape, seed=index).double() for index, p in enumerate(weights)]
    expected = sum(float((s * d).sum()) for s, d in zip(slopes, direction, strict=True))
    values = []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            for p, d in zip(weights, direction, strict=True):
                p += sign * 1e-5 * d
        values.append(float(loss().detach()))
        with torch.no_grad():
            for p, d in zip(weights, direction, strict=True):
                p -= sign * 1e-5 * d
    assert (values[0] - values[1]) / 2e-5 == pytest.approx(expected, rel=1e-3)

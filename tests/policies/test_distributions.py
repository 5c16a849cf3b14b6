"""Trained models against distributions known in closed form: score, energy, samples, schedules."""

from __future__ import annotations

import math

import pytest
import torch
from diffusers import DDPMScheduler
from torch import Tensor

from energyflow.config.params import Params
from energyflow.config.sections import TrainParams
from energyflow.datasets.windows import Windows
from energyflow.learning.trainer import Trainer
from energyflow.networks.build import Spec
from energyflow.policies import karras
from energyflow.policies.base import EnergyPolicy, Policy
from energyflow.policies.checkpoint import build
from energyflow.policies.diffusion_policy import ancestral, cumulative_alphas

SPEC = Spec(obs_dim=1, action_dim=1, obs_horizon=1, pred_horizon=1, exec_horizon=1, obs_keys=("state",))
MODES, WIDTH, WEIGHT = (-0.9, 0.9), 0.4, 0.3  # the left mode has weight 0.3


def section(params: Params, method: str, steps: int) -> TrainParams:
    mlp = params.train[method].network.mlp.model_copy(update={"hidden": [96, 96]})  # type: ignore[union-attr]
    return params.train[method].model_copy(
        update={
            "steps": steps,
            "batch_size": 512,
            "lr": 3e-3,
            "ema_decay": 0.99,
            "network": params.train[method].network.model_copy(update={"mlp": mlp}),
        }
    )


def fit(params: Params, method: str, actions: Tensor, steps: int = 1500) -> Policy:
    torch.manual_seed(0)
    policy = build(SPEC, section(params, method, steps))
    trainer = Trainer(policy, Windows(torch.zeros(len(actions), 1, 1), actions[:, None, None]), 0, torch.device("cpu"))
    for _ in range(steps):
        trainer.advance()
    return trainer.averaged()


def draw_mixture(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    left = torch.rand(count, generator=generator) < WEIGHT
    centre = torch.where(left, MODES[0], MODES[1])
    return centre + WIDTH * torch.randn(count, generator=generator)


def mixture_log_density(a: Tensor, sigma: float) -> Tensor:
    variance = WIDTH**2 + sigma**2
    logs = [
        math.log(w) - 0.5 * math.log(2 * math.pi * variance) - (a - m) ** 2 / (2 * variance)
        for m, w in zip(MODES, (WEIGHT, 1 - WEIGHT), strict=True)
    ]
    return torch.logsumexp(torch.stack(logs), dim=0)


def energy_and_score(policy: Policy, a: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    assert isinstance(policy, EnergyPolicy)
    inputs = a[:, None, None].clone().requires_grad_()
    energy = policy.energy(inputs, torch.zeros(len(a), 1, 1), torch.full((len(a),), sigma))
    (slope,) = torch.autograd.grad(energy.sum(), inputs)
    return energy.detach(), -slope.flatten()


@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_gaussian_score_and_energy(laptop: Params, sigma: float) -> None:
    generator = torch.Generator().manual_seed(1)
    policy = fit(laptop, "energyflow", torch.randn(20_000, generator=generator))
    a = torch.linspace(-2, 2, 41)
    energy, score = energy_and_score(policy, a, sigma)
    variance = 1 + sigma**2
    torch.testing.assert_close(score, -a / variance, atol=0.12, rtol=0)
    torch.testing.assert_close(energy - energy[20], a**2 / (2 * variance), atol=0.1, rtol=0)


@pytest.fixture(scope="module")
def mixture_policy(laptop: Params) -> Policy:
    return fit(laptop, "energyflow", draw_mixture(20_000))


@pytest.mark.parametrize("sigma", [0.2, 0.5])
def test_mixture_energy_and_score(mixture_policy: Policy, sigma: float) -> None:
    a = torch.linspace(-1.6, 1.6, 65)
    energy, score = energy_and_score(mixture_policy, a, sigma)
    log_density = mixture_log_density(a, sigma)
    residual = energy + log_density  # E = -log p + c: the residual is the constant
    assert float(residual.std()) < 0.2 * float(log_density.std())
    analytic = torch.func.vmap(torch.func.grad(lambda x: mixture_log_density(x, sigma)))(a)
    assert float((score - analytic).square().mean().sqrt()) < 0.2 * float(analytic.square().mean().sqrt())


@pytest.mark.parametrize("method", ["energyflow", "unconstrained", "flow_policy", "diffusion_policy"])
def test_sampler_recovers_the_mixture(laptop: Params, mixture_policy: Policy, method: str) -> None:
    policy = mixture_policy if method == "energyflow" else fit(laptop, method, draw_mixture(20_000))
    if method == "diffusion_policy":  # its clip to the action box presumes actions within it
        policy.normalizer.action_std.fill_(0.25)
    obs = torch.zeros(4000, 1, 1)
    samples = policy.sample(obs, torch.Generator().manual_seed(3), 100 if method == "diffusion_policy" else 40)
    samples = samples.detach().flatten()
    left = samples < 0
    assert float(left.float().mean()) == pytest.approx(WEIGHT, abs=0.05)
    for mode, part in zip(MODES, (samples[left], samples[~left]), strict=True):
        assert float(part.mean()) == pytest.approx(mode, abs=0.1)
        assert float(part.std()) == pytest.approx(WIDTH, abs=0.08)


def test_karras_sampler_is_exact_on_a_gaussian_with_many_steps() -> None:
    generator = torch.Generator().manual_seed(0)
    start = 10.0 * torch.randn(20_000, 1, 1, generator=generator)
    mean, std = 0.5, 0.7

    def denoise(a: Tensor, sigma: float) -> Tensor:
        weight = std**2 / (std**2 + sigma**2)
        return mean + weight * (a - mean)

    samples = karras.euler(denoise, start, karras.schedule(200, 0.01, 10.0, 7.0))
    shrink = std / math.sqrt(std**2 + 10.0**2)  # the flow maps N(0, 10^2) affinely
    assert float(samples.mean()) == pytest.approx(mean - shrink * mean, abs=0.02)
    assert float(samples.std()) == pytest.approx(shrink * 10.0, abs=0.02)


def test_karras_schedule_ends() -> None:
    sigmas = karras.schedule(5, 0.01, 10.0, 7.0)
    assert sigmas[0] == pytest.approx(10.0)
    assert sigmas[-2] == pytest.approx(0.01)
    assert sigmas[-1] == 0.0
    assert sigmas == sorted(sigmas, reverse=True)


def test_ddpm_schedule_equals_diffusers() -> None:
    scheduler = DDPMScheduler(num_train_timesteps=100, beta_schedule="squaredcos_cap_v2")
    torch.testing.assert_close(cumulative_alphas(100).float(), scheduler.alphas_cumprod, rtol=1e-5, atol=1e-7)


def test_ddpm_step_equals_diffusers() -> None:
    scheduler = DDPMScheduler(
        num_train_timesteps=100,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="epsilon",
        variance_type="fixed_small",
        clip_sample=True,
    )
    alphas = cumulative_alphas(100).float()
    generator = torch.Generator().manual_seed(0)
    noised, eps = (torch.randn(8, 16, 4, generator=generator) for _ in range(2))
    for step in (99, 50, 3, 1, 0):
        theirs = scheduler.step(eps, step, noised, generator=torch.Generator().manual_seed(7)).prev_sample
        noise = torch.randn(noised.shape, generator=torch.Generator().manual_seed(7))
        before = float(alphas[step - 1]) if step else 1.0
        low, high = -torch.ones(4), torch.ones(4)
        ours = ancestral(noised, eps, float(alphas[step]), before, low, high, noise)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_paper_sampler_moves_towards_lower_energy(laptop: Params) -> None:
    torch.manual_seed(0)
    policy = build(SPEC, section(laptop, "energyflow_paper", 1))
    assert isinstance(policy, EnergyPolicy)
    obs = torch.zeros(64, 1, 1)
    start = 10.0 * policy.prior(obs, torch.Generator().manual_seed(5))
    end = policy.sample(obs, torch.Generator().manual_seed(5), 20).detach()
    sigma = torch.full((64,), 1.0)
    assert float((policy.energy(end, obs, sigma) - policy.energy(start, obs, sigma)).mean()) < 0

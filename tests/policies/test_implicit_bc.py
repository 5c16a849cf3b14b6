"""Implicit BC: InfoNCE, its negatives, and both samplers on densities known in closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from energyflow.config.params import Params
from energyflow.config.sections import MLPParams, NetworkParams, TrainParams
from energyflow.datasets.windows import Windows
from energyflow.learning.trainer import Trainer
from energyflow.networks.build import Potential, Spec
from energyflow.policies.checkpoint import build
from energyflow.policies.implicit_bc import (
    DFOParams,
    ImplicitBC,
    ImplicitBCParams,
    LangevinParams,
    contrast,
    langevin,
    step_sizes,
)

MODES, WIDTH, WEIGHT, UNIT = (-0.5, 0.5), 0.1, 0.3, 0.4  # the left mode has weight 0.3; UNIT: standard unit in the box
SPEC = Spec(obs_dim=1, action_dim=1, obs_horizon=1, pred_horizon=1, exec_horizon=1, obs_keys=("state",))
WIDE = Spec(obs_dim=3, action_dim=2, obs_horizon=2, pred_horizon=4, exec_horizon=2, obs_keys=("state",))
NUMBERS: dict[str, dict[str, Any]] = {
    "langevin": {
        "nfe": 50,
        "samples": 64,
        "train_iterations": 8,
        "negatives": 4,
        "step": 0.5,
        "last_step": 1e-5,
        "noise": 0.5,
        "max_move": 0.5,
        "margin": 10.0,
    },
    "dfo": {"nfe": 5, "samples": 256, "negatives": 64, "noise": 0.03},
}


def section(params: Params, sampler: str, **own: float) -> TrainParams:
    method = {"activation": "silu", "sampler": sampler, sampler: NUMBERS[sampler] | own}
    return params.train["implicit_bc"].model_copy(
        update={
            "method_params": method,
            "network": NetworkParams(kind="mlp", mlp=MLPParams(hidden=[64, 64], time_dim=2)),
            "steps": 400,
            "batch_size": 128,
            "warmup_steps": 20,
            "lr": 5e-3,
        }
    )


def policy_of(params: Params, sampler: str, spec: Spec = WIDE, **own: float) -> ImplicitBC:
    torch.manual_seed(0)
    policy = build(spec, section(params, sampler, **own))
    assert isinstance(policy, ImplicitBC)
    policy.normalizer.action_std.fill_(UNIT)
    return policy


def fit(params: Params, sampler: str) -> ImplicitBC:
    """Train on the mixture in the action box."""
    generator = torch.Generator().manual_seed(2)
    centre = torch.where(torch.rand(20_000, generator=generator) < WEIGHT, MODES[0], MODES[1])
    actions = centre + WIDTH * torch.randn(20_000, generator=generator)
    policy = policy_of(params, sampler, SPEC)
    windows = Windows(torch.zeros(len(actions), 1, 1), actions[:, None, None])
    trainer = Trainer(policy, windows, 0, torch.device("cpu"))
    for _ in range(policy.params.steps):
        trainer.advance()
    trained = trainer.averaged()
    assert isinstance(trained, ImplicitBC)
    return trained


def weighted_draw(policy: ImplicitBC, nfe: int) -> Tensor:
    """Candidates drawn with weight exp(-E): the density that the energy was trained to correct them to."""
    obs = torch.zeros(300, 1, 1)
    generator = torch.Generator().manual_seed(3)
    found = policy.candidates(obs, generator, nfe)
    chosen = torch.multinomial((-policy.energy(found, obs)).softmax(dim=1), 8, True, generator=generator)
    return found[:, :, 0, 0].gather(1, chosen).detach().flatten()


@pytest.mark.parametrize(("sampler", "nfe"), [("langevin", 8), ("dfo", 1)])
def test_both_modes_are_recovered_with_their_shares(laptop: Params, sampler: str, nfe: int) -> None:
    """With as many iterations as in training: the energy makes up for what its negatives are distributed like."""
    policy = fit(laptop, sampler)
    samples = weighted_draw(policy, nfe)
    left = samples < 0
    assert float(left.float().mean()) == pytest.approx(WEIGHT, abs=0.08)
    for mode, part in zip(MODES, (samples[left], samples[~left]), strict=True):
        assert float(part.mean()) == pytest.approx(mode, abs=0.05)
        assert 0.5 * WIDTH < float(part.std()) < 1.6 * WIDTH  # uniform: 0.29
    plans = policy.act(torch.zeros(100, 1, 1), torch.Generator().manual_seed(4)).flatten()
    nearest = (plans[:, None] - torch.tensor(MODES)).abs().amin(dim=1)
    assert float((nearest < 2.5 * WIDTH).float().mean()) > 0.9


def test_equal_energies_lose_log_of_their_number() -> None:
    assert float(contrast(torch.full((5, 9), 3.7))) == pytest.approx(math.log(9))
    separated = torch.full((5, 9), 50.0)
    separated[:, 0] = 0.0
    assert float(contrast(separated)) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("sampler", ["langevin", "dfo"])
def test_samples_stay_in_the_box_and_negatives_carry_no_gradient(laptop: Params, sampler: str) -> None:
    policy = policy_of(laptop, sampler)
    with torch.no_grad():
        policy.potential.head.layers[-1].weight.mul_(1e4)  # steep: samples are driven to the border
    obs, generator = torch.zeros(6, 2, 3), torch.Generator().manual_seed(0)
    negatives, found = policy.negatives(obs, generator), policy.candidates(obs, generator, 3).detach()
    assert not negatives.requires_grad
    assert negatives.shape == (6, policy.sampler.negatives, 4, 2)
    assert found.shape == (6, policy.sampler.samples, 4, 2)
    for samples in (negatives, found, policy.act(obs, generator)):
        assert 0.8 < float(samples.abs().max()) <= 1.0


@pytest.mark.parametrize("sampler", ["langevin", "dfo"])
def test_the_mean_decoder_takes_the_candidate_of_lowest_energy(laptop: Params, sampler: str) -> None:
    policy, obs = policy_of(laptop, sampler), torch.zeros(5, 2, 3)
    found = policy.candidates(obs, torch.Generator().manual_seed(0), nfe=1)
    with torch.no_grad():
        energy = policy.energy(found, obs)
    best = found[torch.arange(len(obs)), energy.argmin(dim=1)]
    plan = policy.mean(obs, torch.Generator().manual_seed(0), nfe=1)
    torch.testing.assert_close(policy.normalizer.unstandardize_action(plan), best)


def test_langevin_steps_are_the_published_ones(laptop: Params) -> None:
    """Half a gradient times the step, never further than `max_move`, then back into the box; no noise here."""
    own = LangevinParams(**NUMBERS["langevin"] | {"noise": 0.0, "max_move": 0.2})
    start = torch.tensor([-0.9, -0.3, 0.2, 0.95]).reshape(1, 4, 1, 1)

    def slope(a: Tensor) -> Tensor:
        return 4.0 * (a - 1.2)

    expected = start
    for size in (0.5, 0.5 * 0.25 + 0.75e-5, 1e-5):  # 1, 1/4 and 0 of the way from the last step to the first
        move = (size * 0.5 * 4.0 * (expected - 1.2)).clamp(-0.2, 0.2)
        expected = (expected - move).clamp(-1.0, 1.0)
    assert step_sizes(3, 0.5, 1e-5) == pytest.approx([0.5, 0.1250075, 1e-5])
    found = langevin(slope, start, 3, own, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, expected)
    noisy = LangevinParams(**NUMBERS["langevin"] | {"noise": 0.01, "step": 0.1, "last_step": 0.1})
    flat = langevin(torch.zeros_like, torch.zeros(1, 4000, 1, 1), 1, noisy, torch.Generator())
    assert float(flat.std()) == pytest.approx(0.1 * 0.01, rel=0.05)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_moves_are_bounded_and_stay_in_the_box_on_either_side(sign: float) -> None:
    own = LangevinParams(**NUMBERS["langevin"] | {"noise": 0.0, "max_move": 0.3})
    start = sign * torch.tensor([0.1, 0.9]).reshape(1, 2, 1, 1)
    found = langevin(lambda a: torch.full_like(a, -sign * 100.0), start, 1, own, torch.Generator())
    torch.testing.assert_close(found.flatten(), sign * torch.tensor([0.4, 1.0]))


def test_slopes_beyond_the_margin_are_penalised_in_units_of_the_box(laptop: Params) -> None:
    policy = policy_of(laptop, "langevin", margin=5.0)

    class Slope(Potential):
        def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
            return 3.0 * chunk[:, 1, 0] - 1.0 * chunk[:, 0, 0]

    policy.potential = Slope()
    obs, action = torch.zeros(6, 2, 3), torch.zeros(6, 4, 2)
    with_penalty = policy.loss(obs, action, torch.Generator().manual_seed(0))
    negatives = policy.negatives(obs, torch.Generator().manual_seed(0))
    alone = contrast(policy.energy(torch.cat([torch.zeros(6, 1, 4, 2), negatives], dim=1), obs))
    assert float(with_penalty - alone) == pytest.approx((3.0 / UNIT - 5.0) ** 2, rel=1e-4)


def test_each_sampler_has_numbers_of_its_own() -> None:
    section = {"sampler": "dfo", "dfo": {"samples": 7}}
    assert ImplicitBCParams.model_validate(section).numbers() == DFOParams(samples=7)
    with pytest.raises(ValidationError, match="did you mean 'noise'"):
        ImplicitBCParams.model_validate({"dfo": {"nois": 1.0}})

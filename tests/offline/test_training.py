"""Each method on two modes: it must find their tilted masses, on the right side, and leave zero."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from energyflow.core.errors import UserError
from energyflow.offline.fit import Fit, fit
from energyflow.offline.losses import contrastive_loss, matching_loss
from energyflow.offline.network import Energy, Field
from energyflow.offline.paths import PATHS, VP, ProbabilityPath
from energyflow.offline.samplers import classifier_free, energy_guided, sample
from energyflow.offline.sections import FitParams
from energyflow.offline.weights import batch_softmax, resampled

CENTRE, WIDTH, BETA = 1.5, 0.3, 1.0
# E = -1 on the right, 0 on the left: the right mode, which starts with 1/4, has this mass under exp(-E)
RIGHT = math.e / (math.e + 3.0)
RECIPE = FitParams(steps=400, batch_size=256, lr=1e-2, warmup_steps=20, ema_decay=0.97)
HIDDEN, TIME_DIM, SEED = (48, 48), 16, 0


def points() -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(1)
    right = torch.rand(8000, generator=draws) < 0.25
    x = torch.where(right, CENTRE, -CENTRE)[:, None] + WIDTH * torch.randn((8000, 1), generator=draws)
    return x, -right.float()


POINTS, ENERGY = points()


def batch(draws: torch.Generator) -> Tensor:
    return torch.randint(len(POINTS), (RECIPE.batch_size,), generator=draws)


def trained(path: ProbabilityPath, beta: float, params: FitParams = RECIPE) -> Field:
    def loss(network: Field, draws: torch.Generator) -> Tensor:
        index = batch(draws)
        return matching_loss(network, path, POINTS[index], draws, weight=batch_softmax(-beta * ENERGY[index]))

    return fit(Field(1, HIDDEN, TIME_DIM, SEED), loss, params, SEED, "two modes")


def noise() -> Tensor:
    return torch.randn((2000, 1), generator=torch.Generator().manual_seed(2))


def check(found: Tensor, mass: float) -> None:
    """Samples lie in both modes, away from zero, with the mass on the right."""
    assert float((found > 0).float().mean()) == pytest.approx(mass, abs=0.06)
    for side, share in ((-1.0, 1.0 - mass), (1.0, mass)):
        if share > 0.2:  # a rarer mode is learned late
            assert float(found[found * side > 0].median()) == pytest.approx(side * CENTRE, abs=0.3)
    assert float((found.abs() < 0.5).float().mean()) < 0.12


@pytest.mark.parametrize("name", PATHS)
def test_weights_move_the_masses(name: str) -> None:
    path = PATHS[name]
    found = sample(trained(path, BETA), path, noise(), 12, "midpoint")
    check(found, RIGHT)


@pytest.mark.parametrize("name", PATHS)
def test_weights_of_the_other_sign_move_them_back(name: str) -> None:
    """-beta is no other way of writing beta."""
    path = PATHS[name]
    mass = math.exp(-BETA) / (math.exp(-BETA) + 3.0)
    check(sample(trained(path, -BETA), path, noise(), 12, "midpoint"), mass)


def test_resampled_data_do_so_too() -> None:
    path = PATHS["ot"]

    def loss(network: Field, draws: torch.Generator) -> Tensor:
        index = resampled(-BETA * ENERGY, RECIPE.batch_size, draws)
        return matching_loss(network, path, POINTS[index], draws)

    network = fit(Field(1, HIDDEN, TIME_DIM, SEED), loss, RECIPE, SEED, "two modes")
    check(sample(network, path, noise(), 12, "midpoint"), RIGHT)


def test_contrastive_guidance_moves_the_masses() -> None:
    def contrast(network: Energy, draws: torch.Generator) -> Tensor:
        index = batch(draws).view(-1, 32)
        return contrastive_loss(network, VP(), POINTS[index], -BETA * ENERGY[index], draws)

    energy = fit(Energy(1, HIDDEN, TIME_DIM, SEED), contrast, RECIPE, SEED, "two modes energy")
    guided = energy_guided(trained(VP(), 0.0), energy, VP())
    check(sample(guided, VP(), noise(), 12, "heun"), RIGHT)


def test_the_intermediate_energy_is_the_exact_one_near_the_data() -> None:
    """At small t, E_t differs from beta E by a constant: lower on the right, by beta."""

    def contrast(network: Energy, draws: torch.Generator) -> Tensor:
        index = batch(draws).view(-1, 32)
        return contrastive_loss(network, VP(), POINTS[index], -BETA * ENERGY[index], draws)

    energy = fit(Energy(1, HIDDEN, TIME_DIM, SEED), contrast, RECIPE, SEED, "two modes energy")
    at = torch.tensor([[-CENTRE], [CENTRE]])
    left, right = energy(at, torch.full((2,), 0.05)).tolist()
    assert right - left == pytest.approx(-BETA, abs=0.3)


def test_classifier_free_guidance_at_scale_one_has_the_conditional_law() -> None:
    chance = torch.where(ENERGY < -0.5, 1.0, math.exp(-1.0))  # p(c = 1 | x) = exp(E_min - E)

    def loss(network: Field, draws: torch.Generator) -> Tensor:
        index = batch(draws)
        uniform = torch.rand((2, len(index)), generator=draws)
        chosen, told = uniform[0] < chance[index], uniform[1] >= 0.2
        condition = (torch.stack([chosen, ~chosen], dim=1) & told[:, None]).float()
        return matching_loss(network, VP(), POINTS[index], draws, condition)

    network = fit(Field(1, HIDDEN, TIME_DIM, SEED, condition_dim=2), loss, RECIPE, SEED, "two modes")
    wanted = torch.tensor([1.0, 0.0])
    check(sample(classifier_free(network, 1.0, wanted), VP(), noise(), 12, "heun"), RIGHT)
    check(sample(classifier_free(network, 0.0, wanted), VP(), noise(), 12, "heun"), 0.25)


def test_a_condition_is_followed() -> None:
    """The state says which mode: what policies need."""

    def loss(network: Field, draws: torch.Generator) -> Tensor:
        index = batch(draws)
        return matching_loss(network, PATHS["ot"], POINTS[index], draws, POINTS[index].sign())

    network = fit(Field(1, HIDDEN, TIME_DIM, SEED, condition_dim=1), loss, RECIPE, SEED, "two modes")
    side = torch.ones((2000, 1))
    found = sample(network, PATHS["ot"], noise(), 12, "midpoint", side)
    assert float((found > 0).float().mean()) > 0.97


def test_eight_modes_are_left_by_the_variance_preserving_path() -> None:
    """Samples end on the ring of radius 2.83, none stays about zero."""
    draws = torch.Generator().manual_seed(3)
    angle = math.pi / 4 * torch.randint(8, (8000,), generator=draws)
    data = 2.83 * torch.stack([angle.cos(), angle.sin()], dim=1) + 0.35 * torch.randn((8000, 2), generator=draws)

    def loss(network: Field, draws: torch.Generator) -> Tensor:
        return matching_loss(network, VP(), data[batch(draws)], draws)

    network = fit(Field(2, HIDDEN, TIME_DIM, SEED), loss, RECIPE, SEED, "eight modes")
    start = torch.randn((1000, 2), generator=draws)
    radius = sample(network, VP(), start, 12, "heun").norm(dim=1)
    assert float(radius.median()) == pytest.approx(2.83, abs=0.3)
    assert float((radius < 1.0).float().mean()) < 0.08


def test_trainings_of_one_seed_are_equal_and_of_two_are_not() -> None:
    short = RECIPE.model_copy(update={"steps": 20})
    one, two = (trained(PATHS["ot"], BETA, short).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)

    def loss(network: Field, draws: torch.Generator) -> Tensor:
        return matching_loss(network, PATHS["ot"], POINTS[batch(draws)], draws)

    other = fit(Field(1, HIDDEN, TIME_DIM, 1), loss, short, 1, "two modes").state_dict()
    assert not any(torch.equal(one[name], other[name]) for name in one)


def test_a_training_continues_bit_for_bit() -> None:
    def loss(network: Field, draws: torch.Generator) -> Tensor:
        return matching_loss(network, PATHS["vp"], POINTS[batch(draws)], draws)

    short = RECIPE.model_copy(update={"steps": 12})

    def fresh() -> Fit[Field]:
        return Fit(Field(1, HIDDEN, TIME_DIM, SEED), short, SEED, "resumed")

    whole, first, second = fresh(), fresh(), fresh()
    for _ in range(12):
        whole.advance(loss)
    for _ in range(5):
        first.advance(loss)
    second.restore(first.tensors())
    for _ in range(7):
        second.advance(loss)
    assert torch.equal(whole.weights, second.weights)
    assert torch.equal(whole.average_vector, second.average_vector)


def test_a_loss_that_is_not_finite_stops_the_training() -> None:
    def loss(network: Field, draws: torch.Generator) -> Tensor:
        return matching_loss(network, PATHS["ot"], POINTS[batch(draws)], draws) * math.nan

    with pytest.raises(UserError, match=r"training of broken: the loss is nan at step 1; lower lr \(0\.01\)"):
        fit(Field(1, HIDDEN, TIME_DIM, SEED), loss, RECIPE, SEED, "broken")

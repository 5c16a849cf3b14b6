"""The six sets: exact tilted samples against importance-resampled means, masses, and known figures."""

from __future__ import annotations

import numpy as np
import pytest

from energyflow.core.errors import UserError
from energyflow.offline.sets import SETS, make_set

# E_q[e] of beta 1, 3 and 10, from 400 000 points with weights exp(beta e), in an implementation of its own
MEANS = {
    "8gaussians": (0.605, 0.771, 0.955),
    "moons": (0.732, 0.953, 1.000),
    "swissroll": (0.500, 0.634, 0.966),
    "rings": (0.635, 0.831, 0.988),
}


@pytest.mark.parametrize("name", SETS)
def test_tilted_samples_agree_with_weighted_points(name: str) -> None:
    made, beta = make_set(name), 3.0
    rng = np.random.default_rng(0)
    drawn, exact = made.draw(60000, rng), made.tilted(20000, beta, rng)
    weight = np.exp(-beta * (drawn.energy - drawn.energy.min()))
    weight /= weight.sum()
    ess = 1.0 / np.square(weight).sum()
    for values, ours in (
        (drawn.energy, exact.energy),
        *((drawn.points[:, i], exact.points[:, i]) for i in (0, 1)),
        *((np.square(drawn.points[:, i]), np.square(exact.points[:, i])) for i in (0, 1)),
    ):
        error = ours.std() * np.sqrt(1.0 / ess + 1.0 / len(ours)) + 1e-9
        assert abs(float(weight @ values) - ours.mean()) < 4.5 * error


@pytest.mark.parametrize("name", MEANS)
def test_mean_rewards_are_those_measured_elsewhere(name: str) -> None:
    rng = np.random.default_rng(1)
    for beta, mean in zip((1.0, 3.0, 10.0), MEANS[name], strict=True):
        found = -make_set(name).tilted(20000, beta, rng).energy
        assert found.mean() == pytest.approx(mean, abs=0.005 + 4.0 * found.std() / np.sqrt(len(found)))


@pytest.mark.parametrize("name", ["8gaussians", "rings"])
def test_masses_of_the_modes(name: str) -> None:
    made = make_set(name)
    points = made.tilted(20000, 3.0, np.random.default_rng(2)).points
    shares = np.bincount(made.mode(points), minlength=made.modes) / len(points)
    np.testing.assert_allclose(shares, made.masses(3.0), atol=0.015)
    assert made.masses(0.0) == pytest.approx(np.full(made.modes, 1.0 / made.modes))


@pytest.mark.parametrize("name", SETS)
def test_the_energy_of_a_point_is_that_it_was_drawn_with(name: str) -> None:
    made = make_set(name)
    drawn = made.draw(4000, np.random.default_rng(3))
    assert (
        np.abs(made.energy(drawn.points) - drawn.energy).mean() < 0.05
    )  # the radius stands for a spiral's hidden number


def test_the_first_mode_is_the_north() -> None:
    made = make_set("8gaussians")
    assert made.mode(np.array([[0.0, 2.8], [-2.8, 0.0]])).tolist() == [0, 2]


def test_mistakes_are_told() -> None:
    with pytest.raises(UserError, match=r"unknown set 'moon'.*moons"):
        make_set("moon")
    with pytest.raises(UserError, match=r"beta = 112\.5"):
        make_set("swissroll").tilted(10, 200.0, np.random.default_rng(0))
    with pytest.raises(UserError, match="separated modes"):
        make_set("moons").masses(1.0)

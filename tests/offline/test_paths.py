"""Paths: derivatives by finite differences, what networks predict, and the times that a noise ratio belongs to."""

from __future__ import annotations

import pytest
import torch

from energyflow.offline.paths import PATHS, VP, ProbabilityPath

TIMES = torch.tensor([0.01, 0.2, 0.5, 0.9, 0.99], dtype=torch.float64)
STEP = 1e-6


def data_and_noise() -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    first, second = torch.randn((2, len(TIMES), 3), generator=draws, dtype=torch.float64)
    return first, second


@pytest.mark.parametrize("path", PATHS.values(), ids=list(PATHS))
def test_the_conditional_velocity_is_the_derivative_of_the_path(path: ProbabilityPath) -> None:
    data, noise = data_and_noise()
    ahead, behind = (path.noisy(data, noise, TIMES + sign * STEP) for sign in (1.0, -1.0))
    torch.testing.assert_close(
        path.conditional_velocity(data, noise, TIMES), (ahead - behind) / (2 * STEP), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("path", PATHS.values(), ids=list(PATHS))
def test_the_velocity_of_the_exact_prediction_is_the_conditional_one(path: ProbabilityPath) -> None:
    data, noise = data_and_noise()
    x, predicted = path.noisy(data, noise, TIMES), path.target(data, noise, TIMES)
    torch.testing.assert_close(path.velocity(predicted, x, TIMES), path.conditional_velocity(data, noise, TIMES))


def test_straight_lines_lead_from_data_to_noise() -> None:
    data, noise = data_and_noise()
    path = PATHS["ot"]
    torch.testing.assert_close(path.noisy(data, noise, torch.zeros(5, dtype=torch.float64)), data)
    torch.testing.assert_close(path.noisy(data, noise, torch.ones(5, dtype=torch.float64)), noise)
    torch.testing.assert_close(path.target(data, noise, TIMES), noise - data)


def test_the_noise_has_the_sign_of_the_noise() -> None:
    """A network that is right about v is right about eps, and minus eps / sigma is the score of N(mu x_0, sigma^2)."""
    data, noise = data_and_noise()
    path = VP()
    x = path.noisy(data, noise, TIMES)
    found = path.noise(path.target(data, noise, TIMES), x, TIMES)
    torch.testing.assert_close(found, noise)
    at = path.at(TIMES)
    torch.testing.assert_close(-found / at.sigma, -(x - at.mu * data) / at.sigma**2)


def test_variance_is_preserved_and_the_ends_are_those_of_the_published_code() -> None:
    path = VP()
    at = path.at(torch.tensor([1e-3, 0.5, 1.0], dtype=torch.float64))
    torch.testing.assert_close(at.mu**2 + at.sigma**2, torch.ones_like(at.mu))
    assert float(at.mu[-1]) == pytest.approx(0.006571, rel=1e-3)  # exp(-(19.9 / 4 + 0.1 / 2))
    assert float(at.sigma[0]) == pytest.approx(0.010486, rel=1e-3)


def test_the_time_of_a_noise_ratio() -> None:
    path = VP()
    at = path.at(TIMES)
    torch.testing.assert_close(path.time_of((at.sigma / at.mu)[:, 0]), TIMES)
    assert path.ratio(0.5) == pytest.approx(float((at.sigma / at.mu)[2, 0]))

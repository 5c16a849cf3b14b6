"""What the checks compute, against quadrature and numbers that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.offline.paths import PATHS, VP, ProbabilityPath
from energyflow.studies.offline import distances
from energyflow.studies.offline.checks import field, gradient, renewal, toys
from energyflow.studies.offline.checks.classifier_free import Line
from energyflow.studies.offline.mixtures import Mixture, example, guided_target, marginal_target
from energyflow.studies.offline.study import offline_of


def line() -> Mixture:
    """Two modes on a line."""
    return Mixture(
        torch.log(torch.tensor([0.3, 0.7], dtype=torch.float64)),
        torch.tensor([[-1.0], [1.5]], dtype=torch.float64),
        torch.tensor([0.09, 0.25], dtype=torch.float64),
    )


@pytest.mark.parametrize("path", PATHS.values(), ids=list(PATHS))
def test_the_guided_field_by_quadrature(path: ProbabilityPath) -> None:
    """The integral of Theorem 4.1 on a grid of x_0, its posterior and weights written out."""
    law, slope, time = line(), torch.tensor([2.0], dtype=torch.float64), 0.4
    t = torch.full((5,), time, dtype=torch.float64)
    x = torch.linspace(-1.0, 1.5, 5, dtype=torch.float64)[:, None]
    found, log_mass = guided_target(law, path, x, t, slope)
    grid = torch.linspace(-8.0, 8.0, 40001, dtype=torch.float64)
    at = path.at(t)
    density = sum(
        w.exp() / v.sqrt() * torch.exp(-((grid - m) ** 2) / (2 * v))
        for w, m, v in zip(law.log_weight, law.mean[:, 0], law.variance, strict=True)
    )
    near = density * torch.exp(-((x - at.mu * grid) ** 2) / (2 * at.sigma**2))
    posterior = near / near.sum(dim=1, keepdim=True)
    weight = torch.exp(slope * grid)  # exp(-beta E(x_0))
    noise = (x - at.mu * grid) / at.sigma
    target = path.target(grid.expand(5, -1), noise, t)
    mass = (posterior * weight).sum(dim=1)
    torch.testing.assert_close(found[:, 0], (posterior * weight * target).sum(dim=1) / mass, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(log_mass, mass.log(), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("path", PATHS.values(), ids=list(PATHS))
def test_the_guided_field_is_the_marginal_one_of_the_tilted_law(path: ProbabilityPath) -> None:
    law, toward = example(3)
    x = torch.randn((64, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t = torch.linspace(0.05, 0.95, 64, dtype=torch.float64)
    tilted, _ = law.tilted(3.0 * toward)
    ours = guided_target(law, path, x, t, 3.0 * toward)[0]
    torch.testing.assert_close(ours, marginal_target(tilted, path, x, t), rtol=1e-9, atol=1e-9)
    wrong = guided_target(law, path, x, t, -3.0 * toward)[0]
    assert float((ours - wrong).abs().max()) > 0.5


def test_the_tilted_noise_is_the_score_by_finite_differences() -> None:
    """On the variance-preserving path, -eps / sigma of the guided field is the gradient of log q_t."""
    law, path, slope, time = line(), VP(), torch.tensor([2.0], dtype=torch.float64), 0.3
    tilted, _ = law.tilted(slope)
    t = torch.full((3,), time, dtype=torch.float64)
    at = path.at(t)
    x = torch.tensor([[-0.8], [0.1], [1.4]], dtype=torch.float64)

    def log_q(x: torch.Tensor) -> torch.Tensor:
        spread = at.mu**2 * tilted.variance + at.sigma**2
        each = tilted.log_weight - (x - at.mu * tilted.mean[:, 0]) ** 2 / (2 * spread) - spread.log() / 2
        return torch.logsumexp(each, dim=1)

    score = (log_q(x + 1e-5) - log_q(x - 1e-5)) / 2e-5
    noise = path.noise(guided_target(law, path, x, t, slope)[0], x, t)
    torch.testing.assert_close(-noise[:, 0] / at.sigma[:, 0], score, rtol=1e-6, atol=1e-6)


def test_both_gradients_agree_in_expectation_alone() -> None:
    law, toward = example(0)
    network, draws = gradient.small_network(0), torch.Generator().manual_seed(0)
    for path in PATHS.values():
        few, many = (
            torch.stack(
                [torch.sub(*gradient.gradients(network, law, path, toward, n, draws)).norm() for _ in range(6)]
            ).mean()
            for n in (100, 10000)
        )
        assert float(few / many) == pytest.approx(10.0, rel=0.5)


def test_guidance_at_the_two_points_that_are_known() -> None:
    at, sigma = torch.tensor([-0.5, -2.0], dtype=torch.float64), math.sqrt(0.51)
    known = Line(2001)
    exact, free = (known.guidance(at, 0.7, sigma, 5.0, classifier_free=kind) for kind in (False, True))
    assert exact.tolist() == pytest.approx([3.233, 2.737], abs=1e-3)
    assert free.tolist() == pytest.approx([6.011, 1.043], abs=1e-3)
    one, same = (known.guidance(at, 0.7, sigma, 1.0, classifier_free=kind) for kind in (False, True))
    torch.testing.assert_close(one, same)


@pytest.mark.parametrize(
    ("m", "beta", "mean"), [(4, 0.5, 0.353), (16, 1.0, 0.867), (16, 3.0, 1.576), (64, 2.0, 1.677), (256, 3.0, 2.352)]
)
def test_one_shot_falls_short_as_measured_elsewhere(m: int, beta: float, mean: float) -> None:
    found, _ = renewal.step("linear", 0.0, 1.0, beta, m, 20000, torch.Generator().manual_seed(0))
    assert found == pytest.approx(mean, abs=0.02)


def test_six_renewals_come_near_the_exact_law() -> None:
    law, draws = (0.0, 1.0), torch.Generator().manual_seed(0)
    for _ in range(6):
        law = renewal.step("linear", *law, 0.5, 16, 20000, draws)
    assert law[0] == pytest.approx(2.650, abs=0.03)
    assert law[1] == pytest.approx(0.950, abs=0.02)


def test_an_experts_own_energy_lowers_its_temperature() -> None:
    _, std = renewal.step("quadratic", 0.0, 1.0, 0.5, 4096, 200, torch.Generator().manual_seed(0))
    assert std == pytest.approx(renewal.exact("quadratic", 0.5)[1], abs=0.01)
    assert renewal.exact("quadratic", 3.0) == (0.0, 0.5)


def test_distances_of_shifted_laws() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1000, 2))
    assert distances.sliced_w2(x, x + np.array([3.0, 0.0]), 4000, rng) == pytest.approx(3.0 / math.sqrt(2.0), rel=0.03)
    assert distances.energy_distance(x, x) == 0.0
    assert distances.energy_distance(x, x + np.array([3.0, 0.0])) > 1.0
    assert distances.off_support(x + np.array([30.0, 0.0]), x, x[:500]) == 1.0
    fresh = rng.standard_normal((4000, 2))
    assert distances.off_support(rng.standard_normal((4000, 2)), x, fresh) < 0.01
    assert distances.total_variation(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == 0.5


def test_equal_jobs_give_equal_rows(smoke: Params) -> None:
    section = offline_of(smoke).toys
    own = type(section).model_validate(section.model_dump() | {"betas": [1.0]})
    timed = ("train_seconds", "sample_ms")
    one, two = (
        [{k: v for k, v in row.items() if k not in timed} for row in toys.rows("rings", 3, own, [])] for _ in range(2)
    )
    assert one == two


def test_bad_subjects_and_batches_are_told(smoke: Params) -> None:
    section = offline_of(smoke)
    with pytest.raises(UserError, match=r"unknown set 'ring'.*rings"):
        toys.rows("ring", 0, section.toys, [])
    with pytest.raises(UserError, match="unknown subject 'cubic'"):
        renewal.rows("cubic", 0, section.renewal, [])
    odd = section.toys.model_copy(update={"group": 7})
    with pytest.raises(UserError, match="batch_size 32 is no multiple of group 7"):
        toys.rows("rings", 0, odd, [])


def test_field_rows_name_every_path(smoke: Params) -> None:
    found = field.rows("mixture", 0, offline_of(smoke).field, [])
    assert {row["path"] for row in found} == set(PATHS)

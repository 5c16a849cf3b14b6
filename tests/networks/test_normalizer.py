"""Whatever moves is scaled, what rests is not, and clocks keep their seconds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from energyflow.networks.normalizer import Normalizer

STEPS = np.linspace(0.0, 1.0, 200)


def standardised(column: np.ndarray) -> np.ndarray:
    normalizer = Normalizer(1, 1)
    normalizer.fit(column[:, None], np.zeros((len(column), 1)), standardize_obs=True)
    return normalizer.standardize_obs(torch.from_numpy(column[:, None].astype(np.float64))).numpy()[:, 0]


@pytest.mark.parametrize(
    "column",
    [
        2e-4 * STEPS,  # metres
        5e-9 * STEPS - 3e-9,
        1.7e9 + 12.0 * STEPS,  # a clock
        (0.8 + 1e-4 * STEPS).astype(np.float32).astype(np.float64),
        1e29 * (STEPS - 0.5),
        1e-200 * STEPS,
        np.where(np.arange(200) == 77, 1e-3, 0.0),  # once
    ],
)
def test_what_moves_has_mean_zero_and_variance_one(column: np.ndarray) -> None:
    found = standardised(column)
    assert found.mean() == pytest.approx(0.0, abs=1e-5)
    assert found.std() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    "column",
    [
        np.full(200, 0.115),  # the mean of equal numbers is not that number
        np.full(200, 1.7e9),
        np.zeros(200),
        0.3 + 1e-16 * np.arange(200),
        np.where(np.arange(200) % 2, np.float32(0.7), np.nextafter(np.float32(0.7), np.float32(1))).astype(np.float64),
    ],
)
def test_what_rests_is_not_scaled(column: np.ndarray) -> None:
    assert np.abs(standardised(column)).max() < 1e-6


def test_an_offset_of_what_rests_stays_small() -> None:
    normalizer = Normalizer(1, 1)
    normalizer.fit(np.full((9, 1), 0.115), np.zeros((9, 1)), standardize_obs=True)
    assert float(normalizer.standardize_obs(torch.tensor([[0.165]]))) == pytest.approx(0.05, abs=1e-6)


def test_an_action_that_hardly_moves_is_divided_by_the_published_floor() -> None:
    """Official code, data.py: mean, and the larger of the standard deviation and 1e-6."""
    generator = np.random.default_rng(0)
    actions = generator.standard_normal((300, 3)) * np.array([0.4, 2e-6, 3e-9])
    normalizer = Normalizer(1, 3)
    normalizer.fit(np.zeros((300, 1)), actions, standardize_obs=True)
    expected = (actions - actions.mean(axis=0)) / np.maximum(actions.std(axis=0), 1e-6)
    np.testing.assert_allclose(normalizer.standardize_action(torch.from_numpy(actions)).numpy(), expected, atol=1e-9)


def test_single_precision_in_single_precision_out() -> None:
    normalizer = Normalizer(1, 1)
    normalizer.fit(1e5 + STEPS[:, None], STEPS[:, None], standardize_obs=True)
    for dtype in (torch.float32, torch.float64):
        assert normalizer.standardize_obs(torch.zeros(3, 1, dtype=dtype)).dtype == dtype
        assert normalizer.unstandardize_action(torch.zeros(3, 1, dtype=dtype)).dtype == dtype


def test_the_box_is_kept_and_left_exactly() -> None:
    normalizer = Normalizer(1, 3)
    box = np.array([[-1.0, 10.0, 2.5], [1.0, 30.0, 2.5]])
    normalizer.fit(STEPS[:, None], np.zeros((200, 3)), standardize_obs=True, box=box)
    again = Normalizer(1, 3)
    again.load_state_dict(normalizer.state_dict())
    actions = torch.tensor([[-1.0, -1.0, -1.0], [0.123, 0.0, 9.0], [7.0, 1.5, 0.0]])
    expected = [[-1.0, 10.0, 2.5], [float(torch.tensor(0.123)), 20.0, 2.5], [1.0, 30.0, 2.5]]
    np.testing.assert_array_equal(again.from_box(actions).numpy(), expected)

"""Slopes, agreements and spreads on arrays whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from energyflow.studies.theory import measures

RNG = np.random.default_rng(0)


def test_a_function_of_the_state_changes_nothing_within_states() -> None:
    truth, offset = RNG.normal(size=(6, 9)), 5.0 * RNG.normal(size=(6, 1))
    measured = 0.7 * truth + offset
    assert measures.slope(measured, truth) == pytest.approx(0.7)
    assert measures.correlation(measured, truth) == pytest.approx(1.0)
    assert measures.agreement_within(measured, truth) == 1.0
    assert measures.agreement_across(measured, truth) < 0.9
    assert measures.relative_spread(offset[:, 0], truth) == pytest.approx(
        offset.std() / np.sqrt(((truth - truth.mean(1, keepdims=True)) ** 2).mean())
    )


def test_agreement_is_the_share_of_ordered_pairs() -> None:
    """Counted by hand: three actions, one of three pairs exchanged; two states of one action each, opposite."""
    truth = np.array([[0.0, 1.0, 2.0]])
    assert measures.agreement_within(np.array([[0.0, 2.0, 1.0]]), truth) == pytest.approx(2 / 3)
    assert measures.agreement_within(np.array([[0.0, 0.0, 1.0]]), truth) == pytest.approx(2.5 / 3)
    assert measures.agreement_across(np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])) == 0.0


def test_noise_agrees_by_chance() -> None:
    first, second = RNG.normal(size=(2, 40, 40))
    assert measures.agreement_within(first, second) == pytest.approx(0.5, abs=0.03)
    assert measures.agreement_across(first, second) == pytest.approx(0.5, abs=0.03)

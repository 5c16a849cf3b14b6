"""Weights: shift invariance, effective sample size, resampling."""

from __future__ import annotations

import pytest
import torch

from energyflow.offline.weights import batch_softmax, effective_sample_size, resampled, support_softmax


def test_lower_energies_weigh_more_and_the_mean_is_one() -> None:
    energy = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    weight = batch_softmax(-2.0 * energy)
    assert weight.mean() == pytest.approx(1.0)
    torch.testing.assert_close(weight[0] / weight[1], torch.tensor(2.0, dtype=torch.float64).exp())


def test_an_offset_of_a_state_cancels_by_state_and_wrecks_a_batch() -> None:
    draws = torch.Generator().manual_seed(0)
    energy = torch.randn((64, 8), generator=draws, dtype=torch.float64)
    offset = 10.0 * torch.randn((64, 1), generator=draws, dtype=torch.float64)
    torch.testing.assert_close(support_softmax(-(energy + offset)), support_softmax(-energy))
    before, after = (effective_sample_size(batch_softmax(-e[:, 0])) for e in (energy, energy + offset))
    assert before > 12
    assert after < 3


def test_effective_sample_size_of_equal_and_of_single_weights() -> None:
    assert effective_sample_size(torch.ones(7)) == pytest.approx(7.0)
    assert effective_sample_size(torch.tensor([0.0, 3.0, 0.0])) == pytest.approx(1.0)


def test_resampling_follows_the_weights() -> None:
    log_weight = torch.log(torch.tensor([0.5, 0.3, 0.2]))
    index = resampled(log_weight, 20000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        torch.bincount(index, minlength=3) / 20000, torch.tensor([0.5, 0.3, 0.2]), atol=0.012, rtol=0
    )

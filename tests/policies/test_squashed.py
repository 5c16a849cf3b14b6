"""The squashed Gaussian against torch's own, and at the edge of the box where its density diverges."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal, TanhTransform, TransformedDistribution

from energyflow.policies import squashed

MEAN, LOG_STD = torch.tensor([[0.3, -0.5]]), torch.tensor([[-0.7, 0.2]])


def reference() -> TransformedDistribution:
    return TransformedDistribution(Independent(Normal(MEAN, LOG_STD.exp()), 1), [TanhTransform()])


def test_density_is_that_of_the_transformed_normal() -> None:
    action = torch.tensor([[0.1, -0.9], [0.8, 0.5]])
    torch.testing.assert_close(squashed.log_density(MEAN, LOG_STD, action), reference().log_prob(action))


def test_a_sample_carries_its_own_density_also_where_tanh_rounds_to_one() -> None:
    noise = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    action, density = squashed.sample(MEAN, LOG_STD, noise)
    torch.testing.assert_close(density, squashed.log_density(MEAN, LOG_STD, action), rtol=1e-4, atol=1e-4)
    action, density = squashed.sample(MEAN + 20.0, LOG_STD, noise)
    assert float(action.min()) == 1.0
    assert bool(torch.isfinite(density).all())


@pytest.mark.parametrize("log_std", [-5.0, -1.0, 2.0])
def test_actions_at_the_edge_of_the_box_have_a_finite_density_whoever_took_them(log_std: float) -> None:
    mean, spread = torch.tensor([[3.0]]), torch.tensor([[log_std]])

    def at(action: float) -> Tensor:
        return squashed.log_density(mean, spread, torch.tensor([[action]]))

    assert bool(torch.isfinite(at(1.0)))
    assert bool(torch.isfinite(at(-1.0)))
    assert at(1.0) == at(1.0 - 1e-7) == at(1.0 - squashed.EDGE)

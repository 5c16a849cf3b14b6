"""Theorem 3.11 on models whose score error is known exactly: never violated, reached, and seen when it is broken."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from energyflow.core.seeding import torch_generator
from energyflow.networks.normalizer import Normalizer
from energyflow.studies.theory.checks.bound import measure, summarise
from energyflow.studies.theory.experts.base import DTYPE, Expert
from energyflow.studies.theory.experts.registry import make_expert
from energyflow.studies.theory.readings import Reading, support
from energyflow.studies.theory.sections import Bound

ETA = 0.7
STEP = 0.15
PARAMS = Bound(sigmas=[0.3], states=12, pairs=40)


@dataclass(frozen=True)
class Units:
    """What a reading asks of a model besides its energy: identity units."""

    normalizer: Normalizer


@dataclass(frozen=True)
class Wrong(Reading):
    """The exact energy plus a known error: a tilt, or a wave or a narrow step at zero of the same largest slope."""

    shape: str = "tilt"
    lie: float = 1.0  # what the reported score error is multiplied by

    def error(self, actions: Tensor) -> Tensor:
        along = actions.sum(dim=1) / math.sqrt(actions.shape[1])
        if self.shape == "wave":
            return ETA * torch.sin(2.0 * along) / 2.0
        return ETA * (STEP * torch.tanh(along / STEP) if self.shape == "step" else along)

    def energy(self, actions: Tensor, states: Tensor) -> Tensor:
        return self.exact_energy(actions, states) + self.error(actions)

    def score(self, actions: Tensor, states: Tensor) -> Tensor:
        inputs = actions.detach().requires_grad_()
        slope = torch.autograd.grad(self.error(inputs).sum(), inputs)[0]
        return self.exact_score(actions, states) - self.lie * slope


def reading(expert: Expert, **options: object) -> Wrong:
    normalizer = Normalizer(expert.obs_dim, expert.action_dim).double()
    return Wrong(Units(normalizer), expert, 0.3, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", ["tilt", "wave"])
@pytest.mark.parametrize("name", ["gaussian1", "mixture2", "gaussian16", "navigation"])
def test_the_bound_holds_where_eta_is_exact(name: str, shape: str) -> None:
    distance, error, along = measure(reading(make_expert(name), shape=shape), 0, PARAMS)
    summary, _ = summarise(distance, error, along)
    assert summary["eta"] <= ETA * (1 + 1e-9)
    assert summary["violated"] == 0.0
    assert bool((error <= ETA * distance * (1 + 1e-9) + 1e-9).all())
    if name == "gaussian1" and shape == "tilt":  # the tilt of a line reaches it for every pair
        assert summary["tightness"] == pytest.approx(1.0, abs=1e-6)


def test_eta_is_looked_for_between_the_actions_as_well() -> None:
    """All of the error lies between two separated modes, where no demonstration is."""
    expert = make_expert("modes16")
    distance, error, along = measure(reading(expert, shape="step"), 0, PARAMS)
    assert float(along[:, [0, -1]].max()) < 0.01 * ETA
    summary, _ = summarise(distance, error, along)
    assert summary["eta"] == pytest.approx(ETA, rel=0.05)
    assert summary["violated"] == 0.0


def test_a_wrong_eta_is_seen() -> None:
    """The check is able to fail: with half the true score error reported, most pairs lie beyond the bound."""
    summary, _ = summarise(*measure(reading(make_expert("gaussian1"), lie=0.5), 0, PARAMS))
    assert summary["violated"] > 0.9


def test_the_exact_energy_is_that_of_standardised_noised_actions() -> None:
    """Its first two moments on a grid are those of standardised samples plus sigma times standard normal noise."""
    expert = make_expert("control")
    found = reading(expert)
    found.model.normalizer.action_std.copy_(torch.tensor([0.5, 1.5]))
    found.model.normalizer.action_mean.copy_(torch.tensor([0.2, -1.0]))
    generator = torch_generator(1, "test states")
    state = expert.states(1, generator)
    probe = support(found, state, 20_000, generator)
    centre, reach = probe.actions.mean(dim=0), 6.0 * probe.actions.std(dim=0)
    axes = [torch.linspace(-1, 1, 201, dtype=DTYPE) * reach[i] + centre[i] for i in range(2)]
    grid = torch.cartesian_prod(*axes)
    share = torch.softmax(-found.exact_energy(grid, state.expand(len(grid), -1)), dim=0)[:, None]
    mean = (share * grid).sum(dim=0)
    spread = (share * (grid - mean).square()).sum(dim=0).sqrt()
    torch.testing.assert_close(mean, centre, atol=0.03, rtol=0)
    torch.testing.assert_close(spread, probe.actions.std(dim=0), atol=0, rtol=0.03)


def test_standardised_scores_are_finite_differences() -> None:
    expert = make_expert("control")
    found = reading(expert)
    found.model.normalizer.action_std.copy_(torch.tensor([0.5, 3.0]))
    found.model.normalizer.action_mean.copy_(torch.tensor([0.2, -1.0]))
    generator = torch_generator(0, "test states")
    states = expert.states(10, generator)
    actions = found.standardised(expert.sample(states, generator))
    score, step = found.exact_score(actions, states), 1e-5
    for axis in range(2):
        shift = step * torch.eye(2, dtype=DTYPE)[axis]
        ends = [found.exact_energy(actions + sign * shift, states) for sign in (1.0, -1.0)]
        torch.testing.assert_close(score[:, axis], -(ends[0] - ends[1]) / (2 * step), atol=1e-5, rtol=1e-5)

"""Theorem 3.11 on models whose score error is known exactly: never violated, reached, and seen when it is broken."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from energyflow.demos.windows import Normalizer
from energyflow.seeding import torch_generator
from energyflow.theory.checks.bound import measure, summarise
from energyflow.theory.experts.base import DTYPE, Expert
from energyflow.theory.experts.registry import make_expert
from energyflow.theory.readings import Reading
from energyflow.theory.sections import Bound

ETA = 0.7
PARAMS = Bound(sigmas=[0.3], states=12, pairs=40)


@dataclass(frozen=True)
class Units:
    """What a reading asks of a model besides its energy: identity units."""

    normalizer: Normalizer


@dataclass(frozen=True)
class Wrong(Reading):
    """The exact energy plus a known error: a tilt, or a wave of the same largest slope."""

    wave: bool = False
    lie: float = 1.0  # what the reported score error is multiplied by

    def error(self, actions: Tensor) -> Tensor:
        along = actions.sum(dim=1) / math.sqrt(actions.shape[1])
        return ETA * (torch.sin(2.0 * along) / 2.0 if self.wave else along)

    def energy(self, actions: Tensor, states: Tensor) -> Tensor:
        return self.exact_energy(actions, states) + self.error(actions)

    def score(self, actions: Tensor, states: Tensor) -> Tensor:
        inputs = actions.detach().requires_grad_()
        slope = torch.autograd.grad(self.error(inputs).sum(), inputs)[0]
        return self.exact_score(actions, states) - self.lie * slope


def reading(expert: Expert, **options: object) -> Wrong:
    normalizer = Normalizer(expert.obs_dim, expert.action_dim).double()
    return Wrong(Units(normalizer), expert, 0.3, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("wave", [False, True])
@pytest.mark.parametrize("name", ["gaussian1", "mixture2", "gaussian16", "navigation"])
def test_the_bound_holds_where_eta_is_exact(name: str, wave: bool) -> None:
    distance, error, along = measure(reading(make_expert(name), wave=wave), 0, PARAMS)
    summary, _ = summarise(distance, error, along)
    assert summary["eta"] <= ETA * (1 + 1e-9)
    assert summary["violated"] == 0.0
    assert bool((error <= ETA * distance * (1 + 1e-9) + 1e-9).all())
    if name == "gaussian1" and not wave:  # the tilt of a line reaches it for every pair
        assert summary["tightness"] == pytest.approx(1.0, abs=1e-6)


def test_a_wrong_eta_is_seen() -> None:
    """The check is able to fail: with half the true score error reported, most pairs lie beyond the bound."""
    summary, _ = summarise(*measure(reading(make_expert("gaussian1"), lie=0.5), 0, PARAMS))
    assert summary["violated"] > 0.9


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

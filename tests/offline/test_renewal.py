"""Equation 5.4: l renewals of b reach mu exp(l b Q), which one shot with M support actions cannot."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from energyflow.datasets.episodes import Episode
from energyflow.offline.actors import Actor
from energyflow.offline.critic import Critic
from energyflow.offline.support import SupportStage, log_weights
from energyflow.offline.transitions import Transitions, prepare
from energyflow.offline.weights import support_softmax
from tests.offline.worlds import in_memory, numbers

M, STEP, RENEWALS = 64, 0.5, 4
STATES = 4096


class LinearQ(nn.Module):
    """Q(s, a) = a, in environment units, plus whatever the state is worth."""

    def __init__(self, data: Transitions) -> None:
        super().__init__()
        self.data = data

    def q_of_support(self, states: Tensor, support: Tensor) -> Tensor:
        action = self.data.normalizer.unstandardize_action(support)[..., 0]
        return 10.0 * action + 100.0 * states[:, :1]  # in the box [-10, 10]


def gaussian_bandit() -> Transitions:
    """mu = N(0, 1) in a box of 10, in states that differ in what they are worth."""
    rng = np.random.default_rng(0)
    episodes = [
        Episode(np.full((2, 1), rng.normal()), rng.normal(size=(1, 1)), np.zeros(1), terminated=True, truncated=False)
        for _ in range(STATES)
    ]
    return prepare(in_memory(episodes), np.array([[-10.0], [10.0]]), "as_recorded")


class GaussianStage(SupportStage):
    """A policy that is refitted exactly, by weighted moments, where QIPO takes K steps of gradient descent."""

    def __init__(self, data: Transitions, critic: Critic, beta: float) -> None:
        params = numbers(improvement__support=M, improvement__states=STATES).improvement
        super().__init__(nn.Linear(1, 1), data, params, 0, critic=critic, beta=beta, with_data=False)
        self.mean, self.std = 0.0, 1.0  # environment units

    def loss(self, network: object, generator: torch.Generator) -> Tensor:
        raise AssertionError("refitted, never descended")

    def source(self) -> Actor:
        """N(mean, std^2), standardised."""

        def actor(states: Tensor, generator: torch.Generator) -> Tensor:
            draws = self.mean + self.std * torch.randn((len(states), 1), generator=generator)
            return self.data.normalizer.standardize_action(draws / 10.0)

        return actor

    def refit(self) -> None:
        weight = support_softmax(self.log_weight)
        action = 10.0 * self.data.normalizer.unstandardize_action(self.support)[..., 0]
        self.mean = float((weight * action).sum(dim=1).mean())
        self.std = float((weight * (action - self.mean).square()).sum(dim=1).mean().sqrt())


def test_renewals_reach_the_tilted_law_and_one_shot_does_not() -> None:
    data = gaussian_bandit()
    critic: Critic = LinearQ(data)  # type: ignore[assignment]
    stage = GaussianStage(data, critic, STEP)
    for number in range(1, RENEWALS + 1):
        stage.renew()
        stage.refit()
        # N(l b, 1) exactly; a step of 0.5 with 64 actions falls 0.010 short
        assert stage.mean == pytest.approx(number * STEP, abs=0.02 + 0.02 * number)
        assert stage.std == pytest.approx(1.0, abs=0.03)
    once = GaussianStage(data, critic, RENEWALS * STEP)
    once.renew()
    once.refit()
    assert once.mean == pytest.approx(1.677, abs=0.03)  # of 2.0: what 64 actions can show
    assert stage.mean > once.mean + 0.2


def test_what_a_state_is_worth_cancels() -> None:
    data = gaussian_bandit()
    critic: Critic = LinearQ(data)  # type: ignore[assignment]
    states, support = data.obs(torch.arange(32)), torch.randn(32, 8, 1, generator=torch.Generator().manual_seed(0))
    here = support_softmax(log_weights(critic, states, support, 1.0))
    elsewhere = support_softmax(log_weights(critic, states.flip(0), support, 1.0))
    torch.testing.assert_close(here, elsewhere, rtol=0, atol=1e-4)


def test_more_q_is_more_weight_and_beta_zero_none() -> None:
    data = gaussian_bandit()
    critic: Critic = LinearQ(data)  # type: ignore[assignment]
    support = torch.tensor([[[-1.0], [0.0], [1.0]]])
    tilted, flat = (support_softmax(log_weights(critic, data.obs(torch.tensor([0])), support, b)) for b in (1.0, 0.0))
    assert bool((tilted[0].diff() > 0).all())
    torch.testing.assert_close(flat, torch.full((1, 3), 1 / 3))

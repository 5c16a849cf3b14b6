"""Closed forms of the ranking: what orders as the judge does, against it, or not at all."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pytest
import torch

from energyflow.agents.agent import Agent
from energyflow.config.params import Params
from energyflow.rewards.base import Transitions
from energyflow.rewards.constant import Constant
from energyflow.rewards.dense import Dense
from energyflow.studies.rewards import measures, ranking

rng = np.random.default_rng(0)
ADVANTAGE = rng.normal(size=(20, 7))


def test_a_source_that_is_the_advantage_has_rank_correlation_1_and_its_negative_minus_1() -> None:
    offset = rng.normal(size=(20, 1)) * 100
    for reward, expected in ((ADVANTAGE, 1.0), (-ADVANTAGE, -1.0), (np.exp(ADVANTAGE), 1.0), (ADVANTAGE + offset, 1.0)):
        assert measures.within(reward, ADVANTAGE) == pytest.approx(expected)
    assert measures.across(ADVANTAGE[:, 0], ADVANTAGE[:, 0]) == pytest.approx(1.0)
    assert abs(measures.across((ADVANTAGE + offset)[:, 0], ADVANTAGE[:, 0])) < 0.6  # c(s) hides it


def test_a_constant_reward_has_no_order() -> None:
    constant = np.zeros_like(ADVANTAGE)
    assert math.isnan(measures.within(constant, ADVANTAGE))
    assert math.isnan(measures.across(constant[:, 0], ADVANTAGE[:, 0]))
    assert measures.preferred(constant[:, :1], constant) == 0.5


def test_states_without_an_order_do_not_count() -> None:
    reward = np.where(np.arange(20)[:, None] < 10, ADVANTAGE, 0.0)
    assert measures.within(reward, ADVANTAGE) == pytest.approx(1.0)


def test_the_probability_of_preference_counts_ties_half() -> None:
    assert measures.preferred(np.array([[1.0], [1.0]]), np.array([[0.0, 1.0], [2.0, 2.0]])) == pytest.approx(0.375)


class OfAction:
    """Minus the square of the action."""

    window, frozen = (1, 1), True
    measured: ClassVar[dict[str, float]] = {}

    def reward(self, batch: Transitions) -> torch.Tensor:
        return -batch.action[:, -1].square().sum(dim=1)


class Weighted(OfAction):
    """And so much of success, as the centred energy has none of it."""

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def reward(self, batch: Transitions) -> torch.Tensor:
        return super().reward(batch) + self.weight * batch.success


class Long(OfAction):
    window = (2, 4)


def asked() -> ranking.Asked:
    obs, action = torch.randn(6, 3), torch.rand(6, 5, 2)
    return ranking.Asked([], obs, action, np.zeros((6, 5), dtype=np.float32), 2, 2)


def test_the_judge_is_asked_about_its_own_actions_and_about_demonstrated_ones() -> None:
    advantage = np.zeros((6, 5), dtype=np.float32)  # taken, two drawn, two uniform
    advantage[:, 1:3] = 2.0
    advantage[-2:, 0] = 1.0  # the demonstrated states
    given = ranking.Asked([], torch.zeros(6, 3), torch.zeros(6, 5, 2), advantage, 2, 2)
    assert ranking.of_judge(given) == {"drawn": (1.0, 6), "surpassed": (1.0, 2), "demonstrated": (1.0, 2)}
    advantage[-1, 0] = 3.0
    assert ranking.of_judge(given)["surpassed"] == (0.5, 2)


def test_only_sources_of_one_observation_and_action_are_asked_about_what_was_not_done() -> None:
    given = asked()
    found = ranking.of_actions(OfAction(), given)
    np.testing.assert_allclose(found, -given.action.square().sum(dim=2).numpy(), rtol=1e-6)
    constant = ranking.of_actions(Constant(), given)
    assert constant is not None
    assert not constant.any()
    assert ranking.of_actions(Long(), given) is None
    assert ranking.of_actions(Weighted(0.0), given) is not None
    assert ranking.of_actions(Weighted(1.0), given) is None
    assert ranking.of_actions(Dense(10.0), given) is None


def test_the_advantage_is_zero_on_average_over_the_judge_where_its_entropy_is_free(smoke: Params) -> None:
    agent = Agent(3, 2, smoke.shape["dense"], seed=0)
    agent.log_alpha.fill_(-30.0)
    obs = torch.randn(4, 3)
    action, value = ranking.draws(agent, obs, 16, torch.Generator().manual_seed(0))
    worth = ranking.quality(agent, ranking.spread(obs, action), action.flatten(0, 1)).view(4, 16)
    torch.testing.assert_close(worth.mean(dim=1), value, rtol=1e-4, atol=1e-5)

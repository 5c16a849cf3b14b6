"""The one unit of rewards: random actions at 0, demonstrated ones at 1."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.datasets.format import Demonstration
from energyflow.networks.normalizer import Normalizer
from energyflow.rewards.base import Ingredients
from energyflow.rewards.demonstrations import demonstration_windows
from energyflow.rewards.readout import Readout
from energyflow.rewards.sources import build_source
from energyflow.rewards.unit import Unit, measure, random_actions

from .conftest import ACTION_DIM, as_demos, make_demos, transitions


def measured(reward: Callable[[Tensor], Tensor], action: Tensor) -> Unit:
    return measure(reward, action, Normalizer(3, ACTION_DIM), 0, "the model")


def test_the_unit_of_a_quadratic_is_its_closed_form() -> None:
    """r = 5 - 3 |a|^2: demonstrated at a = 0 it is 5, and over N(0, I) in two dimensions 5 - 6 on average."""
    action = torch.zeros(4000, 1, ACTION_DIM)
    unit = measured(lambda a: 5.0 - 3.0 * a.square().sum(dim=(1, 2)), action)
    assert unit.zero == pytest.approx(-1.0, abs=0.05)
    assert unit.contrast == pytest.approx(6.0, abs=0.05)
    assert float(unit.of(torch.tensor(5.0))) == pytest.approx(1.0)


def test_the_unit_is_that_of_the_reward_whatever_the_reward_is_multiplied_by() -> None:
    action, values = torch.zeros(50, 1, ACTION_DIM), torch.tensor([2.0, -1.0])
    plain, scaled = (measured(lambda a, k=k: k * a.exp().sum(dim=(1, 2)) + k, action) for k in (1.0, 1000.0))
    torch.testing.assert_close(scaled.of(1000.0 * values), plain.of(values), rtol=1e-4, atol=1e-4)


def test_a_reward_that_prefers_random_actions_goes_on_doing_so() -> None:
    unit = measured(lambda a: a.square().sum(dim=(1, 2)), torch.zeros(500, 1, ACTION_DIM))
    assert unit.contrast < 0
    better, worse = unit.of(torch.tensor([4.0, 0.0]))
    assert float(better) > float(worse)


@pytest.mark.parametrize("value", [3.0, float("nan")])
def test_a_reward_that_tells_nothing_apart_has_no_unit(value: float) -> None:
    with pytest.raises(UserError, match="the model does not tell demonstrated from random actions"):
        measured(lambda a: torch.full((len(a),), value), torch.zeros(5, 1, ACTION_DIM))


@pytest.mark.parametrize("name", ["raw_energy", "centered_energy"])
def test_sources_have_the_unit_in_the_same_states(
    smoke: Params, make_readout: Callable[..., Readout], expert_demos: list[Demonstration], name: str
) -> None:
    model = make_readout().model
    source = build_source(Ingredients(name, smoke.shape[name], 0, model, as_demos(make_demos())))
    obs, action = demonstration_windows(expert_demos, (1, 1), seed=0)
    shown = float(source.reward(transitions(obs, action)).mean())
    drawn = [
        source.reward(transitions(obs, random_actions(model.normalizer, action, 7000 + k))).mean() for k in range(64)
    ]
    assert shown - float(torch.stack(drawn).mean()) == pytest.approx(1.0, abs=0.1)

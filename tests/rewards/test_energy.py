"""Energy rewards against the closed form of a Gaussian expert."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from energyflow.config.params import Params
from energyflow.config.sections import ShapeParams
from energyflow.core.errors import UserError
from energyflow.datasets.format import Demonstration
from energyflow.rewards.base import Ingredients, RewardSource
from energyflow.rewards.energy import BoundedEnergy, CenteredEnergy, PotentialEnergy, ProposedEnergy, RawEnergy
from energyflow.rewards.readout import Readout
from energyflow.rewards.registry import SOURCES, models_of, sources_of
from energyflow.rewards.sources import build_source, ends_at_success, make_source
from energyflow.rewards.windows import window_indices

from .conftest import ACTION_DIM, NOISE, OBS_DIM, WEIGHT, as_demos, make_demos, transitions, wild_offset

Make = Callable[..., Readout]


def score(source: RewardSource, obs: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    return source.reward(transitions(obs, action))


def batch(count: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(3)
    obs = torch.randn(count, 1, OBS_DIM, generator=g)
    return obs, torch.rand(count, 1, ACTION_DIM, generator=g) * 2 - 1


def test_centred_rewards_ignore_any_function_of_the_state_and_the_raw_one_does_not(make_readout: Make) -> None:
    obs, action = batch()
    for cls, moves in ((RawEnergy, True), (CenteredEnergy, False), (BoundedEnergy, False), (ProposedEnergy, False)):
        plain, shifted = (score(cls(make_readout(*o), 2.0), obs, action) for o in ((), (wild_offset,)))
        difference = float((plain - shifted).abs().max())
        assert (difference > 1.0) if moves else (difference < 1e-5), cls.__name__


def test_centred_reward_is_the_closed_form_and_ranks_like_the_true_advantage(make_readout: Make) -> None:
    readout = make_readout(wild_offset)
    obs, action = batch()
    scale = 2 * (NOISE**2 + readout.sigma**2)
    mean = obs[:, 0] @ WEIGHT.T
    chosen = (action[:, 0] - mean).square().sum(1)
    references = (readout.references[None, :, 0] - mean[:, None]).square().sum(2).mean(1)
    torch.testing.assert_close(readout.centered(obs, action), (references - chosen) / scale, rtol=1e-4, atol=1e-3)

    state = obs[:1].expand(len(action), -1, -1)
    true_advantage = -(action[:, 0] - mean[:1]).square().sum(1) / (2 * NOISE**2)
    reward = score(CenteredEnergy(readout, 1.0), state, action)
    assert torch.equal(reward.argsort(), true_advantage.argsort())


def test_an_energy_that_prefers_random_actions_is_refused(smoke: Params, make_readout: Make) -> None:
    far = [replace(episode, actions=episode.actions + 100.0) for episode in make_demos()]
    given = Ingredients("raw_energy", smoke.shape["raw_energy"], 0, make_readout().model, as_demos(far))
    with pytest.raises(UserError, match=r"does not separate demonstrated from random.*source\.raw_energy\.sigma"):
        build_source(given)


def test_success_adds_the_weight_once(make_readout: Make) -> None:
    obs, action = batch(4)
    success = torch.tensor([0.0, 1.0, 0.0, 1.0])
    plain = score(CenteredEnergy(make_readout(), 2.0), obs, action)
    successful = replace(transitions(obs, action), success=success)
    both = CenteredEnergy(make_readout(), 2.0, sparse_weight=10.0).reward(successful)
    torch.testing.assert_close(both - plain, 10.0 * success)


def test_bounded_reward_is_regret_whatever_the_state(make_readout: Make) -> None:
    source = BoundedEnergy(make_readout(wild_offset), 2.0)
    obs, action = batch()
    best = (obs[:, -1:] @ WEIGHT.T).clamp(-1, 1)
    inside = (obs[:, 0] @ WEIGHT.T).abs().amax(1) < 1
    expert = score(source, obs, best)[inside]
    torch.testing.assert_close(expert, torch.full_like(expert, -0.5), rtol=0, atol=2e-3)
    for actions in (action, 100.0 * action):
        reward = score(source, obs, actions)
        assert bool((reward >= -1).all())
        assert bool((reward <= -0.5).all())
    closer = score(source, obs, 0.5 * (action + best))
    assert bool((closer > score(source, obs, action))[inside].all())  # never flat


def test_against_its_own_proposals_the_expert_has_nothing_to_gain_in_any_state(make_readout: Make) -> None:
    source = ProposedEnergy(make_readout(wild_offset), 2.0)
    obs, action = batch()
    best = (obs[:, -1:] @ WEIGHT.T).clamp(-1, 1)
    expert = score(source, obs, best)
    torch.testing.assert_close(expert, torch.zeros_like(expert), rtol=0, atol=0.1)
    assert bool((score(source, obs, action) <= expert + 0.1).all())


def test_the_potential_adds_up_to_nothing_on_the_way_round(make_readout: Make) -> None:
    """Discounted, the shaping of an episode is what its first and last states are worth, whatever lies between."""
    gamma, readout = 0.9, make_readout(wild_offset)
    source = PotentialEnergy(readout, 2.0, weight=10.0, gamma=gamma)
    states = torch.randn(9, OBS_DIM, generator=torch.Generator().manual_seed(5))
    actions = torch.zeros(8, ACTION_DIM)
    reward = source.reward(replace(transitions(states[:-1], actions), next_obs=states[1:]))
    total = float((gamma ** torch.arange(8.0) * reward).sum())
    first, last = (-float(readout.floor(states[[k], None])) / 2.0 for k in (0, -1))
    assert total == pytest.approx(gamma**8 * last - first, abs=1e-4)
    success = replace(transitions(states[:-1], actions), next_obs=states[1:], success=torch.ones(8))
    torch.testing.assert_close(source.reward(success) - reward, torch.full((8,), 10.0))


@pytest.mark.parametrize("window", [(1, 1), (2, 3)])
def test_the_floor_is_the_lowest_energy_inside_the_box(make_readout: Make, window: tuple[int, int]) -> None:
    """Where the expert's action lies outside, the best one that can be done is the nearest on the border."""
    readout = make_readout(window=window)
    readout.model.normalizer.action_mean.copy_(torch.tensor([0.1, -0.3]))
    readout.model.normalizer.action_std.copy_(torch.tensor([0.5, 2.0]))
    obs = 20.0 * torch.randn(32, window[0], OBS_DIM, generator=torch.Generator().manual_seed(0))
    mean = readout.model.normalizer.unstandardize_action(obs[:, -1:] @ WEIGHT.T)
    outside = (mean[:, 0].abs() > 1).all(dim=1)
    assert bool((mean[outside] < -1).any() & (mean[outside] > 1).any())
    best = readout.energy(obs, mean.clamp(-1.0, 1.0).expand(-1, window[1], -1))
    floor = readout.floor(obs)
    torch.testing.assert_close(floor[outside], best[outside], rtol=1e-4, atol=1e-3)
    assert bool((floor - best < 1.0).all())


def test_sources_by_name(smoke: Params, make_readout: Make, expert_demos: list[Demonstration]) -> None:
    model, demos = make_readout().model, as_demos(expert_demos)
    names = [name for name, spec in SOURCES.items() if spec.model == "energyflow"]
    made = {n: build_source(Ingredients(n, smoke.shape[n], 0, model, demos)) for n in names}
    assert {name: type(source) for name, source in made.items()} == {
        "raw_energy": RawEnergy,
        "centered_energy": CenteredEnergy,
        "centered_energy_sparse": CenteredEnergy,
        "centered_energy_bounded": BoundedEnergy,
        "centered_energy_proposals": ProposedEnergy,
        "energy_potential": PotentialEnergy,
    }
    assert all(source.frozen and list(source.measured) == ["gap"] for source in made.values())
    weight = smoke.shape["centered_energy_sparse"].source_params["sparse_weight"]
    assert made["centered_energy_sparse"].sparse_weight == weight > 0  # type: ignore[attr-defined]
    assert made["centered_energy"].sparse_weight == 0.0  # type: ignore[attr-defined]
    assert {s.measured["gap"] for s in made.values()} == {made["raw_energy"].measured["gap"]}


def test_task_rewards(shape: ShapeParams) -> None:
    batch = transitions(torch.zeros(2, 1), torch.zeros(2, 1))
    batch = replace(batch, success=torch.tensor([0.0, 1.0]), env_reward=torch.tensor([2.5, 10.0]))
    sparse = make_source("sparse", "metaworld/button_press", shape, 0, None, None)
    oracle = make_source("dense", "metaworld/button_press", shape, 0, None, None)
    cost = make_source("step_cost", "metaworld/button_press", shape, 0, None, None)
    assert sparse.reward(batch).tolist() == [0.0, 1.0]
    assert cost.reward(batch).tolist() == [-1.0, -1.0]
    assert oracle.reward(batch).tolist() == [0.25, 1.0]
    staged = make_source("dense", "robomimic/lift", shape, 0, None, None)  # at most 1 a step
    assert staged.reward(batch).tolist() == [2.5, 10.0]


def test_which_sources_end_at_success(shape: ShapeParams) -> None:
    keep, stop = (shape.model_copy(update={"on_success": x}) for x in ("continue", "terminate"))
    assert [n for n in SOURCES if ends_at_success(n, keep)] == ["centered_energy_bounded", "step_cost"]
    assert [n for n in SOURCES if ends_at_success(n, stop)] == list(SOURCES)


def test_what_sources_and_methods_need_is_named_once() -> None:
    assert models_of(["sparse", "near", "raw_energy", "centered_energy"]) == ["near_energy", "energyflow"]
    assert sources_of(["ebil", "energyflow", "near_bc", "ebil_bc"]) == ["ebil", "near"]


def test_mistakes_are_named(shape: ShapeParams) -> None:
    with pytest.raises(UserError, match="did you mean 'centered_energy'"):
        SOURCES["centred_energy"]
    with pytest.raises(UserError, match="'energyflow': pass --model and --demos"):
        make_source("raw_energy", "metaworld/button_press", shape, 0, None, None)
    with pytest.raises(UserError, match="'gail' reads demonstrations: pass --demos"):
        make_source("gail", "metaworld/button_press", shape, 0, None, None)


def test_a_model_of_another_kind_is_refused(
    smoke: Params, make_readout: Make, expert_demos: list[Demonstration]
) -> None:
    model, demos = make_readout().model, as_demos(expert_demos)
    for name in ("ebil", "near", "iq_learn", "likelihood"):
        with pytest.raises(UserError, match=f"'{name}' reads a model of method"):
            build_source(Ingredients(name, smoke.shape[name], 0, model, demos))


def test_windows_stay_inside_their_episode() -> None:
    start = np.array([0, 0, 5, 5, 5])
    rows, columns = window_indices(np.array([0, 4, 5, 6, 9]), start, 2, 3)
    assert rows.tolist() == [[0, 0], [1, 2], [5, 5], [5, 5], [6, 7]]
    assert columns.tolist() == [[0, 0, 0], [2, 3, 4], [5, 5, 5], [5, 6, 6], [7, 8, 9]]

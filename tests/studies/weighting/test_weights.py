"""The energy as reward, weight and critic: what cancels, which sign, and who is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.datasets.episodes import Episode, Episodes
from energyflow.offline.transitions import Transitions
from energyflow.offline.weights import support_softmax
from energyflow.studies.theory.experts.registry import make_expert
from energyflow.studies.theory.models import draw
from energyflow.studies.weighting import discriminator, flows, resolve
from energyflow.studies.weighting.checks.chain import relabelled
from energyflow.studies.weighting.checks.imitation import halved
from energyflow.studies.weighting.checks.temperature import transitions
from energyflow.studies.weighting.energy import EnergyCritic, ExpertEnergy, expert_energy, pairs


@pytest.fixture(scope="module")
def data() -> Transitions:
    return transitions(*draw(make_expert("gaussian2"), 512, 0))


@pytest.fixture(scope="module")
def demos() -> Episodes:
    """Of a closed form, each episode of one pair of state and action."""
    told = zip(*(part.numpy() for part in draw(make_expert("gaussian2"), 512, 0)), strict=True)
    episodes = [Episode(np.stack([s, s]), a[None], np.zeros(1), False, True) for s, a in told]
    return Episodes(Path("closed form"), "", episodes, {"state": 2})


@pytest.fixture
def energy(demos: Episodes, laptop: Params) -> ExpertEnergy:
    model = resolve.small(laptop).model_copy(update={"steps": 150})
    return expert_energy(demos, model, resolve.weighting_of(laptop).energy, 0)


def test_demonstrated_actions_are_rewarded_by_1_and_random_ones_by_0(energy: ExpertEnergy, demos: Episodes) -> None:
    states, actions = pairs(demos)
    known, noise = energy.readout.model.normalizer, torch.Generator().manual_seed(1)
    anything = known.unstandardize_action(torch.randn(actions.shape, generator=noise, dtype=torch.float64))
    shown, drawn = (float(energy.reward(states, each).mean()) for each in (actions, anything))
    assert shown - drawn == pytest.approx(1.0, abs=0.25)
    assert drawn == pytest.approx(0.0, abs=0.4)  # sixteen references
    own, others = (float(energy.advantage(states, each).mean()) for each in (actions, anything))
    assert own - others == pytest.approx(shown - drawn, rel=1e-4)
    assert -1.0 < own < 0.0  # what an energy proposes lies deeper than what an expert as wide as this one does


def test_weights_do_not_see_what_depends_on_the_state_alone(
    energy: ExpertEnergy, demos: Episodes, data: Transitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An energy is known up to c(s): both centred forms, and per-state weights, are without it; a raw one is not."""
    states, actions = pairs(demos)
    model, beta = energy.readout.model, 10.0
    rows = torch.arange(32)
    support = data.action[torch.randint(len(data), (32, 5), generator=torch.Generator().manual_seed(0))]

    def measured() -> dict[str, Tensor]:
        critic = EnergyCritic(energy.energy, data)
        return {
            "reward": energy.reward(states, actions),
            "advantage": energy.advantage(states, actions),
            "within states": support_softmax(beta * critic.q_of_support(data.obs(rows), support)),
            "raw": energy.energy(states, actions),
        }

    before, plain = measured(), model.energy

    def offset(action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        return plain(action, obs, sigma) + 50.0 * torch.sin(3.0 * obs[:, -1, 0])

    monkeypatch.setattr(model, "energy", offset)
    after = measured()
    for name in ("reward", "advantage", "within states"):
        torch.testing.assert_close(after[name], before[name], rtol=1e-3, atol=1e-3)
    assert float((after["raw"] - before["raw"]).abs().max()) > 0.1


def test_the_critic_likes_low_energies_and_so_does_the_best_of_many(data: Transitions) -> None:
    def bowl(states: Tensor, actions: Tensor) -> Tensor:
        return actions.square().sum(dim=1)

    states = data.obs(torch.arange(6))
    critic = EnergyCritic(bowl, data)
    zero = data.normalizer.standardize_action(torch.zeros(1, 2, dtype=torch.float64)).float().expand(6, -1)
    assert (critic.q(states, zero) > critic.q(states, zero + 1.0)).all()
    torch.testing.assert_close(critic.q(states, zero), torch.zeros(6), atol=1e-6, rtol=0.0)

    def actor(asked: Tensor, generator: torch.Generator) -> Tensor:
        return torch.randn(len(asked), 2, generator=generator)

    best = flows.best_of(actor, bowl, data, 64)(states, torch.Generator().manual_seed(0))
    assert best.shape == (6, 2)
    assert float((best - zero).norm(dim=1).mean()) < 0.5


def test_renewals_and_the_flow_before_them_have_the_steps_of_one_flow(laptop: Params) -> None:
    learn = resolve.weighting_of(laptop).learn
    for whole in (learn.behaviour.steps, 103):
        behaviour = learn.behaviour.model_copy(update={"steps": whole})
        half = halved(learn.model_copy(update={"behaviour": behaviour}))
        assert half.behaviour.steps + half.improvement.steps == whole
        assert half.improvement.periods == learn.improvement.periods
        assert half.improvement.steps == pytest.approx(whole / 2, abs=learn.improvement.periods)


def test_more_periods_than_half_of_the_steps_are_refused(laptop: Params) -> None:
    own = resolve.weighting_of(laptop)
    behaviour = own.learn.behaviour.model_copy(update={"steps": 7})
    short = own.model_copy(update={"learn": own.learn.model_copy(update={"behaviour": behaviour})})
    with pytest.raises(UserError, match=r"learn: 4 periods of improvement in half of behaviour.steps, 3; raise"):
        resolve.check(laptop.model_copy(update={"studies": laptop.studies | {resolve.NAME: short}}))


def test_a_flow_draws_what_has_weight(data: Transitions, laptop: Params) -> None:
    """Only actions right of the middle have any: none to the left is learnt."""
    learn = resolve.weighting_of(laptop).learn
    recipe = learn.behaviour.model_copy(update={"steps": 150, "lr": 1e-2, "ema_decay": 0.95, "warmup_steps": 10})
    learn = learn.model_copy(update={"behaviour": recipe, "hidden": [32, 32]})
    right = data.action[:, 0] > 0.0
    weight = torch.zeros(len(data)).masked_fill(~right, -torch.inf)
    flow = flows.flow(data, weight, learn, 0)
    drawn = flows.drawing(flow, data, learn)(data.obs(torch.arange(256)), torch.Generator().manual_seed(0))
    assert float((drawn[:, 0] > 0.0).float().mean()) > 0.9


def test_discriminator_weights_are_the_ratio_of_the_laws_within_their_clip(laptop: Params) -> None:
    """Demonstrations N(1, 1) against N(-1, 1): the log ratio is 2 x."""
    params = resolve.weighting_of(laptop).imitation.discriminator.model_copy(update={"steps": 400, "lr": 5e-3})
    noise = torch.Generator().manual_seed(0)
    demos, others = (at + torch.randn(4096, 1, generator=noise) for at in (1.0, -1.0))
    found = discriminator.log_weights(demos, others, [32, 32], params, 0)
    most = float(np.log(9.0))
    inside = (2.0 * others[:, 0]).abs() < 0.8 * most
    assert float((found - 2.0 * others[:, 0])[inside].abs().mean()) < 0.3
    assert float(found.max()) <= most + 1e-5
    assert float(found.min()) >= -most - 1e-5


def test_relabelled_episodes_keep_what_was_done(energy: ExpertEnergy, demos: Episodes) -> None:
    told: Any = relabelled(demos, energy)
    reward = energy.reward(*pairs(demos))
    for index, (old, new) in enumerate(zip(demos.episodes, told.episodes, strict=True)):
        assert new.actions is old.actions
        assert new.rewards.tolist() == pytest.approx([float(reward[index])], rel=1e-5, abs=1e-5)

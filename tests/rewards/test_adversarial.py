"""Discriminators against what they must find: the log-ratio of two Gaussians, and the reward of a solved chain."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from energyflow.config.params import Params
from energyflow.datasets.format import Demonstration
from energyflow.networks.normalizer import Normalizer
from energyflow.policies import squashed
from energyflow.rewards.adversarial import FLOOR, AdversarySettings, statistics
from energyflow.rewards.airl import AIRL, AIRLSettings
from energyflow.rewards.base import Ingredients, Transitions
from energyflow.rewards.demonstrations import demonstration_transitions
from energyflow.rewards.gail import GAIL
from energyflow.rewards.sources import build_source

from .conftest import as_demos, no_density, transitions

QUICK = {"hidden": [48, 48], "learning_rate": 3e-3, "beta1": 0.9, "gradient_penalty": 0.0}


def gail(smoke: Params, expert: Transitions, normalizer: Normalizer, **update: object) -> GAIL:
    own = AdversarySettings(**smoke.shape["gail"].source_params | QUICK | update)
    return GAIL(own, expert, normalizer, seed=0)


def airl(
    smoke: Params, expert: Transitions, *, random_share: float = 0.0, ends: bool = False, **update: object
) -> AIRL:
    own = AIRLSettings(**smoke.shape["airl"].source_params | QUICK | update)
    found = AIRL(own, expert, Normalizer(1, 1), seed=0, discount=DISCOUNT, ends=ends)
    found.random_share = random_share
    return found


def split(pairs: Tensor) -> Transitions:
    return transitions(pairs[:, :1], pairs[:, 1:])


# --- the unit ---


def nats(source: GAIL | AIRL, batch: Transitions) -> Tensor:
    """The reward before its unit."""
    with torch.no_grad():
        return source.reward_of(source.score(source.inputs(batch)))


def test_demonstrated_actions_come_to_lie_one_above_random_ones(smoke: Params) -> None:
    """Whatever the discriminator's nats are; one that tells nothing apart yet is not amplified."""
    source = fitted(smoke)
    assert float(source.contrast) > 2 * FLOOR
    shown = split(EXPERT.sample((4000,)))
    drawn = replace(shown, action=torch.randn(shown.action.shape))
    assert float(source.reward(shown).mean() - source.reward(drawn).mean()) == pytest.approx(1.0, abs=0.15)
    torch.manual_seed(0)
    fresh = gail(smoke, shown, Normalizer(1, 1))
    torch.testing.assert_close(fresh.reward(shown), nats(fresh, shown) / FLOOR)


# --- GAIL: two Gaussians over (s, a) ---

EXPERT = MultivariateNormal(torch.tensor([0.4, 0.2]), torch.tensor([[0.8, 0.5], [0.5, 0.8]]))
AGENT = MultivariateNormal(torch.tensor([-0.3, 0.0]), torch.eye(2))


def fitted(smoke: Params, steps: int = 500, **update: object) -> GAIL:
    torch.manual_seed(0)
    source = gail(smoke, split(EXPERT.sample((8,))), Normalizer(1, 1), **update)
    for _ in range(steps):
        source.learn(split(EXPERT.sample((512,))), split(AGENT.sample((512,))), no_density)
    return source


def test_the_discriminator_of_two_gaussians_is_their_log_ratio(smoke: Params) -> None:
    source = fitted(smoke)
    points = EXPERT.sample((400,))
    true = EXPERT.log_prob(points) - AGENT.log_prob(points)
    found = source.score(source.inputs(split(points))).detach()
    assert float((found - true).abs().mean()) < 0.15
    assert float(torch.corrcoef(torch.stack([found, true]))[0, 1]) > 0.95
    odds = true.exp()
    best = (odds / (1 + odds)).log()
    assert float((nats(source, split(points)) - best).abs().mean()) < 0.1  # log D


def test_the_penalty_pulls_the_slope_towards_one(smoke: Params) -> None:
    """Two distant clouds: without it the logits run to the clamp; with it f rises by one a standard deviation."""
    torch.manual_seed(0)
    far = torch.tensor([3.0, 0.0])
    slopes = {}
    for weight in (0.0, 8.0):
        source = gail(smoke, split(torch.zeros(8, 2)), Normalizer(1, 1), gradient_penalty=weight)
        for _ in range(300):
            batches = (split(0.1 * torch.randn(128, 2) + far), split(0.1 * torch.randn(128, 2) - far))
            source.learn(*batches, no_density)
        ends = source.score(torch.stack([far, -far]))
        slopes[weight] = float((ends[0] - ends[1]).detach()) / 6.0
    assert slopes[8.0] == pytest.approx(1.0, abs=0.15)
    assert slopes[0.0] > 1.5


def test_logits_are_clamped_and_the_log_says_what_happened(smoke: Params) -> None:
    source = gail(smoke, split(torch.zeros(8, 2)), Normalizer(1, 1), clip=2.0)
    assert source.report() == dict.fromkeys(source.columns)  # nothing happened yet
    assert float(source.entropy(torch.tensor([100.0]), torch.tensor([-100.0]))) == pytest.approx(np.log1p(np.exp(-2)))
    apart = split(torch.full((64, 2), 2.0)), split(torch.full((64, 2), -2.0))
    for _ in range(100):
        source.learn(*apart, no_density)
    source.report()
    source.learn(*apart, no_density)
    report = source.report()
    assert (report["expert_accuracy"], report["policy_accuracy"]) == (1.0, 1.0)
    assert report["reward_mean"] == pytest.approx(-np.log1p(np.exp(2.0)), abs=0.01)
    assert report["discriminator_loss"] == pytest.approx(np.log1p(np.exp(-2.0)), abs=0.01)


def test_what_the_discriminator_reads_is_standardised_by_the_demonstrations(
    smoke: Params, expert_demos: list[Demonstration]
) -> None:
    wide = [Demonstration(100.0 + 50.0 * e.obs, e.actions, e.rewards, e.success) for e in expert_demos]
    for name in ("gail", "airl"):
        source = build_source(Ingredients(name, smoke.shape[name], 0, None, as_demos(wide)))
        inputs = source.inputs(demonstration_transitions(wide))  # type: ignore[attr-defined]
        assert float(inputs.mean(dim=0).abs().max()) < 0.2
        assert float((inputs.std(dim=0) - 1.0).abs().max()) < 0.2


# --- AIRL: a chain of five states, moves left, none, right, solved exactly ---

DISCOUNT = 0.9
STATES, MOVES = torch.linspace(-1, 1, 5), torch.tensor([-1.0, 0.0, 1.0])
REWARD = torch.tensor([0.0, 0.8, -0.5, 0.3, 1.0])
FOLLOWING = (torch.arange(5)[:, None] + torch.tensor([-1, 0, 1])).clamp(0, 4)  # [state, move]


def soft_advantage() -> Tensor:
    """log pi* [5, 3] of the max-ent expert: r(s) + gamma V(s') - V(s)."""
    value = torch.zeros(5)
    for _ in range(500):
        value = torch.logsumexp(REWARD[:, None] + DISCOUNT * value[FOLLOWING], dim=1)
    return REWARD[:, None] + DISCOUNT * value[FOLLOWING] - value[:, None]


def walked(chances: Tensor, count: int) -> Transitions:
    """Every state as often, moves in proportion to `chances` [5, 3]: a batch without sampling noise."""
    repeats = (chances * count).round().long().flatten()
    which = torch.arange(15).repeat_interleave(repeats)
    state, move = which // 3, which % 3
    return transitions(STATES[state, None], MOVES[move, None], STATES[FOLLOWING[state, move], None])


@pytest.mark.parametrize("state_only", [True, False])
def test_airl_recovers_the_reward_of_a_solved_chain(smoke: Params, state_only: bool) -> None:
    """The agent walks at random with an exactly known density; the expert is soft-optimal for a reward of the state."""
    expert = walked(soft_advantage().exp(), 100)
    agent = walked(torch.full((5, 3), 1 / 3), 100)
    source = airl(smoke, expert, state_only=state_only, hidden=[32, 32])

    def uniform(obs: Tensor, action: Tensor) -> Tensor:
        return torch.full((len(obs),), -np.log(3.0))

    for _ in range(700):
        source.learn(expert, agent, uniform)
    every = walked(torch.ones(5, 3), 1)
    inputs = source.inputs(every)
    found, true = source.score(inputs).detach().reshape(5, 3), soft_advantage()
    torch.testing.assert_close(found, true, rtol=0, atol=0.15)
    torch.testing.assert_close(nats(source, every), found.flatten())
    if state_only:  # then g is the reward itself, up to a constant
        term = source.term(inputs).detach().reshape(5, 3)[:, 0]
        torch.testing.assert_close(term - term.mean(), REWARD - REWARD.mean(), rtol=0, atol=0.2)


def test_the_shaping_is_the_discounted_next_potential_minus_the_present_one(smoke: Params) -> None:
    """With any other, the agent's best policy under f would not be that under g."""
    batch = transitions(torch.randn(32, 1), torch.randn(32, 1), torch.randn(32, 1))
    source = airl(smoke, batch)
    potential = source.networks["h"]
    inputs = source.inputs(batch)
    expected = source.term(inputs) + (DISCOUNT * potential(batch.next_obs) - potential(batch.obs[:, -1])).squeeze(-1)
    torch.testing.assert_close(source.score(inputs), expected)


def squashed_gaussian(mean: float, log_std: float, action: Tensor) -> Tensor:
    return squashed.log_density(torch.full_like(action, mean), torch.full_like(action, log_std), action)


def test_airl_finds_the_expert_where_the_actor_never_acts(smoke: Params) -> None:
    """The replay of an actor that is sure of another action; the expert's log-density is known."""
    torch.manual_seed(0)
    state = torch.zeros(2048, 1)
    taken = (0.5 + 0.3 * torch.randn(2048, 1)).tanh()
    acted = torch.where(
        torch.rand(2048, 1) < 0.25, 2 * torch.rand(2048, 1) - 1, (-1 + 0.02 * torch.randn(2048, 1)).tanh()
    )
    points = torch.tensor([[0.1], [0.3], [0.5], [0.65]])
    shown = transitions(torch.zeros(4, 1), points, torch.zeros(4, 1))
    true = squashed_gaussian(0.5, math.log(0.3), points)
    error = {}
    for share in (0.25, 0.0):  # of random steps in the density of the replay; 0 is the present actor alone
        source = airl(smoke, transitions(state, taken, state), random_share=share)
        for _ in range(600):
            source.learn(
                transitions(state, taken, state),
                transitions(state, acted, state),
                lambda obs, action: squashed_gaussian(-1.0, math.log(0.02), action),
            )
        error[share] = float((nats(source, shown) - true).abs().max())
    assert error[0.25] < 0.3
    assert error[0.0] > 3.0  # which is why the random steps are counted


def test_an_action_of_two_steps_is_one_row_of_the_replay(smoke: Params, expert_demos: list[Demonstration]) -> None:
    shape = smoke.shape["airl"].model_copy(update={"learning_starts": 101, "action_repeat": 2})
    source = build_source(Ingredients("airl", shape, 0, None, as_demos(expert_demos)))
    assert source.random_steps == 51  # type: ignore[attr-defined]


def test_the_share_of_random_steps_follows_the_replay(smoke: Params) -> None:
    """Taken for its final value from the first step on, it was wrong by 0.9 at the beginning of a run."""
    state = torch.zeros(64, 1)
    batch = transitions(state, state, state)
    source = AIRL(AIRLSettings(**QUICK), batch, Normalizer(1, 1), seed=0, discount=DISCOUNT, random_steps=16)

    class Grown:
        def __init__(self, size: int) -> None:
            self._size = size

        def size(self) -> int:
            return self._size

        def transitions(self, rows: object) -> Transitions:
            return batch

    for size, share in ((8, 1.0), (16, 1.0), (64, 0.25), (160, 0.1)):
        source.update(Grown(size), lambda obs, action: torch.zeros(len(obs)))
        assert source.random_share == share
    log_pi = torch.full((64,), -3.0)
    expected = -torch.log(0.1 * 0.5 + 0.9 * log_pi.exp())  # of one action dimension: the box has length 2
    found = source.logits(batch, torch.zeros(64), lambda obs, action: log_pi)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("ends", [True, False])
def test_nothing_follows_a_success_that_ends_the_episode(smoke: Params, ends: bool) -> None:
    obs, after = torch.randn(6, 1), torch.randn(6, 1)
    batch = transitions(obs, torch.zeros(6, 1), after)
    batch.success[::2] = 1.0
    source = airl(smoke, batch, ends=ends)
    inputs = source.inputs(batch)
    follows = 1.0 - batch.success if ends else torch.ones(6)
    shaping = DISCOUNT * follows * source.networks["h"](after).squeeze(-1) - source.networks["h"](obs).squeeze(-1)
    torch.testing.assert_close(source.score(inputs), source.term(inputs) + shaping)


def test_demonstrated_actions_at_the_edge_of_the_box_do_no_harm(smoke: Params) -> None:
    """A gripper at its stop is at exactly 1, where a narrow actor's density is infinite."""
    edge = transitions(torch.zeros(32, 1), torch.ones(32, 1))
    source = airl(smoke, edge)

    def narrow(obs: Tensor, action: Tensor) -> Tensor:
        return squashed_gaussian(4.0, -5.0, action)

    for _ in range(5):
        source.learn(edge, transitions(torch.zeros(32, 1), torch.full((32, 1), 1.0 - 1e-6)), narrow)
    report = source.report()
    assert all(np.isfinite(value) for value in report.values() if value is not None)
    assert report["expert_accuracy"] != report["policy_accuracy"]  # the density does not tell the two apart
    assert bool(torch.isfinite(source.reward(edge)).all())


def test_only_airl_reads_the_density_of_the_agent(smoke: Params) -> None:
    batch = transitions(torch.zeros(4, 1), torch.zeros(4, 1))
    gail(smoke, batch, Normalizer(1, 1)).learn(batch, batch, no_density)
    with pytest.raises(AssertionError, match="does not read"):
        airl(smoke, batch).learn(batch, batch, no_density)


def test_batches_come_from_all_demonstrations_and_the_whole_replay(
    smoke: Params, expert_demos: list[Demonstration], monkeypatch: pytest.MonkeyPatch
) -> None:
    every = demonstration_transitions(expert_demos)
    assert len(every) == sum(len(e.actions) - 1 for e in expert_demos)
    first = len(expert_demos[0].actions) - 1
    torch.testing.assert_close(every.next_obs[: first - 1], every.obs[1:first, 0])  # and never across episodes
    assert not torch.equal(every.next_obs[first - 1], every.obs[first, 0])
    source = gail(smoke, every, statistics(as_demos(expert_demos)), batch_size=2048)
    seen: dict[str, Transitions] = {}
    monkeypatch.setattr(source, "learn", lambda expert, policy, _: seen.update(expert=expert, policy=policy))

    class Lived:
        rows: np.ndarray

        def size(self) -> int:
            return 100

        def transitions(self, rows: np.ndarray) -> Transitions:
            self.rows = rows
            return every[torch.zeros(len(rows), dtype=torch.long)]

    replay = Lived()
    source.update(replay, no_density)
    assert len(set(map(tuple, seen["expert"].obs[:, 0].tolist()))) == len(every)
    assert set(replay.rows) == set(range(100))

"""The runner on a robot: the same episodes as the rollouts, limits, and one-line errors that lose nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import energyflow
from energyflow.config.sections import Decoder, Level
from energyflow.core.errors import UserError
from energyflow.core.seeding import torch_generator
from energyflow.envs.rollout import Episode, rollout
from energyflow.learning.evaluation import planner
from energyflow.policies.base import Policy
from energyflow.serving.runner import Runner
from tests.serving.conftest import ACTION, OBS

LEVEL = Level(hand=0.0, object=0.0, goal=0.0)
METHODS = ("energyflow", "flow_policy", "diffusion_policy", "bc", "lstm_gmm")
Fresh = Callable[[str], Policy]


class Arm:
    """Moves by what it is told, from a seeded place; keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[NDArray[np.float64]] = []

    def reset(self, seed: int, level: Level | None = None) -> NDArray[np.float64]:
        self.place = np.random.default_rng(seed).normal(size=OBS)
        return self.place.copy()

    def step(self, action: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, bool]:
        self.told.append(action)
        self.place = 0.9 * self.place + np.resize(action, OBS)
        return self.place.copy(), 0.0, False


@pytest.mark.parametrize("decoder", ["sample", "mean"])
@pytest.mark.parametrize("method", METHODS)
def test_an_episode_is_that_of_the_rollouts_bit_for_bit(fresh: Fresh, method: str, decoder: Decoder) -> None:
    policy, horizon = fresh(method), 19
    rolled: Any = Arm()
    plan = planner(policy, torch_generator(3, "runner"), policy.nfe, decoder)
    episodes = [Episode(index, index, "0", LEVEL) for index in range(2)]
    rollout(plan, [rolled], episodes, obs_horizon=policy.spec.obs_horizon, horizon=horizon)
    runner, arm = Runner(policy, seed=3, decoder=decoder), Arm()
    for episode in episodes:
        obs = arm.reset(episode.env_seed)
        runner.reset()
        for step in range(horizon):
            action = runner(obs if step % 2 else {"cup": obs[3:], "arm": obs[:3], "camera": "not read"})
            obs, _, _ = arm.step(action)
    np.testing.assert_array_equal(arm.told, rolled.told)
    assert len(arm.told) == 2 * horizon
    assert runner.planned == 2 * -(-horizon // policy.spec.exec_horizon)
    assert runner.limited == 0
    assert np.ptp(arm.told, axis=0).min() > 1e-4  # not one action for all


def test_actions_keep_to_range_and_rate(fresh: Fresh) -> None:
    policy, rng = fresh("flow_policy"), np.random.default_rng(0)
    free, bound = Runner(policy), Runner(policy, low=[-0.2, -0.3], high=0.25, rate=[0.05, 0.1])
    free.reset()
    bound.reset(action=[0.25, 0.0])
    before, change = np.array([0.25, 0.0]), np.array([0.05, 0.1])
    for _ in range(40):
        obs = rng.normal(size=OBS)
        wanted, action = free(obs), bound(obs)
        expected = wanted.clip([-0.2, -0.3], 0.25).clip(before - change, before + change)
        np.testing.assert_array_equal(action, expected)
        before = action
    assert 30 < bound.limited <= 40
    assert free.limited == 0
    np.testing.assert_array_equal(free.low, [-2.0, -0.5])  # of the demonstrations
    np.testing.assert_array_equal(Runner(policy, low=-9, high=9).low, [-2.0, -0.5])


def test_equal_seeds_act_equally(fresh: Fresh) -> None:
    policy, obs = fresh("flow_policy"), np.ones(OBS)
    runners = [Runner(policy, seed=seed) for seed in (1, 1, 2)]
    for runner in runners:
        runner.reset()
    one, two, three = (runner(obs) for runner in runners)
    np.testing.assert_array_equal(one, two)
    assert (one != three).all()


@pytest.mark.parametrize(
    ("obs", "message"),
    [
        (np.zeros(4), "this policy observes 1 steps of 5 numbers"),
        (np.full(OBS, np.nan), "observations hold NaN or infinity"),
        ({"arm": np.zeros(3)}, "no observation 'cup'"),
        ({"arm": np.zeros(3), "cup": np.zeros(3)}, "of 5 numbers"),
        ({"arm": np.zeros(3), "cup": "red"}, "cup: no array of numbers"),
        ({"arm": np.zeros(3), "cup": [[1.0], [2.0, 3.0]]}, "cup: no array of numbers"),
        (np.zeros((2, OBS)), "this policy observes 1 steps"),
        (None, "no array of numbers"),
    ],
)
def test_a_wrong_observation_is_one_line_and_changes_nothing(fresh: Fresh, obs: Any, message: str) -> None:
    policy = fresh("flow_policy")
    undisturbed, runner = Runner(policy), Runner(policy)
    for each in (undisturbed, runner):
        each.reset()
        each(np.ones(OBS))
    with pytest.raises(UserError, match=message) as caught:
        runner(obs)
    assert "\n" not in str(caught.value)
    for value in np.linspace(-1, 1, 2 * policy.spec.exec_horizon):
        np.testing.assert_array_equal(runner(np.full(OBS, value)), undisturbed(np.full(OBS, value)))


def test_no_plan_of_an_absurd_observation_is_executed(fresh: Fresh) -> None:
    policy = fresh("flow_policy")
    undisturbed, runner = Runner(policy, decoder="mean"), Runner(policy, decoder="mean")
    for each in (undisturbed, runner):
        each.reset()
    with pytest.raises(UserError, match="the plan holds NaN or infinity"):
        runner(np.array([1e300, -1e300, 0, 0, 0]))
    np.testing.assert_array_equal(runner(np.ones(OBS)), undisturbed(np.ones(OBS)))


def test_mistakes_of_a_caller_are_told(fresh: Fresh) -> None:
    policy = fresh("bc")
    with pytest.raises(UserError, match=r"call reset\(\) before"):
        Runner(policy)(np.zeros(OBS))
    for wrong, message in (
        ({"decoder": "mode"}, "unknown decoder 'mode'"),
        ({"nfe": 0}, "at least one network evaluation"),
        ({"low": 1.0, "high": 0.5}, "limits leave no action"),
        ({"rate": 0.0}, "limits leave no action"),
        ({"rate": [1.0, 2.0, 3.0]}, f"expected a number, or {ACTION}"),
        ({"high": np.nan}, "expected a number"),
    ):
        with pytest.raises(UserError, match=message):
            Runner(policy, **wrong)


def test_the_library_offers_it_and_reads_checkpoints(fresh: Fresh, tmp_path: Any) -> None:
    from energyflow.policies.checkpoint import save

    save(fresh("bc"), tmp_path / "model.safetensors", {"task": "custom/cup", "seed": 0})
    runner = energyflow.Runner(tmp_path)
    runner.reset()
    same = Runner(fresh("bc"))
    same.reset()
    np.testing.assert_array_equal(runner(torch.ones(OBS)), same(np.ones(OBS)))
    with pytest.raises(AttributeError, match="no attribute 'Rummer'"):
        energyflow.Rummer  # noqa: B018

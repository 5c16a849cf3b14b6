"""Every source, given enough budget, ranks what an expert does above random actions; no reward does not.

The task is the point of `conftest`: its simulator says what follows either action, so that sources which read the state
after it, or the task's own rewards, can be asked as well.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from energyflow.agents.relabel import Record
from energyflow.config.params import Params
from energyflow.datasets.format import Demonstration
from energyflow.datasets.windows import make_windows
from energyflow.networks.build import Spec
from energyflow.policies.base import Model
from energyflow.policies.registry import METHODS, class_of
from energyflow.rewards.base import ChangingSource, Ingredients, RewardSource, Transitions
from energyflow.rewards.dense import Dense
from energyflow.rewards.registry import SOURCES
from energyflow.rewards.sources import build_source
from energyflow.studies.rewards.measures import preferred

from .conftest import ACTION_DIM, OBS_DIM, PointSimulator, as_demos, fill
from .test_densities import fitted, quick

ENOUGH = 0.6  # probability that the expert's action is rewarded more; 1/2 is chance
STATES, RANDOM, STEPS = 60, 8, 400
LONGER = {"ebil_energy": 4000}  # steps of a model that needs them: its energy knows no more than a nat
CONTROLS = ("constant", "step_cost")
UPDATES = 1200  # of a source that changes, on a replay of random actions


def expert(obs: np.ndarray) -> np.ndarray:
    return np.clip(-2.0 * obs[:ACTION_DIM], -1.0, 1.0)


def demonstrations() -> list[Demonstration]:
    """Episodes of ten steps in which the expert is disturbed and says what it meant."""
    rng, found = np.random.default_rng(1), []
    for seed in range(40):
        simulator = PointSimulator()
        obs, steps = simulator.reset(seed), []
        for _ in range(10):
            meant = expert(obs) + 0.05 * rng.normal(size=ACTION_DIM)
            done = np.clip(meant + 0.3 * rng.normal(size=ACTION_DIM), -1.0, 1.0)
            following, reward, success = simulator.step(done)
            steps.append((obs, np.clip(meant, -1.0, 1.0), reward, float(success), done))
            obs = following
        shown, meant, rewards, flags, done = (np.array(column) for column in zip(*steps, strict=True))
        found.append(Demonstration(shown, meant, rewards, flags, actions_executed=done))
    return found


def taken(simulator: PointSimulator, obs: np.ndarray, action: np.ndarray) -> tuple[np.ndarray, ...]:
    """What one step from a state is."""
    simulator.position = obs.copy()
    following, reward, success = simulator.step(action)
    return obs, action, following, np.float32(success), np.float32(reward)


def transitions() -> Transitions:
    """The expert's action and random ones in the same states: [S, 1 + K], flat."""
    rng, simulator, rows = np.random.default_rng(2), PointSimulator(), []
    for _ in range(STATES):
        obs = rng.uniform(-0.6, 0.6, OBS_DIM)
        tried = [expert(obs), *rng.uniform(-1.0, 1.0, (RANDOM, ACTION_DIM))]
        rows += [taken(simulator, obs, action) for action in tried]
    record = Record(*(np.array(column, dtype=np.float32) for column in zip(*rows, strict=True)))
    each = np.arange(len(rows))
    return record.transitions((1, 1), each, each)


def model_of(every: Params, name: str, demos: list[Demonstration]) -> Model | None:
    method = SOURCES[name].model
    if method is None:
        return None
    torch.manual_seed(0)
    section = quick(every.reward_model[method], LONGER.get(method, STEPS))
    horizons = section.obs_horizon, section.pred_horizon
    spec = Spec(OBS_DIM, ACTION_DIM, *horizons, 1, ("state",))
    pair = METHODS[method].transitions is not None
    model = fitted(class_of(method)(spec, section), make_windows(as_demos(demos), *horizons, executed=pair))
    model.eval()
    return model


def built(every: Params, name: str) -> RewardSource:
    if name == "dense":
        return Dense(10.0)
    demos = demonstrations()
    params = every.shape[name].model_copy(update={"learning_starts": 200})
    return build_source(Ingredients(name, params, 0, model_of(every, name, demos), as_demos(demos)))


def probability(source: RewardSource) -> float:
    """That the expert's action is rewarded more than a random one of the same state."""
    if isinstance(source, ChangingSource):
        replay = fill(source, terminate=False, horizon=10, steps=200, pull=0.0, noise=0.7)
        for _ in range(UPDATES):
            source.update(replay, lambda obs, action: torch.full((len(obs),), -ACTION_DIM * float(np.log(2.0))))
    with torch.no_grad():
        reward = np.asarray(source.reward(transitions())).reshape(STATES, 1 + RANDOM)
    return preferred(reward[:, :1], reward[:, 1:])


@pytest.mark.parametrize("name", [name for name in SOURCES if name not in CONTROLS])
def test_a_source_ranks_the_expert_above_random_actions(every: Params, name: str) -> None:
    assert probability(built(every, name)) > ENOUGH


def test_no_reward_does_not(every: Params) -> None:
    for name in CONTROLS:
        assert probability(built(every, name)) == 0.5

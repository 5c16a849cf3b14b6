"""Rewards for one's own agent: what the source says of each step, in Gymnasium and in vectorised environments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from numpy.typing import NDArray

import energyflow
from energyflow.config.sections import ShapeParams
from energyflow.core.errors import UserError
from energyflow.datasets.format import Demonstration, load_demos, write_demos
from energyflow.policies.checkpoint import save
from energyflow.rewards.energy import CenteredEnergy
from energyflow.rewards.labeller import Reward, Streams
from energyflow.rewards.readout import Readout
from energyflow.rewards.sources import make_source
from energyflow.rewards.wrappers import RewardWrapper
from tests.rewards.conftest import ACTION_DIM, NOISE, OBS_DIM, WEIGHT, fill

LENGTH = 6
KEYS = ("arm", "cup")


class Reach(gym.Env[Any, Any]):
    """Moves by its action; ends after some steps, and says nothing of success. Actions of up to 4."""

    action_space = spaces.Box(-4.0, 4.0, (ACTION_DIM,), np.float32)

    def __init__(self, seed: int = 0, *, by_key: bool = False) -> None:
        parts = {"arm": spaces.Box(-9.0, 9.0, (2,), np.float32), "cup": spaces.Box(-9.0, 9.0, (1,), np.float32)}
        whole = spaces.Box(-9.0, 9.0, (OBS_DIM,), np.float32)
        self.observation_space: spaces.Space[Any] = spaces.Dict(parts) if by_key else whole
        self.rng, self.by_key, self.seen = np.random.default_rng(seed), by_key, list[NDArray[np.float32]]()

    def obs(self) -> Any:
        self.seen.append(self.place.copy())
        return {"arm": self.place[:2], "cup": self.place[2:]} if self.by_key else self.place.copy()

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.place, self.steps = self.rng.normal(size=OBS_DIM).astype(np.float32), 0
        return self.obs(), {}

    def step(self, action: Any) -> Any:
        self.place, self.steps = self.place + np.resize(0.1 * action, OBS_DIM).astype(np.float32), self.steps + 1
        return self.obs(), 2.0, False, self.steps == LENGTH, {}


BOX = np.array([[-4.0] * ACTION_DIM, [4.0] * ACTION_DIM])


@pytest.fixture(params=[(1, 1), (2, 4)])
def reward(request: pytest.FixtureRequest, make_readout: Callable[..., Readout]) -> Reward:
    return Reward(CenteredEnergy(make_readout(window=request.param), 0.7), KEYS, BOX)


def closed_form(reward: Reward, obs: NDArray[np.float32], actions: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of each step of an episode: the mean energy of the references less that of the chunk which ends there."""
    readout = reward.source.readout  # type: ignore[attr-defined]
    horizon, width = readout.window[1], 2 * (NOISE**2 + readout.sigma**2)
    found = []
    for step in range(len(actions)):
        begin = max(step - horizon + 1, 0)
        mean = obs[begin] @ WEIGHT.numpy().T
        chunk = [actions[min(begin + k, step)] / 4.0 for k in range(horizon)]
        energy = sum(float(((each - mean) ** 2).sum()) for each in chunk) / width
        baseline = ((readout.references.numpy() - mean) ** 2).sum(axis=(1, 2)).mean() / width
        found.append((baseline - energy) / 0.7)
    return np.array(found)


def test_each_step_is_worth_what_the_source_says(reward: Reward) -> None:
    env, rng = Reach(), np.random.default_rng(1)
    wrapped = RewardWrapper(env, reward)
    for _ in range(2):
        env.seen.clear()
        wrapped.reset()
        actions = rng.uniform(-4, 4, (LENGTH, ACTION_DIM)).astype(np.float32)
        steps = [wrapped.step(action) for action in actions]
        shaped = np.array([step[1] for step in steps])
        expected = closed_form(reward, np.array(env.seen), actions)
        np.testing.assert_allclose(shaped, expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(reward(np.array(env.seen[:-1]), actions), expected, rtol=1e-4, atol=1e-4)
        assert [step[4]["true_reward"] for step in steps] == [2.0] * LENGTH
        assert [step[3] for step in steps] == [False] * (LENGTH - 1) + [True]
        assert steps[-1][4]["shaped_return"] == pytest.approx(shaped.sum(), rel=1e-5)
        assert (steps[-1][4]["true_return"], steps[-1][4]["episode_length"]) == (2.0 * LENGTH, LENGTH)
        assert all("true_return" not in step[4] for step in steps[:-1])


def test_it_is_worth_what_the_relabelling_buffer_says(make_readout: Callable[..., Readout]) -> None:
    source = CenteredEnergy(make_readout(window=(2, 4)), 0.7)
    buffer, labels = fill(source, terminate=True, horizon=10, steps=40), Reward(source)
    kept, start = buffer.record, buffer.start[:40]
    for first in np.unique(start):
        rows = np.flatnonzero(start == first)
        found = labels(kept.obs[rows], kept.action[rows], kept.next_obs[rows])
        np.testing.assert_array_equal(found, buffer.rewards_of(rows))


class Next:
    """A source that is worth the observation after the step."""

    window, frozen = (1, 1), True

    def __init__(self) -> None:
        self.measured: dict[str, float] = {}

    def reward(self, batch: Any) -> torch.Tensor:
        found: torch.Tensor = batch.next_obs[:, 0] + 100 * batch.success
        return found


@pytest.mark.parametrize("by_key", [False, True])
def test_vectorised_environments_one_by_one_and_their_last_observations(reward: Reward, by_key: bool) -> None:
    stable = pytest.importorskip("stable_baselines3.common.vec_env")
    from energyflow.rewards.vectorised import VecRewardWrapper

    rng = np.random.default_rng(2)
    actions = rng.uniform(-4, 4, (2 * LENGTH + 2, 3, ACTION_DIM)).astype(np.float32)
    for own in (reward, Reward(Next(), KEYS)):
        alone = [RewardWrapper(Reach(seed, by_key=by_key), own) for seed in range(3)]
        venv = VecRewardWrapper(stable.DummyVecEnv([lambda s=seed: Reach(s, by_key=by_key) for seed in range(3)]), own)
        venv.reset()
        for env in alone:
            env.reset()
        for step in actions:
            _, found, dones, infos = venv.step(step)
            for place, env in enumerate(alone):
                _, expected, _, ended, info = env.step(step[place])
                np.testing.assert_allclose(found[place], expected, rtol=1e-5, atol=1e-5)
                assert dones[place] == ended
                assert infos[place]["true_reward"] == 2.0
                assert ("true_return" in infos[place]) == ended
                if ended:
                    assert infos[place]["shaped_return"] == pytest.approx(info["shaped_return"], rel=1e-4)
                    assert (infos[place]["true_return"], infos[place]["episode_length"]) == (2.0 * LENGTH, LENGTH)
                    env.reset()


def test_any_algorithm_learns_on_it(make_readout: Callable[..., Readout]) -> None:
    stable = pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

    from energyflow.rewards.vectorised import VecRewardWrapper

    reward = Reward(CenteredEnergy(make_readout(), 0.7), KEYS, BOX)
    venv = VecMonitor(VecRewardWrapper(DummyVecEnv([lambda s=seed: Reach(s) for seed in range(2)]), reward))
    agent = stable.PPO("MlpPolicy", venv, n_steps=16, batch_size=32, n_epochs=1, seed=0, device="cpu")
    agent.learn(32)
    shaped = [episode["r"] for episode in agent.ep_info_buffer]
    assert len(shaped) >= 4
    assert all(value != 2.0 * LENGTH for value in shaped)  # what it learns from is not the environment's own


def test_success_is_read_where_an_environment_says_it() -> None:
    streams = Streams(Reward(Next()), 2)
    for place in range(2):
        streams.begin(place, np.zeros(OBS_DIM))
    actions, after = np.zeros((2, ACTION_DIM)), np.ones((2, OBS_DIM))
    assert streams.step(actions, list(after), [False, True], [0.0, 0.0]).tolist() == [1.0, 101.0]

    class Won(Reach):
        def step(self, action: Any) -> Any:
            return (*super().step(action)[:4], {"is_success": True})

    env = RewardWrapper(Won(), Reward(Next()))
    env.reset()
    assert float(env.step(np.zeros(ACTION_DIM))[1]) > 90


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, every: Any) -> tuple[Path, Path]:
    """A fresh energy and demonstrations, of actions of up to 4."""
    from energyflow.networks.build import Spec
    from energyflow.policies.checkpoint import build

    folder, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    zeros = np.zeros(20)
    episodes = [
        Demonstration(rng.normal(size=(20, OBS_DIM)), rng.uniform(-4, 4, (20, ACTION_DIM)), zeros, zeros)
        for _ in range(2)
    ]
    write_demos(folder / "own.hdf5", episodes, {}, {"arm": 2, "cup": 1})
    torch.manual_seed(0)
    model = build(Spec(OBS_DIM, ACTION_DIM, 1, 1, 1, KEYS), every.reward_model["energyflow"])
    model.normalizer.action_low.fill_(-4.0)
    model.normalizer.action_high.fill_(4.0)
    save(model, folder / "model.safetensors", {"task": "custom/own", "seed": 0})
    return folder, folder / "own.hdf5"


def test_from_files_by_name(files: tuple[Path, Path], shape: ShapeParams) -> None:
    folder, demos = files
    own = energyflow.reward(folder, demos, seed=3, sigma=0.2)
    params = shape.model_copy(update={"source_params": {"sigma": 0.2, "references": 16}})
    known = make_source("centered_energy", "custom/own", params, 3, folder / "model.safetensors", demos)
    assert own.source.measured == known.measured
    assert own.keys == KEYS
    np.testing.assert_array_equal(own.box, BOX)
    episode = load_demos(demos, KEYS).episodes[0]  # in the box
    units = own(episode.obs, 4 * episode.actions)
    np.testing.assert_allclose(units, Reward(known)(episode.obs, episode.actions), rtol=1e-4, atol=1e-5)


def test_mistakes_are_one_line(files: tuple[Path, Path], tmp_path: Path) -> None:
    folder, demos = files
    for given, options, message in (
        ((folder, demos), {"source": "centred_energy"}, "did you mean 'centered_energy'"),
        ((demos,), {}, "reads a model of method 'energyflow'"),
        ((folder,), {}, "reads demonstrations"),
        ((demos,), {"source": "gail"}, "learns beside its agent"),
        ((folder, demos), {"sigma": -1.0}, "source.centered_energy"),
        ((folder, demos), {"sigmas": 1.0}, "sigmas"),
        ((tmp_path, demos), {}, "no such file"),
        ((folder, tmp_path / "none.hdf5"), {}, "none.hdf5"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            energyflow.reward(*given, **options)
        assert "\n" not in str(caught.value)
    assert energyflow.reward(source="sparse")(np.zeros((2, 3)), np.zeros((2, 2)), success=[0, 1]).tolist() == [0, 1]
    keyed = Reward(Next(), KEYS)
    with pytest.raises(UserError, match="no observation 'cup'"):
        keyed.vectors({"arm": np.zeros(2)})
    with pytest.raises(UserError, match="as one vector"):
        Reward(Next()).vectors({"arm": np.zeros(2)})

"""Methods trained in the simulator: cloning, demonstrations in the batch, IQ-Learn's critic, resume, the checkpoint."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

import energyflow
from energyflow.agents import iq_learn_online
from energyflow.agents.agent import Agent
from energyflow.agents.iq_learn_online import IQLearnAgent, critic_loss
from energyflow.agents.learner import Learner
from energyflow.agents.mixed import MixedSampler, demonstration_buffer
from energyflow.agents.online import agent_section, build_online, clone, from_agent, new_actor, train_online
from energyflow.agents.sac import Rows, train_sac
from energyflow.cli import main
from energyflow.config.params import Params
from energyflow.config.sections import OnlineParams
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.core.resume import ResumePoint
from energyflow.datasets.format import Demonstration, Demos
from energyflow.learning.trainer import train
from energyflow.networks.build import Spec
from energyflow.policies.checkpoint import save
from energyflow.policies.near_energy import NEAREnergy
from energyflow.policies.registry import METHODS
from energyflow.rewards.base import Ingredients, RewardSource
from energyflow.rewards.dense import Dense
from energyflow.rewards.sources import build_source
from tests.conftest import TASK, kill_at_resume_point
from tests.rewards.conftest import ACTION_DIM, OBS_DIM, PointSimulator, as_demos

GAIN = -1.5  # of the expert: a = GAIN * position, which stays inside the box
IDENTITY = {"run": 1}


def expert(obs: NDArray[Any]) -> NDArray[Any]:
    return GAIN * obs[..., :ACTION_DIM] * np.array([0.5, 0.25])


def shown(episodes: int = 40, noise: float = 0.05) -> Demos:
    """The expert from random positions; what it observes beside them, at another scale, means nothing."""
    rng, found = np.random.default_rng(0), []
    for _ in range(episodes):
        obs = rng.uniform(-1, 1, (21, OBS_DIM)) * np.array([1.0, 1.0, 50.0]) + np.array([0.0, 0.0, 300.0])
        actions = (expert(obs) + noise * rng.normal(size=(21, ACTION_DIM))).clip(-1, 1)
        found.append(Demonstration(obs, actions, np.zeros(21), np.arange(21) >= 15))
    return as_demos(found)


def brief(params: Params, method: str, **update: Any) -> OnlineParams:
    section = params.online[method]
    small = {"steps": 200, "eval_every": 50, "eval_episodes": 2, "horizon": 20, "learning_starts": 40, "batch_size": 16}
    shape = section.shape.model_copy(update=small | update | {"hidden": [32, 32]})
    shape = shape.model_copy(update={"demo_share": section.demo_share})
    return section.model_copy(update={"shape": shape, "clone_steps": 50 if section.clone_steps else 0})


class Displaced(PointSimulator):
    """As the demonstrations observe it."""

    def reset(self, seed: int) -> NDArray[Any]:
        return self._seen(super().reset(seed))

    def step(self, action: NDArray[Any]) -> tuple[NDArray[Any], float, bool]:
        obs, reward, success = super().step(action)
        return self._seen(obs), reward, success

    @staticmethod
    def _seen(obs: NDArray[Any]) -> NDArray[Any]:
        return np.array([*obs[:2], 300.0 + 50.0 * obs[2]])


class Slow(Displaced):
    """Leaves the parent time to kill the run."""

    def step(self, action: NDArray[Any]) -> tuple[NDArray[Any], float, bool]:
        time.sleep(0.005)
        return super().step(action)


def source_name(method: str) -> str:
    online = METHODS[method].online
    assert online is not None
    return online.source


def source_of(every: Params, method: str) -> RewardSource:
    if source_name(method) != "near":
        return Dense(10.0)
    torch.manual_seed(0)
    model = NEAREnergy(Spec(OBS_DIM, ACTION_DIM, 2, 1, 1, ("state",)), every.reward_model["near_energy"])
    shape = every.shape["near"].model_copy(update={"source_params": every.shape["near"].source_params | {"batch": 25}})
    return build_source(Ingredients("near", shape, 0, model, None))


def run(
    every: Params, method: str, out: Path | None = None, make: Any = Displaced, **update: Any
) -> tuple[Learner, Rows]:
    params = brief(every, method, **update)
    return train_sac(
        make,
        source_of(every, method),
        params.shape,
        0,
        terminate=False,
        resume=None if out is None else ResumePoint(out, IDENTITY),
        demos=shown().episodes,
        build=partial(build_online, params=params, data=shown()),
    )


def built(every: Params, method: str) -> Agent:
    params = brief(every, method)
    return build_online(Displaced(), params.shape, 0, params=params, data=shown())


# --- cloning ---


def test_cloning_reaches_a_known_linear_expert(every: Params) -> None:
    params = brief(every, "ebil_bc", learning_rate=5e-3, batch_size=128).model_copy(update={"clone_steps": 600})
    data = shown(noise=0.1)
    actor = clone(params, data, seed=0)
    obs = shown(episodes=5).episodes[0].obs
    frames = torch.as_tensor(obs, dtype=torch.float32)[:, None]
    found = actor.act(frames, torch.Generator(), decoder="mean")[:, 0].numpy()
    assert np.abs(found - expert(obs)).mean() < 0.04
    hidden = actor.body(actor.normalizer.standardize_obs(frames[:, 0]))
    inside = 1.0 - found**2  # slope of tanh: from u to actions
    spread = actor.log_std(hidden).exp().detach().numpy() * inside
    assert spread.mean() == pytest.approx(0.1, abs=0.03)


def test_the_first_steps_of_a_clone_are_its_own_and_otherwise_random(every: Params) -> None:
    taken = {}
    for method in ("ebil", "ebil_bc"):
        learner, _ = run(every, method, steps=40, learning_rate=5e-3)
        assert isinstance(learner.batches, MixedSampler) == (method == "ebil_bc")
        lived = learner.replay.record
        start = built(every, method).mode(lived.obs)
        taken[method] = float(np.abs(start - lived.action).mean())
    assert taken["ebil_bc"] < 0.75 * taken["ebil"]


# --- demonstrations in the replay ---


@pytest.mark.parametrize(("share", "expected"), [(0.5, 8), (0.3, 5), (0.9, 14)])
def test_every_batch_holds_its_share_of_demonstrations(every: Params, share: float, expected: int) -> None:
    section = every.online["ebil_bc"].model_copy(update={"demo_share": share})
    params = brief(every.model_copy(update={"online": {"ebil_bc": section}}), "ebil_bc")
    learner, _ = train_sac(Displaced, Dense(10.0), params.shape, 0, terminate=False, demos=shown().episodes)
    assert learner.replay.size() == params.shape.steps  # what sources see is the agent's own
    demonstrated = {tuple(row) for e in shown().episodes for row in e.obs[:-1].astype(np.float32).tolist()}
    seen = set()
    for _ in range(50):
        batch = learner.batches.sample(16, np.random.default_rng(len(seen)))
        assert all(len(field) == 16 for field in vars(batch).values())
        rows = [tuple(row) for row in batch.obs.tolist()]
        assert [row in demonstrated for row in rows] == [False] * (16 - expected) + [True] * expected
        seen |= set(rows[16 - expected :])
    assert len(seen) > 20 * expected  # not the same ones over and over


def test_the_agent_learns_from_these_batches(every: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    counts, sample = [], MixedSampler.sample
    monkeypatch.setattr(MixedSampler, "sample", lambda self, *given: (counts.append(given[0]), sample(self, *given))[1])
    for method in ("ebil_bc", "near_bc", "iq_learn"):
        counts.clear()
        learner, _ = run(every, method, steps=60)
        assert counts == [16] * learner.agent.updates
        assert learner.agent.updates == 20


@pytest.mark.parametrize("terminate", [False, True])
def test_demonstrations_end_where_episodes_of_the_agent_do(terminate: bool) -> None:
    """Success is at step 15: an end with `terminate`; else the last known step is cut off, not an end."""
    buffer = demonstration_buffer(shown(episodes=2).episodes, Dense(10.0), gamma=0.99, n_step=1, terminate=terminate)
    length = 16 if terminate else 20
    assert buffer.size() == 2 * length
    batch = buffer.batch(np.arange(2 * length))
    assert (batch.discount == 0).nonzero().flatten().tolist() == ([15, 31] if terminate else [])
    assert set(buffer.start.tolist()) == {0, length}
    following = shown(episodes=2).episodes[1].obs[length].astype(np.float32)
    np.testing.assert_array_equal(buffer.record.next_obs[-1], following)


# --- IQ-Learn ---


def test_the_critic_loss_is_the_published_formula() -> None:
    """Two of the agent, then two of the expert; by hand."""
    q, value, later = (
        torch.tensor([1.0, 0.0, 2.0, 3.0]),
        torch.tensor([0.5, 0.5, 1.0, 2.0]),
        torch.tensor([0.5, 1.0, 1.0, 0.0]),
    )
    demonstrated = torch.tensor([False, False, True, True])
    # r = q - y = .5, -1, 1, 3:  -(1 + 3) / 2  +  (0 - .5 + 0 + 2) / 4  +  (.25 + 1 + 1 + 9) / 4 / (4 * .5)
    expected = -2.0 + 0.375 + 2.8125 / 2.0
    assert float(critic_loss(q, value, later, demonstrated, 0.5)) == pytest.approx(expected)


def test_the_agent_learns_by_that_loss_with_the_published_settings(
    every: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr(iq_learn_online, "critic_loss", lambda *given: (seen.append(given), critic_loss(*given))[1])
    learner, _ = run(every, "iq_learn", steps=60)
    agent = learner.agent
    assert isinstance(agent, IQLearnAgent)
    assert len(seen) == agent.updates
    for q, value, later, demonstrated, chi in seen:
        assert (q.requires_grad, value.requires_grad, later.requires_grad) == (True, True, False)
        assert len(q) == len(value) == len(later) == 16
        assert demonstrated.tolist() == [False] * 8 + [True] * 8
        assert chi == 0.5
    assert agent.critic.copies == 1
    assert not agent.learns_alpha
    assert agent.optimizers["actor"].rate == pytest.approx(0.1 * agent.optimizers["critic"].rate)
    assert float(agent.log_alpha.exp()) == pytest.approx(0.01)


def test_online_iq_learn_imitates_where_the_expert_was(every: Params) -> None:
    params = brief(every, "iq_learn", steps=1500, learning_starts=100, batch_size=64, eval_every=1500)
    params = params.model_copy(update={"own": params.own | {"actor_rate": 1.0}})
    shape = params.shape.model_copy(update={"learning_rate": 2e-3})
    data = shown(episodes=100)
    build = partial(build_online, params=params, data=data)
    learner, rows = train_sac(Displaced, Dense(10.0), shape, 0, terminate=False, demos=data.episodes, build=build)
    obs = shown().episodes[0].obs
    found = learner.agent.mode(obs.astype(np.float32))
    assert np.corrcoef(found.flatten(), expert(obs).flatten())[0, 1] > 0.9
    assert np.isfinite([row["loss"] for row in rows["curve"]]).all()


# --- resume ---


class Killed(RuntimeError):
    pass


@pytest.mark.parametrize("method", ["iq_learn", "ebil_bc", "near_bc"])
def test_an_interrupted_run_continues_bit_for_bit(every: Params, tmp_path: Path, method: str) -> None:
    one, whole = run(every, method)

    class Ends(Displaced):
        steps = 0

        def step(self, action: NDArray[Any]) -> tuple[NDArray[Any], float, bool]:
            Ends.steps += 1
            if Ends.steps > 290:
                raise Killed
            return super().step(action)

    with pytest.raises(Killed):
        run(every, method, tmp_path, Ends)
    assert (tmp_path / "resume.json").exists()
    again, rows = run(every, method, tmp_path)
    assert rows == whole
    for key, value in one.tensors().items():
        assert value.equal(again.tensors()[key]), key


def test_a_killed_run_continues_bit_for_bit(every: Params, tmp_path: Path) -> None:
    """As above, by SIGKILL in a process of its own."""
    _, whole = run(every, "ebil_bc")
    kill_at_resume_point(tmp_path, run, every, "ebil_bc", tmp_path, Slow)
    assert run(every, "ebil_bc", tmp_path)[1] == whole


# --- the checkpoint, and the real simulator ---


@pytest.mark.parametrize("method", ["iq_learn", "ebil"])
def test_the_saved_actor_acts_as_the_agent(every: Params, tmp_path: Path, method: str) -> None:
    agent = run(every, method, steps=120)[0].agent
    params, data = brief(every, method), shown()
    save(from_agent(agent, new_actor(params, data, 0, 120)), tmp_path / "model.safetensors", {"task": TASK, "seed": 0})
    policy = energyflow.load(tmp_path / "model.safetensors")
    obs = np.concatenate([e.obs for e in data.episodes]).astype(np.float32)
    found = policy.act(torch.as_tensor(obs)[:, None], torch.Generator(), decoder="mean")[:, 0].numpy()
    np.testing.assert_allclose(found, agent.mode(obs), atol=1e-5)
    assert found.std(axis=0).min() > 1e-3
    agent.noise.manual_seed(7)
    drawn = [policy.act(obs[:1, None], torch.Generator().manual_seed(7))[0, 0], agent.act(obs[0])]
    np.testing.assert_allclose(*drawn, atol=1e-5)
    assert np.abs(drawn[0] - found[0]).max() > 1e-3
    assert (policy.nfe, policy.spec.exec_horizon) == (1, 1)


@pytest.mark.parametrize("method", ["iq_learn", "ebil_bc", "near"])
def test_equal_runs_on_the_real_simulator_give_equal_files(
    every: Params, demos_path: Path, tmp_path: Path, method: str
) -> None:
    """And the command line evaluates the checkpoint as any other method's."""
    model = None
    if source_name(method) != "sparse":
        section = every.reward_model[f"{source_name(method)}_energy"].model_copy(update={"steps": 60})
        train(TASK, 0, section, demos_path, tmp_path / "reward")
        model = tmp_path / "reward/model.safetensors"
    params = brief(every, method, steps=90, eval_every=45, horizon=30, learning_starts=20)
    for out in ("one", "two"):
        train_online(TASK, 3, params, demos_path, model, tmp_path / out)
    for name in ("model.safetensors", "model.json", "train.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert not list((tmp_path / "one").glob("resume.*"))
    rows = pd.read_csv(tmp_path / "one/train.csv")
    assert rows["step"].tolist() == [45, 90]
    assert np.isfinite(rows["loss"]).all()
    record = read_json(tmp_path / "one/run.json")
    assert (record["method"], record["params"]) == (method, params.model_dump(mode="json"))
    assert set(record["inputs"]) == {str(path) for path in (demos_path, model) if path is not None}
    described = read_json(tmp_path / "one/model.json")
    assert (described["method"], described["seed"], described["params"]["steps"]) == (method, 3, 90)
    assert main(["evaluate", "--model", str(tmp_path / "one/model.safetensors"), "--preset", "smoke"]) == 0
    episodes = pd.read_csv(tmp_path / "one/evaluate/episodes.csv")
    assert set(episodes["method"]) == {method}
    assert set(episodes["nfe"]) == {1}


def test_each_way_of_training_names_the_other(smoke: Params, demos_path: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train_online"):
        smoke.training("ebil_bc")
    with pytest.raises(UserError, match="from demonstrations alone: energyflow train"):
        smoke.training_online("flow_policy")
    with pytest.raises(UserError, match=r"reads a model of method 'near_energy': pass --model"):
        train_online(TASK, 0, smoke.online["near"], demos_path, None, tmp_path)
    with pytest.raises(UserError, match="has demonstrations only"):
        train_online("custom/mine", 0, smoke.online["iq_learn"], demos_path, None, tmp_path)


def test_an_agent_beside_demonstrations_takes_an_action_a_step(smoke: Params) -> None:
    section = smoke.online["iq_learn"]
    repeats = section.model_copy(update={"shape": section.shape.model_copy(update={"action_repeat": 2})})
    found = agent_section(repeats)
    assert (found.action_repeat, found.demo_share) == (1, section.demo_share)
    alone = agent_section(repeats.model_copy(update={"demo_share": 0.0}))
    assert (alone.action_repeat, alone.demo_share) == (2, 0.0)

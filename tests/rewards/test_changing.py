"""Sources that learn beside the agent: fresh rewards, one update a gradient step, resume, logs, the real simulator."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from energyflow.agents.relabel import RelabelBuffer
from energyflow.agents.sac import run_shape, train_sac
from energyflow.config.params import Params
from energyflow.config.sections import ShapeParams
from energyflow.core.files import read_json
from energyflow.core.resume import ResumePoint
from energyflow.learning.trainer import train
from energyflow.networks.build import Spec
from energyflow.policies.near_energy import NEAREnergy
from energyflow.rewards.base import ChangingSource, Ingredients
from energyflow.rewards.registry import SOURCES
from energyflow.rewards.sources import build_source
from tests.conftest import TASK, kill_at_resume_point

from .conftest import ACTION_DIM, OBS_DIM, PointSimulator, as_demos, fill, make_demos

CHANGING = ("gail", "airl", "near")
IDENTITY = {"run": 1}
SMALL = {"gail": {"batch_size": 16, "hidden": [16]}, "airl": {"batch_size": 16, "hidden": [16]}, "near": {"batch": 25}}


def brief(params: Params, name: str) -> ShapeParams:
    section = params.shape[name]
    update = {
        "steps": 200,
        "eval_every": 50,
        "eval_episodes": 2,
        "horizon": 20,
        "learning_starts": 40,
        "batch_size": 16,
    }
    return section.model_copy(update={**update, "source_params": section.source_params | SMALL[name]})


def changing(params: Params, name: str) -> ChangingSource:
    model = None
    if name == "near":
        torch.manual_seed(0)
        model = NEAREnergy(Spec(OBS_DIM, ACTION_DIM, 2, 1, 1, ("state",)), params.reward_model["near_energy"])
    source = build_source(Ingredients(name, brief(params, name), 0, model, as_demos(make_demos())))
    assert isinstance(source, ChangingSource)
    return source


class SlowSimulator(PointSimulator):
    """Leaves the parent time to kill the run."""

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool]:
        time.sleep(0.005)
        return super().step(action)


def _train(params: Params, name: str, out: Path) -> None:
    train_sac(
        SlowSimulator,
        changing(params, name),
        brief(params, name),
        0,
        terminate=False,
        resume=ResumePoint(out, IDENTITY),
    )


def test_rewards_are_never_stale(every: Params) -> None:
    for name in ("gail", "airl"):
        source = changing(every, name)
        buffer = fill(source, terminate=False, horizon=10, steps=40)
        rows = np.arange(40)
        before = buffer.batch(rows).reward
        source.update(buffer, lambda obs, action: torch.zeros(len(obs)))
        after = buffer.batch(rows).reward
        assert not torch.equal(before, after), name
        assert torch.equal(after, source.reward(buffer.transitions(rows))), name


@pytest.mark.parametrize("train_freq", [1, 3])
def test_one_update_beside_each_gradient_step(every: Params, monkeypatch: pytest.MonkeyPatch, train_freq: int) -> None:
    source, params = changing(every, "gail"), brief(every, "gail").model_copy(update={"train_freq": train_freq})
    calls: list[str] = []
    update, sample = source.update, RelabelBuffer.sample
    monkeypatch.setattr(source, "update", lambda *given: (calls.append("source"), update(*given)))
    monkeypatch.setattr(
        RelabelBuffer, "sample", lambda *given, **more: (calls.append("agent"), sample(*given, **more))[1]
    )
    learner, _ = train_sac(PointSimulator, source, params, 0, terminate=False)
    assert calls == ["source", "agent"] * learner.agent.updates
    assert learner.agent.updates > 40


def test_the_density_is_that_of_the_present_actor(every: Params) -> None:
    learner, _ = train_sac(PointSimulator, changing(every, "airl"), brief(every, "airl"), 0, terminate=False)
    agent, obs = learner.agent, torch.randn(32, OBS_DIM)
    drawn = agent.draw(obs, torch.randn(32, ACTION_DIM))
    inside = (drawn.action.abs() < 0.99).all(dim=1)
    assert int(inside.sum()) > 10
    found = agent.log_density(obs, drawn.action)
    torch.testing.assert_close(found[inside], drawn.log_density[inside], rtol=1e-3, atol=1e-2)
    agent.actor.layers[-1].bias[0, 0, :ACTION_DIM] += 0.5
    assert not torch.allclose(agent.log_density(obs, drawn.action), found)


def test_the_curve_says_what_the_source_did(every: Params) -> None:
    for name in ("gail", "near"):
        source = changing(every, name)
        _, rows = train_sac(PointSimulator, source, brief(every, name), 0, terminate=False)
        curve = pd.DataFrame(rows["curve"])
        assert list(curve)[-len(source.columns) :] == list(source.columns)
        assert curve[list(source.columns)].notna().all(axis=None)
        assert set(source.columns).isdisjoint(pd.DataFrame(rows["episodes"]))


class Killed(RuntimeError):
    pass


@pytest.mark.parametrize("name", CHANGING)
def test_an_interrupted_run_continues_bit_for_bit(every: Params, tmp_path: Path, name: str) -> None:
    params, resume = brief(every, name), ResumePoint(tmp_path, IDENTITY)
    whole_source = changing(every, name)
    one, whole = train_sac(PointSimulator, whole_source, params, 0, terminate=False)

    class Ends(PointSimulator):
        steps = 0

        def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool]:
            Ends.steps += 1
            if Ends.steps > 290:
                raise Killed
            return super().step(action)

    with pytest.raises(Killed):
        train_sac(Ends, changing(every, name), params, 0, terminate=False, resume=resume)
    assert 40 < read_json(tmp_path / "resume.json")["state"]["step"] < params.steps
    source = changing(every, name)
    again, rows = train_sac(PointSimulator, source, params, 0, terminate=False, resume=resume)
    assert rows == whole
    for key, value in one.tensors().items():
        assert value.equal(again.tensors()[key]), key


def test_a_killed_run_continues_bit_for_bit(every: Params, tmp_path: Path) -> None:
    """As above, by SIGKILL in a process of its own."""
    params, resume = brief(every, "airl"), ResumePoint(tmp_path, IDENTITY)
    _, whole = train_sac(PointSimulator, changing(every, "airl"), params, 0, terminate=False)
    kill_at_resume_point(tmp_path, _train, every, "airl", tmp_path)
    source = changing(every, "airl")
    _, rows = train_sac(PointSimulator, source, params, 0, terminate=False, resume=resume)
    assert rows == whole


@pytest.mark.parametrize("name", ["gail", "airl", "ebil", "near", "iq_learn", "likelihood"])
def test_each_source_runs_on_the_real_simulator(every: Params, demos_path: Path, tmp_path: Path, name: str) -> None:
    model, method = None, SOURCES[name].model
    if method is not None:
        section = every.reward_model[method].model_copy(update={"steps": 150})
        train(TASK, 0, section, demos_path, tmp_path / "model")
        model = tmp_path / "model" / "model.safetensors"
    update: dict[str, Any] = {"steps": 60, "eval_every": 30, "horizon": 20, "learning_starts": 20}
    run_shape(TASK, name, 0, every.shape[name].model_copy(update=update), model, demos_path, tmp_path / "shape")
    curve, episodes = (pd.read_csv(tmp_path / "shape" / f"{table}.csv") for table in ("curve", "episodes"))
    assert np.isfinite(curve["shaped_return"]).all()
    assert np.isfinite(episodes["shaped_return"]).all()
    assert curve["shaped_return"].nunique() > 1
    record = read_json(tmp_path / "shape/run.json")
    read = [path for path, wanted in ((model, model), (demos_path, SOURCES[name].demos)) if wanted]
    assert set(record["inputs"]) == {str(path) for path in read}
    more = {"gail": "discriminator_loss", "airl": "discriminator_loss", "near": "level"}.get(name)
    assert more is None or more in curve
    assert list(curve)[:4] == ["task", "source", "seed", "step"]

"""The way-point expert of the maze: it arrives, by both ways; and the data sets that are made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from energyflow.config.params import Params
from energyflow.core.files import read_json
from energyflow.datasets.episodes import Episode
from energyflow.datasets.minari import read_minari
from energyflow.offline import maze
from energyflow.offline.environment import environment_of
from energyflow.offline.transitions import prepare
from energyflow.studies.offline import pilot, study
from energyflow.studies.offline.gymnasium_env import GymnasiumSimulator
from energyflow.studies.offline.recording import QUALITIES, record
from energyflow.studies.offline.scripted import Walker, distances, neighbours


def walks(skill: float, count: int = 40, noise: float = 0.3) -> list[Episode]:
    simulator, rng = GymnasiumSimulator(maze.ID), np.random.default_rng(0)
    return [simulator.record(Walker(skill, noise, rng), seed) for seed in range(count)]


def test_both_ways_are_equally_long() -> None:
    far, start = distances(), maze.marked("S")
    assert [far[near] for near in neighbours(start)] == [far[start] - 1] * 2
    assert set(far) == set(maze.free_cells())


def test_the_expert_arrives_by_either_way() -> None:
    episodes = walks(1.0)
    assert np.mean([episode.ret for episode in episodes]) >= 0.9
    middle = len(maze.MAP[0]) / 2
    left = [bool(np.mean(episode.observations[:, 0] < middle) > 0.5) for episode in episodes]
    assert 0.25 < np.mean(left) < 0.75


def test_a_reward_is_the_last_step_of_an_episode() -> None:
    for episode in walks(1.0, 5):
        assert episode.terminated
        assert episode.rewards[-1] == 1.0
        assert not episode.rewards[:-1].any()


def test_less_skill_arrives_less_often() -> None:
    success = [np.mean([episode.ret for episode in walks(skill)]) for skill in (0.0, 0.33, 1.0)]
    assert success[0] < success[1] < success[2]
    assert success[0] < 0.2


@pytest.fixture(scope="module")
def made(laptop: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("maze")
    record(maze.ID, pilot.recording(study.offline_of(laptop)).model_copy(update={"transitions": 3000}), 0, out)
    return out


def test_the_three_sets_are_in_minaris_layout(made: Path) -> None:
    manifest = read_json(made / "manifest.json")
    assert (manifest["random"], manifest["expert"]) == (0.0, 1.0)
    mean = {quality: manifest["sets"][quality]["mean_return"] for quality in QUALITIES}
    assert mean["medium-replay"] < mean["medium"] < mean["medium-expert"]
    assert 0.15 < mean["medium"] < 0.5
    for quality in QUALITIES:
        data = read_minari(made / f"{quality}-v0")
        assert data.steps == manifest["sets"][quality]["transitions"] >= 3000
        assert data.env["id"] == maze.ID
        assert manifest["sets"][quality]["ceiling"] == 1.0
        assert np.abs(data.episodes[0].actions).max() <= 1.0


def test_offline_methods_take_them(made: Path) -> None:
    data = read_minari(made / "medium-v0")
    assert environment_of(data).obs_dim == data.obs_dim == 4
    assert prepare(data, environment_of(data).box, "by_returns").reward.max() == 1000.0

"""Data sets made here: the rule, what is written, and a run that stops and goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.core.resume import ResumePoint
from energyflow.datasets.episodes import Episode
from energyflow.datasets.minari import read_minari
from energyflow.offline.references import d4rl_reference
from energyflow.studies.offline.recording import QUALITIES, ceiling, record
from energyflow.studies.offline.sac_recorder import SACRecorder
from energyflow.studies.offline.sections import Recording

ENV = "Pendulum-v1"
PARAMS = Recording(
    steps=450,
    eval_every=100,
    eval_episodes=1,
    hidden=[8],
    ent_coef=0.1,
    learning_rate=3e-4,
    batch_size=8,
    gamma=0.9,
    learning_starts=400,
    transitions=400,
    share=0.5,
    noise=0.3,
    seed=7,
)


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots that get better, as those of a long run do."""
    real = SACRecorder.look

    def look(self: SACRecorder) -> None:
        real(self)
        self.curve[-1]["return"] = float(self.learner.step)

    monkeypatch.setattr(SACRecorder, "look", look)
    monkeypatch.setattr(SACRecorder, "random_return", lambda _: 0.0)


@pytest.mark.usefixtures("learned")
def test_the_three_sets_and_their_manifest(tmp_path: Path) -> None:
    record(ENV, PARAMS, 0, tmp_path)
    manifest = read_json(tmp_path / "manifest.json")
    assert (manifest["rule"], manifest["random"], manifest["expert"]) == (1, 0.0, 450.0)
    for quality in QUALITIES:
        data = read_minari(tmp_path / f"{quality}-v0")
        said = manifest["sets"][quality]
        assert data.env == {"id": ENV, "kwargs": {}, "max_episode_steps": 200}
        assert data.references == (0.0, 450.0)
        assert data.name == f"made-here/pendulum/{quality}-v0"
        assert (len(data.episodes), data.steps, data.sha256) == (said["episodes"], said["transitions"], said["sha256"])
        assert said["mean_return"] == pytest.approx(np.mean([e.ret for e in data.episodes]))
        assert said["ceiling"] == max(e.ret for e in data.episodes)  # of fewer than eleven
        for episode in data.episodes:
            assert not episode.terminated  # Pendulum never ends for good
            assert episode.truncated == (len(episode) == 200)
            assert np.abs(episode.actions).max() <= 2.0  # the environment's units
    medium = read_minari(tmp_path / "medium-replay-v0")
    assert medium.steps == 300  # the first snapshot with half of 450


def test_the_ceiling_is_the_best_tenth() -> None:
    episodes = [Episode(np.zeros((2, 1)), np.zeros((1, 1)), np.array([float(ret)]), True, False) for ret in range(20)]
    assert ceiling(episodes) == 18.5


def test_the_cheetah_never_falls_and_has_d4rls_references() -> None:
    pytest.importorskip("mujoco")
    recorder = SACRecorder("HalfCheetah-v5", PARAMS, 0)
    episode = recorder.simulator.record(lambda _: np.zeros(6), 0)
    assert (len(episode), episode.terminated, episode.truncated) == (1000, False, True)
    assert (recorder.simulator.obs_dim, recorder.simulator.action_dim) == (17, 6)
    reference = d4rl_reference("HalfCheetah-v5")
    assert reference is not None
    assert (reference.score(-280.178953), reference.score(12135.0)) == (0.0, 100.0)


def test_medium_is_the_first_that_is_far_enough() -> None:
    recorder = SACRecorder(ENV, PARAMS, 0)
    recorder.curve = [{"step": s, "return": r} for s, r in ((1, 0.0), (2, 61.0), (3, 40.0), (4, 100.0))]
    assert recorder.medium(random=20.0) == 1
    recorder.curve[-1]["return"] = 10.0
    with pytest.raises(UserError, match=r"Pendulum-v1: the agent returns 10\.0 in the end and a random one 20\.0"):
        recorder.medium(random=20.0)


@pytest.mark.usefixtures("learned")
def test_a_run_that_stops_continues_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(ENV, PARAMS, 0, tmp_path / "whole")
    real = ResumePoint.store

    def store(self: ResumePoint, *given: Any) -> None:
        real(self, *given)
        raise KeyboardInterrupt

    monkeypatch.setattr(ResumePoint, "store", store)
    with pytest.raises(KeyboardInterrupt):
        record(ENV, PARAMS, 0, tmp_path / "stopped")
    monkeypatch.setattr(ResumePoint, "store", real)
    record(ENV, PARAMS, 0, tmp_path / "stopped")
    one, other = (read_json(tmp_path / name / "manifest.json") for name in ("whole", "stopped"))
    for quality in QUALITIES:
        sets = [read_minari(tmp_path / name / f"{quality}-v0").episodes for name in ("whole", "stopped")]
        for a, b in zip(*sets, strict=True):
            np.testing.assert_array_equal(a.observations, b.observations)
            np.testing.assert_array_equal(a.actions, b.actions)
        assert one["sets"][quality]["sha256"] == other["sets"][quality]["sha256"]


def test_a_fall_ends_an_episode_and_a_clock_does_not() -> None:
    pytest.importorskip("mujoco")
    recorder = SACRecorder("Hopper-v5", PARAMS, 0)
    episode = recorder.simulator.record(lambda _: np.ones(3), 0)
    assert episode.terminated
    assert not episode.truncated
    assert len(episode) < 1000


def test_unknown_environments_are_named() -> None:
    with pytest.raises(UserError, match="unknown environment 'Hoper-v5'; did you mean 'Hopper-v5'"):
        SACRecorder("Hoper-v5", PARAMS, 0)

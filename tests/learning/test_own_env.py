"""Policies in environments that are not of this project: what is observed, how episodes end, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
import torch
from gymnasium import spaces
from PIL import Image

import energyflow
from energyflow.cli import main
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.envs.gym_env import GymSimulator, make
from energyflow.learning.own_env import horizon_of
from energyflow.learning.trainer import train
from energyflow.report.own_env import summary
from energyflow.report.runs import draw_runs
from tests.conftest import ROOT
from tests.datasets.files import write

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def reach() -> Iterator[None]:
    """The environment of the examples, registered as its user would."""
    sys.path.insert(0, str(ROOT / "examples"))
    make("Reach-v0", "reach").close()
    yield
    sys.path.remove(str(ROOT / "examples"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, smoke: Any) -> Path:
    """A policy of the example's observations, after a few steps of training."""
    folder = tmp_path_factory.mktemp("reach")
    params = smoke.train["energyflow"].model_copy(update={"steps": 4, "log_every": 4})
    demos = write(folder / "reach.hdf5", obs={"goal": 2, "position": 2}, env_args={"env_name": "Reach-v0"})
    train("custom/reach", 0, params, demos, folder / "run", CPU)
    return folder / "run"


class Counting(gym.Env[Any, Any]):
    """Observes its clock; what it says of success, and when it ends, is given."""

    observation_space = spaces.Box(-np.inf, np.inf, (1,), np.float64)
    action_space = spaces.Box(-0.5, 0.5, (1,), np.float32)

    def __init__(self, ends: int = 5, says: dict[int, dict[str, Any]] | None = None) -> None:
        self.ends, self.says, self.clock, self.given = ends, says or {}, 0, list[Any]()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.clock = 0
        return np.zeros(1), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.clock += 1
        self.given.append(action)
        return np.full(1, float(self.clock)), 1.0, self.clock >= self.ends, False, self.says.get(self.clock, {})


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory, smoke: Any) -> energyflow.policies.base.Policy:
    folder = tmp_path_factory.mktemp("count")
    params = smoke.train["energyflow"].model_copy(update={"steps": 4, "log_every": 4})
    train("custom/c", 0, params, write(folder / "c.hdf5", actions=1, obs={"clock": 1}), folder / "run", CPU)
    return energyflow.load(folder / "run")


def test_rows_are_those_of_the_environment_driven_by_hand(run: Path) -> None:
    """The same plans, executed step by step without anything of ours but the policy."""
    policy, env = energyflow.load(run), gym.make("Reach-v0")
    rows = energyflow.evaluate(run, env, episodes=3, seed=7, decoder="mean")
    for row in rows.to_dict("records"):
        obs, _ = env.reset(seed=int(row["env_seed"]))
        seen, total, length, success, over = [obs] * policy.spec.obs_horizon, 0.0, 0, False, False
        while not over:
            frames = {key: np.stack([each[key] for each in seen]) for key in policy.spec.obs_keys}
            for action in policy.act(frames, decoder="mean")[: policy.spec.exec_horizon]:
                obs, reward, terminated, truncated, info = env.step(np.clip(action, -1, 1).astype(np.float32))
                seen, total, length = [*seen[1:], obs], total + reward, length + 1
                success, over = success or info["success"], terminated or truncated
                if over:
                    break
        assert (row["length"], row["success"]) == (length, success)
        assert row["return"] == pytest.approx(total, abs=1e-4)
    assert rows["env_seed"].tolist() == [7, 8, 9]
    again = energyflow.evaluate(policy, "Reach-v0", episodes=3, seed=7, decoder="mean")
    pd.testing.assert_frame_equal(rows.drop(columns="seconds"), again.drop(columns="seconds"))


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ({}, None),
        ({2: {"success": True}, 4: {"success": False}}, 1),  # at any step, and the episode goes on
        ({5: {"is_success": np.array([1.0])}}, 1),
        ({step: {"success": False} for step in range(1, 6)}, 0),
    ],
)
def test_success_is_what_info_says_and_the_environment_ends_the_episode(
    counter: Any, says: dict[int, dict[str, Any]], expected: int | None
) -> None:
    rows = energyflow.evaluate(counter, Counting(5, says), episodes=2, horizon=9)
    assert rows["length"].tolist() == [5, 5]
    assert rows["return"].tolist() == [5.0, 5.0]
    assert rows.get("success", pd.Series([None, None])).tolist() == [expected, expected]
    assert energyflow.evaluate(counter, Counting(5, says), episodes=1, horizon=3)["length"].tolist() == [3]


def test_an_episode_that_the_environment_cuts_off_is_over(counter: Any) -> None:
    env = Counting()
    env.step = lambda action: (np.ones(1), 1.0, False, True, {})  # type: ignore[method-assign]
    assert energyflow.evaluate(counter, env, episodes=2, horizon=9)["length"].tolist() == [1, 1]


def test_actions_arrive_in_the_box_of_the_environment(counter: Any) -> None:
    env = Counting()
    energyflow.evaluate(counter, env, episodes=1, horizon=9)
    assert all(action.dtype == np.float32 and action.shape == (1,) for action in env.given)
    assert max(abs(float(action[0])) for action in env.given) <= 0.5


def test_dictionaries_are_read_by_key_at_any_depth() -> None:
    env = Counting()
    inner = spaces.Dict({"place": spaces.Box(-1, 1, (2, 2)), "kind": spaces.Discrete(3)})
    env.observation_space = spaces.Dict({"goal": inner, "clock": spaces.Box(0, 9, (1,)), "a.b": spaces.Box(0, 1, (1,))})
    simulator = GymSimulator(env, ["goal.place", "a.b", "clock"])
    assert GymSimulator(env, ["observation.clock"]).obs_layout == {"observation.clock": 1}  # LeRobot's name for it
    assert simulator.obs_layout == {"goal.place": 4, "a.b": 1, "clock": 1}
    values = {"goal": {"place": np.arange(4.0).reshape(2, 2), "kind": 1}, "clock": [9], "a.b": [0.5]}
    env.reset = lambda **_: (values, {})  # type: ignore[method-assign]
    np.testing.assert_array_equal(simulator.reset(0), [0, 1, 2, 3, 0.5, 9])
    for keys, message in (
        (["clok"], "observes no 'clok'; did you mean 'clock'"),
        (["goal.plce"], "observes no 'goal.plce'; did you mean 'place'"),
        (["goal.kind"], r"observation 'goal\.kind' is Discrete\(3\), not a box"),
        (["goal"], "observation 'goal' is Dict"),
    ):
        with pytest.raises(UserError, match=message):
            GymSimulator(env, keys)


def test_what_does_not_fit_is_refused_before_the_first_step(run: Path, counter: Any) -> None:
    with pytest.raises(UserError, match="Counting: observes one vector, but the policy several keys"):
        energyflow.evaluate(run, Counting(), horizon=9)
    wide = Counting()
    wide.observation_space = spaces.Box(-1, 1, (3,))
    with pytest.raises(UserError, match=r"the policy observes 1 numbers \(clock\), the environment 3"):
        energyflow.evaluate(counter, wide, horizon=9)
    wide.observation_space, wide.action_space = Counting.observation_space, spaces.Box(-1, 1, (2,))
    with pytest.raises(UserError, match="the policy acts by 1 numbers, the environment 2"):
        energyflow.evaluate(counter, wide, horizon=9)
    discrete = Counting()
    discrete.action_space = spaces.Discrete(2)  # type: ignore[assignment]
    with pytest.raises(UserError, match=r"actions are Discrete\(2\), not a box"):
        energyflow.evaluate(counter, discrete, horizon=9)
    with pytest.raises(UserError, match="has no max_episode_steps"):
        energyflow.evaluate(counter, Counting())
    with pytest.raises(UserError, match=r"v\.avi: a film ends in \.gif, \.webp, \.mp4"):
        energyflow.evaluate(counter, Counting(), horizon=9, video="v.avi")
    assert horizon_of(gym.make("Reach-v0"), None) == 50


def test_an_observation_that_is_not_finite_is_named(counter: Any) -> None:
    env = Counting()
    env.step = lambda action: (np.array([np.nan]), 0.0, False, False, {})  # type: ignore[method-assign]
    with pytest.raises(UserError, match="Counting: observation 'clock' holds NaN or infinity"):
        energyflow.evaluate(counter, env, horizon=9)


def test_the_first_episode_is_filmed(run: Path, tmp_path: Path) -> None:
    env = gym.make("Reach-v0", render_mode="rgb_array")
    rows = energyflow.evaluate(run, env, episodes=2, horizon=6, video=tmp_path / "v.gif")
    with Image.open(tmp_path / "v.gif") as film:
        assert getattr(film, "n_frames", 1) <= rows["length"].iloc[0] + 1  # equal pictures are joined
        assert film.size == (64, 64)
        assert film.info["duration"] % 100 == 0  # 10 pictures a second
        film.seek(0)
        assert (np.asarray(film.convert("RGB")).reshape(-1, 3).max(axis=0) > 100).all()
    with pytest.raises(UserError, match="renders no picture; build it with render_mode='rgb_array'"):
        energyflow.evaluate(run, gym.make("Reach-v0"), episodes=1, video=tmp_path / "w.gif")
    assert not (tmp_path / "w.gif").exists()


def test_a_film_of_ffmpeg(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg", reason="the extra 'video' is not installed")
    env = gym.make("Reach-v0", render_mode="rgb_array")
    energyflow.evaluate(run, env, episodes=1, horizon=6, video=tmp_path / "v.mp4")
    assert (tmp_path / "v.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_command_writes_rows_says_them_and_draws_them(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shared = ["evaluate", "--model", str(run), "--preset", "smoke", "--env", "Reach-v0", "--env-import", "reach"]
    out = ["--out", str(tmp_path / "rows")]
    assert main([*shared, "--episodes", "3", "--horizon", "4", *out, "--video", "v.gif"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [f"wrote {tmp_path}/rows/episodes.csv", "wrote v.gif"]
    assert [line.split(":")[0] for line in said[2:]] == ["sample", "mean"]
    assert all("; 3 episodes, 95 % intervals" in line and "success 0 % [0, 56]" in line for line in said[2:])
    rows = pd.read_csv(tmp_path / "rows/episodes.csv")
    assert len(rows) == 6
    assert set(rows["length"]) == {4}
    record = read_json(tmp_path / "rows/run.json")
    assert (record["env"], record["params"]["episodes"], record["task"]) == ("Reach-v0", 3, "custom/reach")
    assert main([*shared, "--episodes", "3", "--horizon", "4", *out]) == 0
    assert "already there" in capsys.readouterr().err


def test_mistakes_of_the_command_are_one_line(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for more, message in (
        (["--env", "Raech-v0"], "error: Raech-v0: "),
        (["--env", "Reach-v0", "--env-import", "nowhere"], "error: no module 'nowhere' here or installed"),
        (["--env", "Reach-v0", "--env-kwargs", "{"], "error: --env-kwargs: not JSON"),
        (["--env", "Reach-v0", "--env-kwargs", "[1]"], "error: --env-kwargs: expected an object"),
        (["--env", "Reach-v0", "--env-kwargs", '{"size": 3}'], "error: Reach-v0: cannot be built with these arguments"),
        (["--env", "Reach-v0", "--video", "v.avi"], "error: v.avi: a film ends in"),
        (["--env", "Reach-v0", "--episodes", "0"], "error: "),
        (["--horizon", "3"], "error: --horizon is of an environment of your own: give --env too"),
    ):
        assert main(["evaluate", "--model", str(run), "--preset", "smoke", *more]) == 2, more
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1


def test_an_environment_that_says_nothing_of_success_is_told_by_its_return(
    counter: Any, tmp_path: Path, smoke: Any
) -> None:
    rows = energyflow.evaluate(counter, Counting(), episodes=4, horizon=9)
    assert "success" not in rows
    scores = rows.assign(seed=0, **{"return": [1.0, 2.0, 3.0, 4.0]})
    scores.to_csv(tmp_path / "episodes.csv", index=False)
    (line,) = summary(tmp_path / "episodes.csv", smoke.report)
    assert line.startswith("sample: return 2.5 [1.")
    assert line.endswith("4 episodes, 95 % intervals")


def test_runs_without_success_are_drawn_by_their_losses(run: Path, tmp_path: Path) -> None:
    (run / "evaluate").mkdir(exist_ok=True)
    pd.DataFrame({"decoder": ["mean"], "level": ["0"], "return": [1.0]}).to_csv(run / "evaluate/episodes.csv")
    draw_runs([run], tmp_path / "runs.png")
    (run / "evaluate/episodes.csv").unlink()
    assert (tmp_path / "runs.png").stat().st_size > 1000


def test_training_evaluates_where_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    demos = write(tmp_path / "reach.hdf5", obs={"goal": 2, "position": 2}, env_args={"env_name": "Reach-v0"})
    command = ["train", "--demos", str(demos), "--preset", "smoke", "train.steps=6", "train.log_every=2"]
    assert main([*command, "--env", "Reach-v0", "--eval-every", "4", "--eval-episodes", "2", "--out", "run"]) == 0
    rows = pd.read_csv("run/evaluations.csv")
    assert rows["step"].tolist() == [4, 6]
    assert rows["episodes"].tolist() == [2, 2]
    assert (rows["return"] < 0).all()
    assert energyflow.load("run/best").spec == energyflow.load("run").spec


def test_evaluations_need_an_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    demos = write(tmp_path / "reach.hdf5", obs={"goal": 2, "position": 2}, env_args={"env_name": "Reach-v0"})
    assert main(["train", "--demos", str(demos), "--preset", "smoke", "--eval-every", "4"]) == 2
    assert "custom/reach has no simulator: --eval-every needs an environment" in capsys.readouterr().err
    assert not list(tmp_path.rglob("model.json"))

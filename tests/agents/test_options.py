"""What the agent may do otherwise, each option on its own; and, by default, as well as Stable-Baselines3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from torch import Tensor

from benchmarks.sac import run_ours, run_reference
from energyflow.agents.env import EpisodeEnv
from energyflow.agents.sac import run_shape, train_sac
from energyflow.config.sections import ShapeParams
from energyflow.core.errors import UserError
from energyflow.core.resume import ResumePoint
from energyflow.datasets.format import Demonstration
from energyflow.rewards.base import ChangingSource, LogDensity, Replay, Transitions
from energyflow.rewards.dense import Dense
from tests.rewards.conftest import PointSimulator

IDENTITY = {"run": 1}


@pytest.fixture(scope="module")
def brief(shape: ShapeParams) -> ShapeParams:
    update = {"steps": 200, "eval_every": 50, "eval_episodes": 2, "horizon": 20, "learning_starts": 40}
    return shape.model_copy(update=update | {"batch_size": 16})


@pytest.mark.parametrize(
    "option", [{"layer_norm": True}, {"n_step": 3}, {"gradient_steps": 3}, {"action_repeat": 2}, {"demo_share": 0.5}]
)
def test_options_keep_a_run_reproducible_and_resumable(
    brief: ShapeParams, tmp_path: Path, expert_demos: list[Demonstration], option: dict[str, Any]
) -> None:
    params = ShapeParams(**brief.model_dump() | option)

    def run(make: Any = PointSimulator, resume: ResumePoint | None = None, params: ShapeParams = params) -> Any:
        return train_sac(make, Dense(10.0), params, 0, terminate=False, demos=expert_demos, resume=resume)

    one, whole = run()
    assert one.agent.updates == (200 - 40) // params.action_repeat * params.gradient_steps
    assert one.replay.size() == 200 // params.action_repeat
    assert whole != run(params=brief)[1]

    class Ends(PointSimulator):
        steps = 0

        def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool]:
            Ends.steps += 1
            if Ends.steps > 290:
                raise RuntimeError("killed")
            return super().step(action)

    resume = ResumePoint(tmp_path, IDENTITY)
    with pytest.raises(RuntimeError, match="killed"):
        run(Ends, resume)
    assert resume.path.exists()
    again, rows = run(resume=resume)
    assert rows == whole
    for name, value in one.tensors().items():
        assert value.equal(again.tensors()[name]), name


def test_a_source_that_changes_learns_once_a_step_however_often_the_agent_does(brief: ShapeParams) -> None:
    class Counting(ChangingSource):
        columns = ()
        updates = 0

        def reward(self, batch: Transitions) -> Tensor:
            return batch.success.float()

        def update(self, replay: Replay, log_density: LogDensity) -> None:
            self.updates += 1

        def state(self) -> dict[str, Tensor]:
            return {}

        def restore(self, tensors: dict[str, Tensor]) -> None: ...

    params = ShapeParams(**brief.model_dump() | {"gradient_steps": 3})
    learner, _ = train_sac(PointSimulator, source := Counting(), params, 0, terminate=False)
    assert (source.updates, learner.agent.updates) == (200 - 40, 3 * (200 - 40))


def test_a_repeated_action_counts_every_step_of_the_simulator(brief: ShapeParams) -> None:
    taken: list[np.ndarray] = []

    class Watched(PointSimulator):
        def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool]:
            taken.append(action)
            return super().step(action)

    env = EpisodeEnv(Watched(), horizon=20, first_seed=0, terminate=False, action_repeat=5)
    env.reset()
    simulator = PointSimulator()
    simulator.reset(0)
    action = np.full(2, 0.1, dtype=np.float32)
    obs, reward, _, truncated, _ = env.step(action)
    alone = [simulator.step(action.astype(np.float64)) for _ in range(5)]
    assert len(taken) == 5
    assert reward == pytest.approx(sum(each[1] for each in alone))
    np.testing.assert_allclose(obs, alone[-1][0], rtol=1e-6)
    assert not truncated
    assert [env.step(action)[3] for _ in range(3)] == [False, False, True]
    params = brief.model_copy(update={"action_repeat": 5})
    _, rows = train_sac(PointSimulator, Dense(10.0), params, 0, terminate=False)
    assert sorted({row["step"] for row in rows["curve"]}) == [50, 100, 150, 200]
    assert all(row["length"] % 5 == 0 for row in rows["curve"] + rows["episodes"])
    assert [row["step"] for row in rows["episodes"]] == list(range(20, 201, 20))
    assert all(row["return"] > 20 * 10.0 / 4.0 for row in rows["episodes"])  # of 20 steps, not of 4


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"action_repeat": 3}, r"shape.steps = 300 must be|shape.horizon = 200 must be a multiple"),
        ({"action_repeat": 2, "demo_share": 0.5}, "needs shape.action_repeat = 1"),
        ({"n_step": 0}, "greater than or equal to 1"),
        ({"demo_share": 1.0}, "less than 1"),
    ],
)
def test_options_that_cannot_be_are_refused(shape: ShapeParams, update: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ShapeParams(**shape.model_dump() | update)


def test_demonstrations_in_the_batch_must_be_given(shape: ShapeParams, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="pass --demos"):
        run_shape(
            "metaworld/button_press",
            "dense",
            0,
            ShapeParams(**shape.model_dump() | {"demo_share": 0.5}),
            None,
            None,
            tmp_path,
        )


@pytest.mark.slow
def test_learning_curves_are_those_of_stable_baselines3(shape: ShapeParams) -> None:
    """Same law: at each mark the 95 % intervals of the mean return over seeds overlap; and both learn."""
    update = {"steps": 600, "eval_every": 200, "eval_episodes": 5, "horizon": 20, "learning_starts": 100}
    params = shape.model_copy(update=update | {"batch_size": 64, "hidden": [64, 64], "learning_rate": 1e-3})
    means, halves = [], []
    for run in (run_ours, run_reference):
        curves = np.stack([returns(run(PointSimulator, params, seed)) for seed in range(5)])
        means.append(curves.mean(axis=0))
        halves.append(stats.t.ppf(0.975, len(curves) - 1) * stats.sem(curves, axis=0))
    assert (np.abs(means[0] - means[1]) <= halves[0] + halves[1]).all(), (means, halves)
    assert all(mean[-1] - mean[0] > half[0] for mean, half in zip(means, halves, strict=True)), (means, halves)


def returns(rows: list[dict[str, Any]]) -> np.ndarray:
    """Mean return at each mark."""
    found: np.ndarray = pd.DataFrame(rows).groupby("step")["return"].mean().to_numpy()
    return found

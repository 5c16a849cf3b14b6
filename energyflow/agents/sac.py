"""Soft actor-critic (Stable-Baselines3) on one reward source; the true success is what every row reports."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from stable_baselines3.common.callbacks import BaseCallback
from tqdm import tqdm

from energyflow.agents.agent import Agent, build_sac
from energyflow.agents.env import EpisodeEnv
from energyflow.agents.relabel import Record, RelabelBuffer
from energyflow.agents.resume import load_state, save_state
from energyflow.config.sections import ShapeParams
from energyflow.core.files import sha256
from energyflow.core.provenance import Run
from energyflow.core.resume import ResumePoint
from energyflow.envs.simulator import Simulator
from energyflow.envs.tasks import check_task, make_env
from energyflow.rewards.base import ChangingSource, RewardSource
from energyflow.rewards.registry import SOURCES
from energyflow.rewards.sources import ends_at_success, make_source

Build = Callable[[EpisodeEnv, RewardSource, ShapeParams, int], Agent]
Row = dict[str, Any]
Rows = dict[str, list[Row]]  # "curve" and "episodes"
EPISODES_PER_SEED = 10_000  # initial states reserved for the training episodes of one seed
IDENTITY = ["task", "source", "seed"]
COLUMNS = ["step", "episode", "env_seed", "success", "return", "shaped_return", "length"]


def evaluate(
    sac: Agent, simulator: Simulator, source: RewardSource, params: ShapeParams, *, terminate: bool
) -> list[Row]:
    """Run deterministic episodes on the initial states `eval_seed + i`, each to the horizon.

    Draws no random numbers, so that evaluating does not change the training that goes on after it.

    Args:
        sac: the agent.
        simulator: not the one that training uses.
        source: for `shaped_return`.
        params: horizon, episodes, seed.
        terminate: whether the source ends at success; `shaped_return` then counts up to it.

    Returns:
        One row per episode. `success`: at any step. `return`: simulator's dense return over the horizon.
        `length`: steps to the first success, else the horizon.
    """
    rows = []
    for episode in range(params.eval_episodes):
        obs = simulator.reset(params.eval_seed + episode).astype(np.float32)
        record: dict[str, list[Any]] = {"obs": [], "action": [], "next_obs": [], "success": [], "reward": []}
        for _ in range(params.horizon):
            with torch.no_grad():
                action = sac.actor(torch.as_tensor(obs)[None], deterministic=True)[0].numpy()
            next_obs, reward, success = simulator.step(action.astype(np.float64))
            following = next_obs.astype(np.float32)
            for name, value in zip(record, (obs, action, following, success, reward), strict=True):
                record[name].append(value)
            obs = following
        flags = np.array(record["success"])
        length = int(flags.argmax()) + 1 if flags.any() else params.horizon
        counted = np.arange(length if terminate else params.horizon)
        seen = Record(
            obs=np.stack(record["obs"]),
            action=np.stack(record["action"]),
            next_obs=np.stack(record["next_obs"]),
            success=flags.astype(np.float32),
            env_reward=np.array(record["reward"], dtype=np.float32),
        )
        shaped = seen.rewards(source, rows=counted, start=np.zeros_like(counted))
        rows.append(
            {
                "episode": episode,
                "env_seed": params.eval_seed + episode,
                "success": int(flags.any()),
                "return": float(np.sum(record["reward"])),
                "shaped_return": float(shaped.sum(dtype=np.float64)),
                "length": length,
            }
        )
    return rows


class _Recorder(BaseCallback):
    """Collects rows, shows progress, and keeps a resume point; see `train_sac`."""

    def __init__(
        self,
        env: EpisodeEnv,
        source: RewardSource,
        evaluation: Callable[[Agent], list[Row]],
        params: ShapeParams,
        rows: Rows,
        save: Callable[[], None],
    ) -> None:
        super().__init__()
        self.env, self.source, self.evaluation, self.params = env, source, evaluation, params
        self.rows, self.save = rows, save
        self.due = False
        self.bar = tqdm(total=params.steps, unit="step", mininterval=5, file=sys.stderr, disable=None)

    def _on_training_start(self) -> None:
        self.bar.update(self.num_timesteps)

    def _on_rollout_start(self) -> None:
        self.collect()
        if self.due and self.env.elapsed == 0:  # between episodes the simulator needs no saving
            self.save()
            self.due = False

    def _on_step(self) -> bool:
        self.bar.update(1)
        step = self.num_timesteps
        if step <= self.params.steps and (step % self.params.eval_every == 0 or step == self.params.steps):
            assert isinstance(self.model, Agent)
            report = self.source.report() if isinstance(self.source, ChangingSource) else {}
            measured = {"loss": self.model.mean_loss(), **report}
            rows = [{"step": step, **row, **measured} for row in self.evaluation(self.model)]
            self.rows["curve"] += rows
            self.bar.set_postfix(success=float(np.mean([row["success"] for row in rows])))
            self.due = True
        return True

    def _on_training_end(self) -> None:
        self.collect()
        self.bar.close()

    def collect(self) -> None:
        """Turn the episodes that ended since the last call into rows."""
        assert isinstance(self.model, Agent)
        buffer = self.model.replay_buffer
        assert isinstance(buffer, RelabelBuffer)
        for first, stop in buffer.finished:
            flags = buffer.success[first:stop] > 0
            number = len(self.rows["episodes"])
            self.rows["episodes"].append(
                {
                    "step": stop,
                    "episode": number,
                    "env_seed": self.env.first_seed + number,
                    "success": int(flags.any()),
                    "return": float(buffer.rewards[first:stop].sum(dtype=np.float64)),
                    "shaped_return": float(buffer.rewards_of(np.arange(first, stop)).sum(dtype=np.float64)),
                    "length": int(flags.argmax()) + 1 if flags.any() else stop - first,
                }
            )
        buffer.finished.clear()


def train_sac(
    make: Callable[[], Simulator],
    source: RewardSource,
    params: ShapeParams,
    seed: int,
    *,
    terminate: bool,
    resume: ResumePoint | None = None,
    build: Build = build_sac,
) -> tuple[Agent, Rows]:
    """Train SAC on a source.

    Args:
        make: builds a simulator (two are made: training and evaluation).
        source: the reward.
        params: every number.
        seed: of networks, exploration and training initial states.
        terminate: whether success ends a training episode.
        resume: where the state is kept meanwhile, and continued from; the caller removes it with the outputs written.
        build: sets up the agent.

    Returns:
        The agent, and the rows of the evaluation curve and of the training episodes.
    """
    first_seed = params.seed + EPISODES_PER_SEED * seed
    env = EpisodeEnv(make(), horizon=params.horizon, first_seed=first_seed, terminate=terminate)
    simulator = make()
    sac = build(env, source, params, seed)
    rows: Rows = {"curve": [], "episodes": []}
    if resume is not None and load_state(resume, sac, env, rows):
        print(f"resuming at step {sac.num_timesteps}", flush=True)

    def save() -> None:
        if resume is not None and sac.num_timesteps < params.steps:
            save_state(resume, sac, env, rows)

    recorder = _Recorder(
        env, source, lambda agent: evaluate(agent, simulator, source, params, terminate=terminate), params, rows, save
    )
    remaining = params.steps - sac.num_timesteps
    sac.learn(remaining, callback=recorder, reset_num_timesteps=False, log_interval=None)  # type: ignore[arg-type]
    return sac, rows


def run_shape(
    task: str, source: str, seed: int, params: ShapeParams, model: Path | None, demos: Path | None, out: Path
) -> None:
    """Train SAC on a source; write `curve.csv`, `episodes.csv` and `run.json`.

    A run that was killed continues bit for bit; see energyflow/core/resume.py.

    Raises:
        UserError: unknown task or source, or the source's model or demonstrations are missing.
        UserError: the reward model is missing, damaged or of another task.
        UserError: the demonstrations are damaged.
        UserError: the reward model gives no scale.
        UserError: the disk is full, or another process is writing into `out`.
    """
    check_task(task)
    spec = SOURCES[source]
    read = [path for path, wanted in ((model, spec.model), (demos, spec.demos)) if wanted]
    inputs = [path for path in read if path is not None]
    reward = make_source(source, task, params, seed, model, demos)
    identity = {"task": task, "source": source, "seed": seed, "params": params.model_dump(mode="json")}
    with Run("shape", out, params=identity["params"], inputs=inputs, task=task, method=source, seed=seed) as run:
        resume = ResumePoint(out, identity | {"inputs": [sha256(path) for path in inputs]})
        _, rows = train_sac(
            lambda: make_env(task),
            reward,
            params,
            seed,
            terminate=ends_at_success(source, params),
            resume=resume,
        )
        more = reward.columns if isinstance(reward, ChangingSource) else ()
        for name, columns in (("curve", (*COLUMNS, *more)), ("episodes", COLUMNS)):
            frame = pd.DataFrame(rows[name], columns=list(columns))
            run.write_csv(f"{name}.csv", frame.assign(task=task, source=source, seed=seed)[[*IDENTITY, *columns]])
        run.note(**reward.measured, episodes=len(rows["episodes"]))
        resume.remove()

"""Soft actor-critic on one reward source; the true success is what every row reports."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from energyflow.agents.agent import Agent
from energyflow.agents.env import EpisodeEnv, advance
from energyflow.agents.learner import Learner, Row
from energyflow.agents.relabel import Record
from energyflow.config.sections import ShapeParams
from energyflow.core.errors import UserError
from energyflow.core.files import sha256
from energyflow.core.provenance import Run
from energyflow.core.resume import ResumePoint
from energyflow.datasets.format import Demonstration, load_demos
from energyflow.envs.simulator import Simulator
from energyflow.envs.tasks import check_task, make_env
from energyflow.rewards.base import ChangingSource, RewardSource
from energyflow.rewards.registry import SOURCES
from energyflow.rewards.sources import ends_at_success, make_source

Build = Callable[[Simulator, ShapeParams, int], Agent]
Rows = dict[str, list[Row]]  # "curve" and "episodes"
EPISODES_PER_SEED = 10_000  # initial states reserved for the training episodes of one seed
IDENTITY = ["task", "source", "seed"]
COLUMNS = ["step", "episode", "env_seed", "success", "return", "shaped_return", "length"]


def evaluate(
    agent: Agent, simulator: Simulator, source: RewardSource, params: ShapeParams, *, terminate: bool
) -> list[Row]:
    """Run deterministic episodes on the initial states `eval_seed + i`, each to the horizon.

    Draws no random numbers, so that evaluating does not change the training that goes on after it.

    Args:
        agent: to evaluate.
        simulator: not the one that training uses.
        source: for `shaped_return`.
        params: horizon, episodes, seed.
        terminate: whether the source ends at success; `shaped_return` then counts up to it.

    Returns:
        One row per episode. `success`: at any step. `return`: simulator's dense return over the horizon.
        `length`: steps to the first success, else the horizon.
    """
    rows, repeat = [], params.action_repeat
    for episode in range(params.eval_episodes):
        seen = _episode(agent, simulator, params.eval_seed + episode, params.horizon // repeat, repeat)
        flags = seen.success > 0
        length = int(flags.argmax()) + 1 if flags.any() else len(flags)
        counted = np.arange(length if terminate else len(flags))
        shaped = seen.rewards(source, rows=counted, start=np.zeros_like(counted))
        rows.append(
            {
                "episode": episode,
                "env_seed": params.eval_seed + episode,
                "success": int(flags.any()),
                "return": float(seen.env_reward.sum(dtype=np.float64)),
                "shaped_return": float(shaped.sum(dtype=np.float64)),
                "length": repeat * length,
            }
        )
    return rows


def _episode(agent: Agent, simulator: Simulator, seed: int, actions: int, repeat: int) -> Record:
    """So many of the agent's most likely actions from one initial state."""
    obs, taken = simulator.reset(seed).astype(np.float32), []
    for _ in range(actions):
        action = agent.mode(obs[None])[0]
        following, reward, success = advance(simulator, action, repeat)
        taken.append((obs, action, following, success, reward))
        obs = following
    return Record(*(np.array(column, dtype=np.float32) for column in zip(*taken, strict=True)))


def build_agent(simulator: Simulator, params: ShapeParams, seed: int) -> Agent:
    """An agent that sees observations as they are: equal seeds give equal ones, whatever the source."""
    return Agent(simulator.obs_dim, simulator.action_dim, params, seed)


def train_sac(
    make: Callable[[], Simulator],
    source: RewardSource,
    params: ShapeParams,
    seed: int,
    *,
    terminate: bool,
    demos: list[Demonstration] | None = None,
    resume: ResumePoint | None = None,
    build: Build = build_agent,
) -> tuple[Learner, Rows]:
    """Train SAC on a source.

    Args:
        make: builds a simulator (two are made: training and evaluation).
        source: the reward.
        params: every number.
        seed: of networks, exploration and training initial states.
        terminate: whether success ends a training episode.
        demos: of which each batch holds `params.demo_share`.
        resume: where the state is kept meanwhile, and continued from; the caller removes it with the outputs written.
        build: sets up the agent.

    Returns:
        The learner, and the rows of the evaluation curve and of the training episodes.
    """
    first_seed = params.seed + EPISODES_PER_SEED * seed
    env = EpisodeEnv(
        make(),
        horizon=params.horizon,
        first_seed=first_seed,
        terminate=terminate,
        action_repeat=params.action_repeat,
    )
    simulator = make()
    learner = Learner(build(simulator, params, seed), env, source, params, seed, demos)
    curve: list[Row] = []
    if resume is not None and (found := resume.load()):
        learner.restore(*found)
        curve += found[1]["curve"]
        print(f"resuming at step {learner.step}", flush=True)
    due = False  # a resume point
    with tqdm(
        total=params.steps, initial=learner.step, unit="step", mininterval=5, file=sys.stderr, disable=None
    ) as bar:
        while learner.step < params.steps:
            learner.advance()
            bar.update(params.action_repeat)
            if learner.step % params.eval_every == 0 or learner.step == params.steps:
                report = source.report() if isinstance(source, ChangingSource) else {}
                measured = {"step": learner.step, "loss": learner.agent.mean_loss(), **report}
                rows = evaluate(learner.agent, simulator, source, params, terminate=terminate)
                curve += [row | measured for row in rows]
                bar.set_postfix(success=float(np.mean([row["success"] for row in rows])))
                due = resume is not None
            if due and learner.obs is None and learner.step < params.steps:
                assert resume is not None
                resume.store(learner.tensors(), learner.note() | {"curve": curve})
                due = False
    return learner, {"curve": curve, "episodes": learner.episodes}


def run_shape(
    task: str, source: str, seed: int, params: ShapeParams, model: Path | None, demos: Path | None, out: Path
) -> None:
    """Train SAC on a source; write `curve.csv`, `episodes.csv` and `run.json`.

    A run that was killed continues bit for bit; see energyflow/core/resume.py.

    Raises:
        UserError: the task or the source is unknown; the reward model or the demonstrations are missing, damaged or of
            another task; the reward model gives no scale; batches shall hold demonstrations, and none are given; the
            disk is full; or another process is writing into `out`.
    """
    check_task(task)
    spec = SOURCES[source]
    if params.demo_share and demos is None:
        raise UserError(f"shape.demo_share = {params.demo_share}: batches hold demonstrations; pass --demos")
    read = [(model, spec.model), (demos, spec.demos or params.demo_share)]
    inputs = [path for path, wanted in read if wanted and path is not None]
    reward = make_source(source, task, params, seed, model, demos)
    shown = load_demos(demos).episodes if params.demo_share and demos is not None else None
    identity = {"task": task, "source": source, "seed": seed, "params": params.model_dump(mode="json")}
    with Run("shape", out, params=identity["params"], inputs=inputs, task=task, method=source, seed=seed) as run:
        resume = ResumePoint(out, identity | {"inputs": [sha256(path) for path in inputs]})
        learner, rows = train_sac(
            lambda: make_env(task),
            reward,
            params,
            seed,
            terminate=ends_at_success(source, params),
            demos=shown,
            resume=resume,
        )
        more = reward.columns if isinstance(reward, ChangingSource) else ()
        for name, columns in (("curve", (*COLUMNS, *more)), ("episodes", COLUMNS)):
            frame = pd.DataFrame(rows[name], columns=list(columns))
            run.write_csv(f"{name}.csv", frame.assign(task=task, source=source, seed=seed)[[*IDENTITY, *columns]])
        run.note(**reward.measured, episodes=len(rows["episodes"]), matmul=learner.kernels)
        resume.remove()

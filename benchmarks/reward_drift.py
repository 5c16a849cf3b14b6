"""Why SAC drifts on the centred energy: what each reward pays the scripted expert, phase by phase, and after success.

    python benchmarks/reward_drift.py --task metaworld/button_press \
        --model results/laptop/reward_model/metaworld/button_press/energyflow/seed0/model.safetensors \
        --demos data/laptop/metaworld/button_press/demos.hdf5

A reward that is an advantage pays the expert the same in every state. What differs by phase is an incentive to be
somewhere rather than to act well; what is paid after success is an incentive not to finish (or, if success ends the
episode, never to succeed). Initial states are those of training; the evaluation's are not touched.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from energyflow.agents.relabel import Floats, Record
from energyflow.config.sections import ShapeParams
from energyflow.core.seeding import generator
from energyflow.envs.simulator import Array, Expert, Simulator
from energyflow.envs.tasks import make_env
from energyflow.pipeline import params as params_module
from energyflow.rewards.sources import make_source
from energyflow.rewards.windows import Index

SOURCES = ("raw_energy", "centered_energy", "centered_energy_bounded")
PHASES = ("start", "middle", "end", "after success")  # quarters 1, 2-3 and 4 of the way to success

ACTORS: dict[str, Callable[[Simulator, int], Expert]] = {
    "expert": lambda env, seed: env.expert(seed),
    "idle": lambda env, seed: lambda obs: np.zeros(env.action_dim),
    "random": lambda env, seed: partial(_uniform, generator(seed, "reward drift"), env.action_dim),
}


def _uniform(rng: np.random.Generator, action_dim: int, obs: Array) -> Array:
    return rng.uniform(-1, 1, action_dim)


def episode(env: Simulator, actor: str, seed: int, horizon: int) -> Record:
    """One episode to the horizon, success or not."""
    obs = env.reset(seed)
    act = ACTORS[actor](env, seed)
    record: dict[str, list[Any]] = {"obs": [], "action": [], "next_obs": [], "env_reward": [], "success": []}
    for _ in range(horizon):
        action = act(obs)
        following, reward, success = env.step(action)
        for name, value in zip(record, (obs, action, following, reward, float(success)), strict=True):
            record[name].append(value)
        obs = following
    return Record(**{name: np.asarray(values, dtype=np.float32) for name, values in record.items()})


def phases(success: Floats) -> Index:
    """Index into `PHASES` of every step; an episode without success is all "start"."""
    if not success.any():
        return np.zeros(len(success), dtype=np.int64)
    way = int(success.argmax()) + 1
    quarter: Index = np.minimum(4 * np.arange(len(success)) // way, 4)
    return np.array([0, 1, 1, 2, 3], dtype=np.int64)[quarter]


def measure(task: str, model: Path, demos: Path, params: ShapeParams, seed: int, episodes: int) -> pd.DataFrame:
    """Mean reward per step by source, actor and phase, and the return over the horizon."""
    env = make_env(task)
    records = {name: [episode(env, name, params.seed + i, params.horizon) for i in range(episodes)] for name in ACTORS}
    rows = []
    for name in SOURCES:
        source = make_source(name, task, params, seed, model, demos)
        for actor, runs in records.items():
            steps = np.arange(params.horizon)
            rewards = [run.rewards(source, steps, np.zeros_like(steps)) for run in runs]
            where = np.concatenate([phases(run.success) for run in runs])
            all_rewards = np.concatenate(rewards)
            row: dict[str, Any] = {"sigma": params.source_params["sigma"], "source": name, "actor": actor}
            row["success"] = np.mean([run.success.any() for run in runs])
            for index, phase in enumerate(PHASES):
                row[phase] = all_rewards[where == index].mean() if (where == index).any() else np.nan
            row["return"] = np.mean([r.sum() for r in rewards])
            row["of it after success"] = all_rewards[where == 3].sum() / len(runs)
            rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Print the table as Markdown-like text; write it as CSV with `--out`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="metaworld/button_press")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--demos", type=Path, required=True)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--sigmas", type=float, nargs="+", default=[0.01007, 0.1, 1.0])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    shape = params_module.load(arguments.params).shape["raw_energy"]
    tables = [
        measure(
            arguments.task,
            arguments.model,
            arguments.demos,
            shape.model_copy(update={"source_params": {**shape.source_params, "sigma": sigma}}),
            arguments.seed,
            arguments.episodes,
        )
        for sigma in arguments.sigmas
    ]
    table = pd.concat(tables, ignore_index=True)
    print(table.to_string(index=False, float_format=lambda x: f"{x:.2f}" if abs(x) >= 0.02 else f"{x:.4f}"))
    if arguments.out:
        table.to_csv(arguments.out, index=False)


if __name__ == "__main__":
    main()

"""Why SAC drifts on the centred energy: what each reward pays the scripted expert, phase by phase, and after success.

    python -m benchmarks.reward_drift    # two minutes, after the reward models of `laptop`

A reward that is an advantage pays the expert the same in every state. What differs by phase is an incentive to be
somewhere rather than to act well; what is paid after success is an incentive not to finish (or, if success ends the
episode, never to succeed). Initial states are those of training; the evaluation's are not touched.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from energyflow.agents.relabel import Floats, Record
from energyflow.config import layout
from energyflow.config.sections import ShapeParams
from energyflow.core.files import write_csv
from energyflow.core.seeding import generator
from energyflow.envs.simulator import Array, Expert, Simulator
from energyflow.envs.tasks import make_env
from energyflow.pipeline import params as params_module
from energyflow.rewards.sources import make_source
from energyflow.rewards.windows import Index

SOURCES = ("raw_energy", "centered_energy", "centered_energy_bounded")
TABLE = Path("benchmarks/reward_drift.csv")
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
            row: dict[str, Any] = {"seed": seed, "sigma": params.source_params["sigma"], "source": name, "actor": actor}
            row["success"] = np.mean([run.success.any() for run in runs])
            for index, phase in enumerate(PHASES):
                row[phase] = all_rewards[where == index].mean() if (where == index).any() else np.nan
            row["return"] = np.mean([r.sum() for r in rewards])
            row["of it after success"] = all_rewards[where == 3].sum() / len(runs)
            rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Measure, write `benchmarks/reward_drift.csv`, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="metaworld/button_press")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the reward models")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--sigmas", type=float, nargs="+", default=[0.01007, 0.1, 1.0])
    given = parser.parse_args()
    p = params_module.load(preset="laptop")
    shape, found = p.of(given.task).shape["raw_energy"], layout.patterns(p.preset)
    (demos,) = layout.expand(found["collect"][:1], p, task=[given.task])
    tables = []
    for seed, sigma in itertools.product(given.seeds, given.sigmas):
        (model,) = layout.expand(found["reward_model"][:1], p, model=["energyflow"], task=[given.task], seed=[seed])
        section = shape.model_copy(update={"source_params": {**shape.source_params, "sigma": sigma}})
        tables.append(measure(given.task, Path(model), Path(demos), section, seed, given.episodes))
    table = pd.concat(tables, ignore_index=True)
    write_csv(TABLE, table.round(4))
    print(table.to_string(index=False, float_format=lambda x: f"{x:.2f}" if abs(x) >= 0.02 else f"{x:.4f}"))


if __name__ == "__main__":
    main()

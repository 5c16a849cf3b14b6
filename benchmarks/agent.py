"""Which soft actor-critic learns within the budget of `shape`: trials of the dense oracle alone, no other source.

    python -m benchmarks.agent            # two hours on 2 cores; finished runs are kept

Every agent gets the same steps of the simulator (twice as many where it is called `long`) and training seeds, which no
result uses; nor do results meet the initial states of its marks. The agent is chosen by the oracle, so that the choice
can favour no learned reward: the one that solves most tasks (at least 80 % at the last mark, by every seed), and of
equal ones the one with the largest mean success over tasks and marks. Writes a row for each mark to
`benchmarks/agent.csv`, and prints the summary.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from benchmarks.trials import carry_out, demonstrations, marks
from energyflow.agents.agent import Agent
from energyflow.agents.sac import train_sac
from energyflow.config.sections import ShapeParams
from energyflow.core.files import write_csv
from energyflow.datasets.format import load_demos
from energyflow.envs.simulator import Simulator
from energyflow.envs.tasks import make_env, suite_of
from energyflow.networks.normalizer import Normalizer
from energyflow.pipeline import params as params_module
from energyflow.pipeline.sections import COLLECT_SEEDS
from energyflow.rewards.adversarial import statistics
from energyflow.rewards.dense import Dense

TASKS = (
    "metaworld/button_press",
    "metaworld/drawer_open",
    "metaworld/assembly",
    "metaworld/bin_picking",
    "metaworld/hammer",
    "robomimic/lift",
)
PRESET = "laptop"
PLAIN = {"layer_norm": False, "n_step": 1, "action_repeat": 1, "gradient_steps": 1}  # whatever the preset has by now
LEARNER = {"layer_norm": True, "n_step": 3}
LONG = {"steps": 40_000, "eval_every": 8000}
PAIRED = {"action_repeat": 2, **LEARNER}
AGENTS: dict[str, dict[str, Any]] = {  # what is otherwise than Stable-Baselines3's; `standardize` is of the trial
    "plain": {},
    "repeat": {"action_repeat": 2},
    "learner_long": LEARNER | LONG,
    "paired": PAIRED,
    "paired_2": PAIRED | {"gradient_steps": 2},
    "paired_4": PAIRED | {"gradient_steps": 4},
    "paired_long": PAIRED | LONG,
    "paired_2_long": PAIRED | {"gradient_steps": 2} | LONG,
    "paired_2_standard": PAIRED | {"gradient_steps": 2, "standardize": True},
    "paired_2_wide": PAIRED | {"gradient_steps": 2, "hidden": [256, 256], "batch_size": 256},
    "demos": LEARNER | {"demo_share": 0.5},
    "demos_2": LEARNER | {"demo_share": 0.5, "gradient_steps": 2},
    "demos_standard": LEARNER | {"demo_share": 0.5, "standardize": True},
}
SEEDS = (100, 101, 102, 103)
MARKS = {"steps": 20_000, "eval_every": 4000, "eval_episodes": 10, "horizon": 200}
OUT = Path("results/agent")
TABLE = Path("benchmarks/agent.csv")
TRIAL = ["task", "agent", "seed"]


def build(simulator: Simulator, params: ShapeParams, seed: int, *, normalizer: Normalizer | None) -> Agent:
    """An agent, on standardised observations where there is a normalizer."""
    return Agent(simulator.obs_dim, simulator.action_dim, params, seed, normalizer)


def trial(task: str, agent: str, seed: int) -> pd.DataFrame:
    """Train one agent on the simulator's dense reward, unless that was done before; return a row for each mark."""
    torch.set_num_threads(1)
    out = OUT / task / agent / f"seed{seed}.csv"
    if out.is_file():
        return pd.read_csv(out)
    sections = params_module.load(preset=PRESET).of(task)
    own = dict(AGENTS[agent])
    demos = load_demos(demonstrations(task, PRESET, OUT))
    normalizer = statistics(demos) if own.pop("standardize", False) else None
    held_out = {"eval_seed": sections.collect.seed + COLLECT_SEEDS}
    params = ShapeParams(**sections.shape["dense"].model_dump() | PLAIN | MARKS | held_out | own)
    started = time.process_time()
    _, rows = train_sac(
        lambda: make_env(task),
        Dense(suite_of(task).best_reward),
        params,
        seed,
        terminate=False,
        demos=demos.episodes if params.demo_share else None,
        build=partial(build, normalizer=normalizer),
    )
    about = dict(zip(TRIAL, (task, agent, seed), strict=True))
    found = marks(rows["curve"], time.process_time() - started, about)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_csv(out, found)
    return found


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """One row for each agent: tasks solved, mean success over all marks, success at the last mark of each task."""
    last = found.groupby(TRIAL).tail(1)
    worst = last.groupby(["agent", "task"])["success"].min().unstack()
    ends = last.groupby(["agent", "task"])["success"].mean().unstack()
    table = ends.assign(
        solved=(worst >= 0.8).sum(axis=1),
        marks=found.groupby("agent")["success"].mean(),
        cpu_seconds=found.groupby("agent")["cpu_seconds"].mean(),
    )
    ordered: pd.DataFrame = table.sort_values(["solved", "marks"], ascending=False)
    return ordered.round(3)


def main() -> None:
    """Run the trials, in parallel, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trials at once, one core each")
    parser.add_argument("--agents", nargs="+", default=list(AGENTS), choices=AGENTS, help="default: all")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS, help="default: all")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS), help="default: both")
    given = parser.parse_args()
    for task in given.tasks:
        demonstrations(task, PRESET, OUT)
    trials = [(task, agent, seed) for seed, task, agent in itertools.product(given.seeds, given.tasks, given.agents)]
    found = carry_out(trial, trials, TRIAL, TABLE, given.jobs)
    print(summary(found).to_string())


if __name__ == "__main__":
    main()

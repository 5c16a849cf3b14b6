"""The numbers of the reward sources: as many trials for each source that has one, on seeds that no result uses.

    python -m benchmarks.source            # half an hour on 2 cores; finished runs are kept

Each gets four values of the number that matters most to it, the agents of the study of the rewards for half their
steps, and training seeds, reward models and initial states that no result uses. The energies share a model and the
noise level that it is read at, so that one of them stands for all; sources without a number have no trial. The value
with the largest mean success over both tasks and all marks is the one in params.yaml; of equal ones, the published.
Writes a row for each mark to `benchmarks/source.csv`, and prints the summary.
"""

from __future__ import annotations

import argparse
import itertools
import os
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from benchmarks.trials import FIRST_SEED, carry_out, demonstrations
from energyflow.agents.sac import run_shape
from energyflow.config.sections import ShapeParams
from energyflow.core.files import read_json
from energyflow.learning.trainer import train
from energyflow.pipeline import params as params_module
from energyflow.pipeline.sections import COLLECT_SEEDS
from energyflow.rewards.registry import SOURCES
from energyflow.studies.rewards import resolve

PRESET = "laptop"
SCRATCH, SHOWN = "scratch", "demonstrations"  # the preset's own agent, and that variant of the study of the rewards
TASKS = {"metaworld/button_press": SCRATCH, "metaworld/drawer_open": SHOWN}  # the oracle solves them so
GRID: dict[str, tuple[str, tuple[float, ...]]] = {
    "centered_energy": ("sigma", (0.0101, 0.1, 0.3, 1.0)),  # the first is the paper's
    "near": ("rise", (0.005, 0.02, 0.1, 0.5)),  # 0.02 [code]
    "gail": ("learning_rate", (1.0e-4, 3.0e-4, 1.0e-3, 3.0e-3)),  # 3.0e-4 [code]
    "airl": ("learning_rate", (1.0e-4, 3.0e-4, 1.0e-3, 3.0e-3)),  # likewise
}
SEEDS = (FIRST_SEED, FIRST_SEED + 1)
OUT = Path("results/source")
TABLE = Path("benchmarks/source.csv")
TRIAL = ["task", "source", "value", "seed"]


def section(task: str, source: str, value: float) -> ShapeParams:
    """What an agent reads."""
    p = params_module.load(preset=PRESET)
    own = p.of(task).shape[source] if TASKS[task] == SCRATCH else resolve.section(p, SHOWN, task, source)
    changes: dict[str, Any] = {"source_params": own.source_params | {GRID[source][0]: value}}
    changes |= {"steps": own.steps // 2, "eval_seed": p.of(task).collect.seed + COLLECT_SEEDS}
    return own.model_copy(update=changes)


def reward_model(task: str, source: str, seed: int) -> Path | None:
    """The model that a source reads, trained if it is not there."""
    name = SOURCES[source].model
    if name is None:
        return None
    out = OUT / task / name / f"seed{seed}"
    if not (out / "run.json").is_file():
        train(
            task,
            seed,
            params_module.load(preset=PRESET).of(task).reward_model[name],
            demonstrations(task, PRESET, OUT),
            out,
        )
    return out / "model.safetensors"


def trial(task: str, source: str, value: float, seed: int) -> pd.DataFrame:
    """Train an agent on a source with one value of its number, unless that was done; return a row for each mark."""
    torch.set_num_threads(1)
    out = OUT / task / source / f"{value:g}" / f"seed{seed}"
    if not (out / "run.json").is_file():
        model = reward_model(task, source, seed)
        run_shape(task, source, seed, section(task, source, value), model, demonstrations(task, PRESET, OUT), out)
    found = pd.read_csv(out / "curve.csv").groupby("step")["success"].agg(["size", "mean"]).reset_index()
    identity: dict[str, Any] = dict(zip(TRIAL, (task, source, value, seed), strict=True))
    rows = pd.DataFrame([identity] * len(found)).join(found.rename(columns={"size": "n", "mean": "success"}))
    return rows.assign(cpu_seconds=read_json(out / "run.json")["cpu_seconds"])


def main() -> None:
    """Run the trials, in parallel, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trials at once, one core each")
    parser.add_argument("--sources", nargs="+", default=list(GRID), choices=GRID, help="default: all")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS, help="default: both")
    given = parser.parse_args()
    for task, source, seed in itertools.product(given.tasks, given.sources, SEEDS):  # before two trials want the same
        demonstrations(task, PRESET, OUT)
        reward_model(task, source, seed)
    trials = [
        (task, source, value, seed)
        for task, source, seed in itertools.product(given.tasks, given.sources, SEEDS)
        for value in GRID[source][1]
    ]
    found = carry_out(trial, trials, TRIAL, TABLE, given.jobs)
    table = found.pivot_table(index=["source", "value"], columns="task", values="success")
    print((100 * table.assign(mean=table.mean(axis=1))).round(1).to_string())


if __name__ == "__main__":
    main()

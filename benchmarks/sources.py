"""Would other numbers let a source train the agent? As many trials for each source, on seeds that no result uses.

    python -m benchmarks.sources    # two hours on 2 cores; finished runs are kept

Every learned source gets three values of one number of its own, the preset's among them, or of its unit where it has
none that matters; with the preset's agent, from scratch, on the task that the oracle solves. Results use the values of
`params.yaml`, the published ones where there are any: this says what that costs a source, and whether a comparison of
sources is one of their numbers. Writes the success at each mark to `benchmarks/sources.csv`, and prints the summary.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from benchmarks.trials import FIRST_SEED, carry_out, demonstrations, marks
from energyflow.agents.sac import train_sac
from energyflow.core.files import write_csv
from energyflow.envs.tasks import make_env
from energyflow.learning.trainer import train
from energyflow.pipeline import params as params_module
from energyflow.pipeline.sections import COLLECT_SEEDS
from energyflow.rewards.registry import SOURCES
from energyflow.rewards.sources import ends_at_success, make_source

PRESET, TASK = "laptop", "metaworld/button_press"
LEVELS, UNITS = ("sigma", (0.01007, 0.1, 0.3)), ("unit", (0.5, 1.0, 2.0))
NUMBERS: dict[str, tuple[str, tuple[float, ...]]] = {  # source -> a key of its own, or of `shape`, and its values
    "raw_energy": LEVELS,
    "centered_energy": LEVELS,
    "likelihood": UNITS,
    "ebil": UNITS,
    "iq_learn": UNITS,
    "near": ("scale", (1.0, 10.0, 100.0)),
    "gail": ("learning_rate", (1e-4, 3e-4, 1e-3)),
    "airl": ("learning_rate", (1e-4, 3e-4, 1e-3)),
}
SEEDS = (FIRST_SEED, FIRST_SEED + 1)
OUT, TABLE = Path("results/sources"), Path("benchmarks/sources.csv")
TRIAL = ["source", "value", "seed"]


def reward_model(source: str, seed: int) -> Path | None:
    """The model that a source reads, trained here unless that was done before."""
    name = SOURCES[source].model
    if name is None:
        return None
    out = OUT / "models" / name / f"seed{seed}"
    if not (out / "run.json").is_file():
        own = params_module.load(preset=PRESET).of(TASK).reward_model[name]
        train(TASK, seed, own, demonstrations(TASK, PRESET, OUT), out)
    return out / "model.safetensors"


def trial(source: str, value: float, seed: int) -> pd.DataFrame:
    """Train one agent, unless that was done before; return a row for each mark."""
    torch.set_num_threads(1)
    out = OUT / source / f"{value:g}" / f"seed{seed}.csv"
    if out.is_file():
        return pd.read_csv(out)
    sections, key = params_module.load(preset=PRESET).of(TASK), NUMBERS[source][0]
    params = sections.shape[source]
    held_out: dict[str, Any] = {"eval_seed": sections.collect.seed + COLLECT_SEEDS}
    own = {key: value} if key in type(params).model_fields else {"source_params": params.source_params | {key: value}}
    params = params.model_copy(update=held_out | own)
    demos, started = demonstrations(TASK, PRESET, OUT), time.process_time()
    told = make_source(source, TASK, params, seed, reward_model(source, seed), demos)
    _, rows = train_sac(lambda: make_env(TASK), told, params, seed, terminate=ends_at_success(source, params))
    about = dict(zip(TRIAL, (source, value, seed), strict=True))
    found = marks(rows["curve"], time.process_time() - started, about)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_csv(out, found)
    return found


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """One row for each source and value: success over all marks, and at the last one of each seed."""
    by = ["source", "value"]
    last = found.groupby(TRIAL).tail(1).pivot(index=by, columns="seed", values="success").add_prefix("seed ")
    return last.assign(marks=found.groupby(by)["success"].mean()).round(3)


def main() -> None:
    """Train the models, run the trials, in parallel, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trials at once, one core each")
    parser.add_argument("--sources", nargs="+", default=list(NUMBERS), choices=NUMBERS, help="default: all")
    given = parser.parse_args()
    demonstrations(TASK, PRESET, OUT)
    for source, seed in itertools.product(given.sources, SEEDS):
        reward_model(source, seed)
    trials = [(source, value, seed) for source in given.sources for value in NUMBERS[source][1] for seed in SEEDS]
    print(summary(carry_out(trial, trials, TRIAL, TABLE, given.jobs)).to_string())


if __name__ == "__main__":
    main()

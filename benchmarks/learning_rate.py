"""Learning rate and evaluations of each method, picked on initial states and training seeds that no result uses.

    python -m benchmarks.learning_rate            # hours on 2 cores; finished runs are kept

Every method gets the same trials: the same rates on four tasks of both suites, two training seeds, the preset's own
demonstrations, network and steps, and episodes from initial states that neither collection nor evaluation meets, by
both decoders and with few and many network evaluations; `LOWER` has three more rates for one of them. Methods trained
in the simulator have none: theirs is the rate of `shape`, whatever the reward. Writes a row for each trial, decoder and
number of evaluations to `benchmarks/learning_rate.csv`, where rows of trials that were not asked for stay, and prints
the mean success by method and rate.
"""

from __future__ import annotations

import argparse
import itertools
import os
from pathlib import Path

import pandas as pd
import torch

from benchmarks.trials import carry_out, demonstrations
from energyflow.core.files import read_json
from energyflow.learning.evaluation import evaluate
from energyflow.learning.trainer import train
from energyflow.pipeline import params as params_module
from energyflow.pipeline.sections import COLLECT_SEEDS
from energyflow.policies.registry import policies

TASKS = {  # task -> preset
    "metaworld/assembly": "laptop",
    "metaworld/bin_picking": "laptop",
    "robomimic/square": "robomimic",
    "robomimic/tool_hang": "robomimic",
}
RATES = (1e-3, 2e-3, 4e-3, 8e-3)
LOWER = {"iq_learn_offline": (1.25e-4, 2.5e-4, 5e-4)}  # published: 3e-4; the upper two of the others leave it at 0 %
EVALUATIONS = (3, 10)  # of a sampled plan
SEEDS = (100, 101)  # of training; results use those of the preset
EPISODES = 25
OUT = Path("results/learning_rate")
TABLE = Path("benchmarks/learning_rate.csv")
TRIAL = ["task", "method", "lr", "seed"]


def trial(task: str, method: str, rate: float, seed: int) -> pd.DataFrame:
    """Train and evaluate one policy, unless both were done before; return its rows."""
    torch.set_num_threads(1)
    sections = params_module.load(preset=TASKS[task]).of(task)
    section = sections.train[method].model_copy(update={"lr": rate})
    own = section.method_params.get("nfe")  # a method that samples in one way alone is evaluated in that way
    states = {"episodes": EPISODES, "seed": sections.collect.seed + COLLECT_SEEDS}
    levels = {"0": sections.evaluate.levels["0"]}  # the unperturbed one alone
    held_out = sections.evaluate_levels().model_copy(update=states | {"levels": levels})
    out = OUT / task / method / f"{rate:g}" / f"seed{seed}"
    if not (out / "train/run.json").is_file():
        train(task, seed, section, demonstrations(task, TASKS[task], OUT), out / "train")
    parts = []
    for name, nfe in (("decoders", []), ("evaluations", [n for n in EVALUATIONS if own is not None and n != own])):
        if name == "evaluations" and not nfe:
            continue
        if not (out / name / "run.json").is_file():
            wanted = held_out.model_copy(update={"nfe": nfe} | ({"decoders": ["sample"]} if nfe else {}))
            evaluate(task, seed, wanted, out / "train/model.safetensors", out / name)
        parts.append(pd.read_csv(out / name / "episodes.csv"))
    found = pd.concat(parts).groupby(["decoder", "nfe"])["success"].agg(["size", "mean"]).reset_index()
    seconds = read_json(out / "train/run.json")["cpu_seconds"]
    identity = dict(zip(TRIAL, (task, method, rate, seed), strict=True)) | {"steps": section.steps}
    rows = found.rename(columns={"size": "n", "mean": "success"})
    return pd.DataFrame([identity] * len(rows)).join(rows).assign(train_cpu_seconds=seconds)


def main() -> None:
    """Run the trials, in parallel, and write the table."""
    # the slowest first, so that no core waits for them at the end
    methods = sorted(policies(online=False), key=lambda name: name != "implicit_bc")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trials at once, one core each")
    parser.add_argument("--methods", nargs="+", default=methods, choices=methods, help="default: all")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS, help="default: all")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS), help="default: both")
    given = parser.parse_args()
    trials = [
        (task, method, rate, seed)
        for seed, method, task in itertools.product(given.seeds, given.methods, given.tasks)
        for rate in (*LOWER.get(method, ()), *RATES)
    ]
    for task in given.tasks:
        demonstrations(task, TASKS[task], OUT)
    found = carry_out(trial, trials, TRIAL, TABLE, given.jobs)
    print((100 * found.pivot_table(index=["method", "decoder", "nfe"], columns="lr", values="success")).round(1))


if __name__ == "__main__":
    main()

"""Learning rate of the methods of `snakemake offline` on two-dimensional sets, from a seed that no result uses.

    python -m benchmarks.guidance_learning_rate   # minutes on 2 cores

Every method gets the same trials: four rates on two sets, one where all weights are bounded and one where few points
carry them. Writes `benchmarks/guidance_learning_rate.csv`, and prints the sliced distance to the exact law over that of
an exact sample, by method and rate.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import pandas as pd
import torch

from energyflow.core.files import write_csv
from energyflow.pipeline import params as params_module
from energyflow.studies.offline.checks.toys import rows
from energyflow.studies.offline.sections import Toys
from energyflow.studies.offline.study import section

SETS = ("8gaussians", "2spirals")
RATES = (1e-3, 2e-3, 4e-3, 8e-3)
SEED, BETAS = 99, [3.0, 10.0]
TABLE = Path("benchmarks/guidance_learning_rate.csv")


def trial(name: str, rate: float) -> pd.DataFrame:
    """Every method on one set at one rate."""
    torch.set_num_threads(1)
    own = section("toys", params_module.load(preset="laptop"))
    assert isinstance(own, Toys)
    changed = own.model_copy(update={"betas": BETAS, "fit": own.fit.model_copy(update={"lr": rate})})
    frame = pd.DataFrame(rows(name, SEED, changed, []))
    return frame.assign(lr=rate)[["subject", "lr", "beta", "method", "sliced_w2", "energy_distance"]]


def main() -> None:
    with ProcessPoolExecutor(2) as pool:
        table = pd.concat(pool.map(trial, *zip(*product(SETS, RATES), strict=True)))
    write_csv(TABLE, table.round(5))
    exact = table[table["method"] == "exact"].groupby("subject")["sliced_w2"].mean()
    table["ratio"] = table["sliced_w2"] / table["subject"].map(exact)
    learnt = table[~table["method"].isin(["exact", "resample"])]
    print(learnt.pivot_table("ratio", ["subject", "method"], "lr").round(2).to_string())
    print(learnt.pivot_table("ratio", "method", "lr").round(2).to_string())


if __name__ == "__main__":
    main()

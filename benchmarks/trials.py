"""How choices are tried out: on seeds and initial states that no result uses, each trial once, all in one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from energyflow.core.files import write_csv
from energyflow.datasets.collect import collect
from energyflow.pipeline import params as params_module

Trial = tuple[Any, ...]
FIRST_SEED = 100  # of training; results use those of the presets


def demonstrations(task: str, preset: str, out: Path) -> Path:
    """The demonstrations of the preset where they are, else such ones of our own, which no engine takes for its own."""
    folders = [Path("data", preset, task), out / task / "demonstrations"]
    for folder in folders:
        if all((folder / name).is_file() for name in ("manifest.json", "demos.hdf5")):  # of rows from git, one alone
            return folder / "demos.hdf5"
    own = folders[-1]
    own.mkdir(parents=True, exist_ok=True)
    collect(task, params_module.load(preset=preset).of(task).collect, own)
    return own / "demos.hdf5"


def marks(curve: Sequence[dict[str, Any]], cpu_seconds: float, about: dict[str, Any]) -> pd.DataFrame:
    """A row for each mark of an agent: what tells the trial apart, step, n episodes, mean success, CPU seconds."""
    found = pd.DataFrame(curve).groupby("step")["success"].agg(["size", "mean"]).reset_index()
    found = found.rename(columns={"size": "n", "mean": "success"}).assign(cpu_seconds=cpu_seconds)
    return pd.DataFrame([about] * len(found)).join(found)


def carry_out(
    function: Callable[..., pd.DataFrame], trials: Sequence[Trial], keys: Sequence[str], table: Path, jobs: int
) -> pd.DataFrame:
    """Run trials in parallel; put their rows into a table, in the place of older rows of the same trials.

    Args:
        function: from the values of a trial to its rows.
        trials: values of `keys`.
        keys: columns that tell trials apart.
        table: a CSV file, written in the order of its keys.
        jobs: trials at once, one core each.

    Returns:
        The whole table.
    """
    with ProcessPoolExecutor(jobs) as pool:
        futures = [pool.submit(function, *which) for which in trials]
        try:
            found = pd.concat([f.result() for f in tqdm(as_completed(futures), total=len(futures), desc="trials")])
        except BaseException:
            pool.shutdown(cancel_futures=True)  # else those that wait would all be run first
            raise
    if table.is_file():
        kept = pd.read_csv(table)
        found = pd.concat([kept[~kept[list(keys)].apply(tuple, axis=1).isin(trials)], found])
    found = found.sort_values([*keys], ignore_index=True, kind="stable")
    write_csv(table, found)
    return found

"""What a method costs: parameters, training and evaluation seconds, sampler evaluations, latency, memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.report import names
from energyflow.report.rows import LATENCY_COLUMNS, identity, read_rows, require
from energyflow.report.statistics import resampled


def value(path: Path, record: dict[str, Any], *keys: str) -> Any:
    """A nested value of a JSON file.

    Raises:
        UserError: the key is not there; the message names the file and the key.
    """
    found: Any = record
    for key in keys:
        if not isinstance(found, dict) or key not in found:
            raise UserError(f"{path}: missing key '{'.'.join(keys)}'; delete it and run its stage again")
        found = found[key]
    return found


def number(path: Path, record: dict[str, Any], *keys: str) -> float:
    """A nested number of a JSON file.

    Raises:
        UserError: the key is not there, or is not a finite number.
    """
    found = value(path, record, *keys)
    if isinstance(found, bool) or not isinstance(found, int | float) or not np.isfinite(found):
        raise UserError(f"{path}: '{'.'.join(keys)}' is not a finite number (got {found!r})")
    return float(found)


def runs(paths: Sequence[Path], stage: str, wanted_by: str) -> pd.DataFrame:
    """One row per run.json of a stage: task, method, seed, seconds, peak memory, device, threads."""
    rows = []
    for path in require(paths, stage, "run.json", wanted_by):
        record = read_json(path)
        row: dict[str, Any] = {**identity(path)}
        row |= {key: number(path, record, key) for key in ("wall_seconds", "cpu_seconds", "peak_memory_mb")}
        row |= {"device": str(value(path, record, "device")), "threads": int(number(path, record, "threads"))}
        rows.append(row)
    return pd.DataFrame(rows)


def models(paths: Sequence[Path], wanted_by: str) -> pd.DataFrame:
    """One row per model.json: task, method, seed, parameters, steps, batch size, exec_horizon."""
    rows = []
    for path in require(paths, "train", "model.json", wanted_by):
        record = read_json(path)
        row: dict[str, Any] = {**identity(path)}
        row["parameters"] = int(number(path, record, "parameters"))
        row["exec_horizon"] = int(number(path, record, "spec", "exec_horizon"))
        row |= {key: int(number(path, record, "params", key)) for key in ("steps", "batch_size")}
        rows.append(row)
    return pd.DataFrame(rows)


def cost(paths: Sequence[Path], params: ReportParams) -> pd.DataFrame:
    """Cost of each method.

    Latency is that of one plan at batch size 1; an executed action costs that divided by `exec_horizon`,
    because one plan serves so many control steps. Both are of the first task, whose model is timed: others may execute
    fewer steps of a chunk.

    Returns:
        One row per method; columns in results/README.md.

    Raises:
        UserError: an input is missing or incomplete, or the models of one method differ in size.
    """
    train, model = runs(paths, "train", "table cost"), models(paths, "table cost")
    evaluated = runs(paths, "evaluate", "table cost")
    latency = read_rows(require(paths, "latency", "latency.csv", "table cost"), LATENCY_COLUMNS)
    out = []
    for method in names.in_order(train["method"], "method"):
        made = model[model["method"] == method]
        timed = latency[(latency["method"] == method) & (latency["batch"] == 1)]
        if made.empty or timed.empty:
            raise UserError(f"table cost: method '{method}' has no {'model.json' if made.empty else 'latency.csv'}")
        horizons = made.loc[made["task"] == made["task"].iloc[0], "exec_horizon"]
        if horizons.nunique() > 1 or timed["nfe"].nunique() > 1:
            raise UserError(f"table cost: the runs of method '{method}' differ in exec_horizon or NFE")
        trained = train[train["method"] == method]
        horizon = int(horizons.iloc[0])
        row: dict[str, Any] = {"method": method, "network": timed["network"].iloc[0]}
        row |= {"parameters": int(made["parameters"].max()), "steps": int(made["steps"].max())}
        row |= {"runs": len(trained)} | resampled(
            "train_seconds", trained["wall_seconds"], params, f"bootstrap train_seconds {method}"
        )
        row |= {"train_cpu_seconds": float(trained["cpu_seconds"].mean()), "nfe": int(timed["nfe"].iloc[0])}
        row |= {"repeats": len(timed)} | resampled(
            "ms_per_plan",
            timed["ms"],
            params,
            f"bootstrap ms_per_plan {method}",
            np.median,  # a hiccup would carry a mean
        )
        row |= {"exec_horizon": horizon, "ms_per_action": row["ms_per_plan"] / horizon}
        seconds = evaluated.loc[evaluated["method"] == method, "wall_seconds"]
        row["evaluate_seconds"] = float(seconds.mean()) if len(seconds) else None
        row["peak_memory_mb"] = float(trained["peak_memory_mb"].max())
        row |= {"device": _joined(trained["device"]), "threads": _joined(trained["threads"])}
        out.append(row)
    return pd.DataFrame(out)


def _joined(values: pd.Series) -> str:
    return ", ".join(sorted({str(v) for v in values}))

"""What a method costs: parameters, training and evaluation seconds, evaluations, latency, memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.report import names
from energyflow.report.recorded import Training, recorded, trained, training
from energyflow.report.rows import LATENCY_COLUMNS, read_rows, require
from energyflow.report.statistics import resampled
from energyflow.report.summaries import scopes


def latencies(paths: Sequence[Path], wanted_by: str) -> pd.DataFrame:
    """Milliseconds of single plans at batch size 1."""
    rows = read_rows(require(paths, "latency", "latency.csv", wanted_by), LATENCY_COLUMNS)
    return rows[rows["batch"] == 1]


def cpu_seconds(paths: Sequence[Path], params: ReportParams, wanted_by: str) -> pd.DataFrame:
    """CPU seconds of a training run by scope and method: mean and interval over the runs of its tasks.

    Returns:
        Columns task, method, train_cpu_seconds, train_cpu_seconds_low, train_cpu_seconds_high; an average only of
        methods that were trained on every task of the suite.
    """
    runs = training(paths, wanted_by)
    out = []
    for scope, tasks in scopes(runs["task"]).items():
        for method in names.in_order(runs["method"], "method"):
            own = runs[(runs["method"] == method) & runs["task"].isin(tasks)]
            if set(own["task"]) == set(tasks):
                purpose = f"bootstrap train_cpu_seconds {scope} {method}"
                about = {"task": scope, "method": method}
                out.append(about | resampled("train_cpu_seconds", own["cpu_seconds"], params, purpose))
    return pd.DataFrame(out)


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
    train, model = training(paths, "table cost"), trained(paths, "table cost")
    evaluated = recorded(paths, "evaluate", "run.json", Training, "table cost")
    latency = latencies(paths, "table cost")
    out = []
    for method in names.in_order(train["method"], "method"):
        made, timed = model[model["method"] == method], latency[latency["method"] == method]
        if made.empty or timed.empty:
            raise UserError(f"table cost: method '{method}' has no {'model.json' if made.empty else 'latency.csv'}")
        horizons = made.loc[made["task"] == made["task"].iloc[0], "exec_horizon"]
        if horizons.nunique() > 1 or timed["nfe"].nunique() > 1:
            raise UserError(f"table cost: the runs of method '{method}' differ in exec_horizon or NFE")
        runs = train[train["method"] == method]
        horizon = int(horizons.iloc[0])
        row: dict[str, Any] = {"method": method, "network": timed["network"].iloc[0]}
        row |= {"parameters": int(made["parameters"].max()), "steps": int(made["steps"].max())}
        row |= {"runs": len(runs)} | resampled(
            "train_seconds", runs["wall_seconds"], params, f"bootstrap train_seconds {method}"
        )
        row |= {"train_cpu_seconds": float(runs["cpu_seconds"].mean()), "nfe": int(timed["nfe"].iloc[0])}
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
        row["peak_memory_mb"] = float(runs["peak_memory_mb"].max())
        row |= {"device": _joined(runs["device"]), "threads": _joined(runs["threads"])}
        out.append(row)
    return pd.DataFrame(out)


def _joined(values: pd.Series) -> str:
    return ", ".join(sorted({str(v) for v in values}))

"""What a method costs: parameters, training and evaluation seconds, sampler evaluations, latency, memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import AliasPath, BaseModel, ConfigDict, Field, ValidationError

from energyflow.config.section import describe
from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.report import names
from energyflow.report.rows import LATENCY_COLUMNS, identity, read_rows, require
from energyflow.report.statistics import resampled


class Record(BaseModel):
    """What a file says beside much else."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Training(Record):
    """What a run.json says that costs are made of."""

    wall_seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    device: str
    threads: int


class Trained(Record):
    """What a model.json says that costs and captions are made of."""

    parameters: int
    exec_horizon: int = Field(validation_alias=AliasPath("spec", "exec_horizon"))
    steps: int = Field(validation_alias=AliasPath("params", "steps"))
    batch_size: int = Field(validation_alias=AliasPath("params", "batch_size"))


RECORDS: dict[str, type[Record]] = {"run.json": Training, "model.json": Trained}


def recorded(paths: Sequence[Path], stage: str, file: str, wanted_by: str) -> pd.DataFrame:
    """One row per record of a stage: task, method, seed, and the fields of its class in `RECORDS`.

    Raises:
        UserError: there is none, or one lacks a number; the message names the file and the key.
    """
    rows = []
    for path in require(paths, stage, file, wanted_by):
        try:
            record = RECORDS[file].model_validate(read_json(path))
        except ValidationError as error:
            raise UserError(f"{path}: {describe(error)}; delete it and run its stage again") from None
        rows.append(identity(path) | record.model_dump())
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
    train, model = (recorded(paths, "train", file, "table cost") for file in ("run.json", "model.json"))
    evaluated = recorded(paths, "evaluate", "run.json", "table cost")
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

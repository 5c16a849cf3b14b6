"""What rollouts in a user's own environment came to, in a line a decoder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from energyflow.config.sections import ReportParams
from energyflow.report.rows import read_rows, read_table
from energyflow.report.statistics import cell, draws, percentiles, replicate, wilson

KEYS = ("decoder", "seed", "env_seed", "return")


def summary(file: Path, params: ReportParams) -> list[str]:
    """Success, where the environment says it, with Wilson's interval, and return with a bootstrap one, over episodes.

    Args:
        file: `episodes.csv` of one checkpoint.
        params: confidence, number of resamples.
    """
    said = ("success",) if "success" in read_table(file, KEYS) else ()
    lines = []
    for decoder, rows in read_rows([file], (*KEYS, *said)).groupby("decoder", sort=False):
        found = [_success(rows, params.confidence)] if said else []
        found.append(_return(rows, params, f"return {decoder}"))
        lines.append(f"{decoder}: {', '.join(found)}; {len(rows)} episodes, {100 * params.confidence:g} % intervals")
    return lines


def _success(rows: pd.DataFrame, confidence: float) -> str:
    low, high = wilson(float(rows["success"].sum()), len(rows), confidence)
    return f"success {100 * rows['success'].mean():.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


def _return(rows: pd.DataFrame, params: ReportParams, purpose: str) -> str:
    outcomes = cell(rows, "return")
    low, high = percentiles(replicate(outcomes, *draws(outcomes, params, purpose)).mean(axis=1), params.confidence)
    return f"return {rows['return'].mean():.4g} [{low:.4g}, {high:.4g}]"

"""Episodes -> one row per cell, in percent: success, NFE sweep; and training losses. Levels: robustness.py.

A cell's interval is the same in every table and figure that shows it, because its resamples are named after
the cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.report import names, published
from energyflow.report.comparisons import paired
from energyflow.report.rows import EPISODE_COLUMNS, LOSS_COLUMNS, identity, read_rows, require, select
from energyflow.report.statistics import Cell, Estimate, cell, estimate, measured, numbers

Key = tuple[str, str, str]  # task, method, level
Cells = dict[Key, Cell]


def episodes(paths: Sequence[Path], wanted_by: str) -> pd.DataFrame:
    """Rows of the level evaluations of all methods, by either decoder, and of the expert where its are given."""
    rows = read_rows(require(paths, "evaluate", "episodes.csv", wanted_by), EPISODE_COLUMNS)
    expert = select(paths, "expert", "episodes.csv")
    if not expert:
        return rows
    own = dict.fromkeys(("method", "decoder"), names.EXPERT) | {"nfe": 0}  # it has neither decoder nor sampler
    columns = [c for c in EPISODE_COLUMNS if c not in own]
    return pd.concat([rows, read_rows(expert, columns).assign(**own)], ignore_index=True)


def sweep(paths: Sequence[Path], wanted_by: str) -> pd.DataFrame:
    """Rows of the NFE sweep (unperturbed level)."""
    return read_rows(require(paths, "nfe", "episodes.csv", wanted_by), EPISODE_COLUMNS)


def decoded(rows: pd.DataFrame, decoder: str) -> pd.DataFrame:
    """Rows by one decoder, and those of the expert, who has none."""
    return rows[rows["decoder"].isin([decoder, names.EXPERT])]


def by_decoder(rows: pd.DataFrame) -> dict[str, Cells]:
    """Cells by `sample` and by `mean`, the expert's among either; only its own where a decoder was not run."""
    return {decoder: cells(decoded(rows, decoder)) for decoder in (names.SAMPLE, names.MEAN)}


def cells(rows: pd.DataFrame, level: str = "level") -> Cells:
    """Group rows of one decoder by task, method and level (or a column that plays its part, such as `nfe`)."""
    grouped = rows.groupby(["task", "method", level], sort=False)
    return {(str(t), str(m), str(v)): cell(group) for (t, m, v), group in grouped}


def scopes(tasks: Iterable[str]) -> dict[str, list[str]]:
    """What the rows of a table speak about: each task by itself, then the average over each suite."""
    found = list(dict.fromkeys(tasks))
    inside = {suite: [t for t in found if names.suite(t) == suite] for suite in map(names.suite, found)}
    averages = {f"{s}/{names.AVERAGE}": members for s, members in inside.items() if len(members) > 1}
    return {task: [task] for task in found} | averages


def overall(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of the average over the tasks of the first suite, or of the only task."""
    averages = [task for task in frame["task"] if names.is_average(task)]
    chosen: str = averages[0] if averages else str(frame["task"].iloc[0])
    return frame[frame["task"] == chosen]


def tasks_of(grid: Cells) -> list[str]:
    """Tasks, as they appear."""
    return list(dict.fromkeys(task for task, _, _ in grid))


def methods(grid: Cells) -> list[str]:
    """Methods in the order of the tables; the expert last."""
    found = names.in_order((m for _, m, _ in grid), "method")
    return [m for m in found if m != names.EXPERT] + [m for m in found if m == names.EXPERT]


def levels(grid: Cells) -> list[str]:
    """Levels by size."""
    return sorted({v for _, _, v in grid}, key=names.level_key)


def pick(grid: Cells, tasks: Sequence[str], method: str, level: str) -> list[Cell] | None:
    """Cells of one row of a table; None where a task lacks one, for an average over fewer would mislead."""
    keys = [(task, method, level) for task in tasks]
    return [grid[key] for key in keys] if all(key in grid for key in keys) else None


def success(rows: pd.DataFrame, params: ReportParams) -> pd.DataFrame:
    """Success at the unperturbed level by either decoder, beside the published numbers.

    The expert has no decoder: its success stands in the columns of both.

    Args:
        rows: from `episodes`.
        params: confidence, number of resamples, seed.

    Returns:
        One row per scope and method; columns in results/README.md.

    Raises:
        UserError: no episode at level "0".
    """
    base = rows[rows["level"] == names.BASE_LEVEL]
    if base.empty:
        raise UserError(f"no episodes at level '{names.BASE_LEVEL}'; found: {', '.join(sorted(set(rows['level'])))}")
    grid = by_decoder(base)
    every = grid[names.SAMPLE] | grid[names.MEAN]
    out = []
    for scope, tasks in scopes(tasks_of(every)).items():
        for method in methods(every):
            found = {d: pick(grid[d], tasks, method, names.BASE_LEVEL) for d in grid}
            shown = {d: estimate(c, params, f"{scope} {method} {names.BASE_LEVEL}") for d, c in found.items() if c}
            if not shown:
                continue
            first = next(iter(shown.values()))
            row: dict[str, Any] = {"task": scope, "method": method, "n": first.n, "seeds": first.seeds}
            for decoder, own in found.items():
                row |= numbers(f"by_{decoder}", shown.get(decoder))
                row[f"worst_seed_{decoder}"] = 100 * min(float(c.seed_means.min()) for c in own) if own else None
            row |= numbers("gain", _gain(found, method, params, scope))
            for decoder in grid:
                row |= numbers(f"difference_{decoder}", _difference(grid[decoder], tasks, method, params))
            out.append(row | _published(scope, method, shown, tasks_of(every)))
    return pd.DataFrame(out)


def _gain(found: dict[str, list[Cell] | None], method: str, params: ReportParams, scope: str) -> Estimate | None:
    """Success by mean minus success by sample: the same checkpoints on the same states."""
    mean, sample = found[names.MEAN], found[names.SAMPLE]
    if mean is None or sample is None or method == names.EXPERT:
        return None
    return paired(list(zip(mean, sample, strict=True)), params, f"{scope} {method} mean - sample", same_seeds=True)


def _difference(grid: Cells, tasks: list[str], method: str, params: ReportParams) -> Estimate | None:
    ours = pick(grid, tasks, method, names.BASE_LEVEL)
    reference = pick(grid, tasks, names.REFERENCE, names.BASE_LEVEL)
    if ours is None or reference is None or method == names.REFERENCE:
        return None
    purpose = f"{' '.join(tasks)} {method} - {names.REFERENCE}"
    return paired(list(zip(ours, reference, strict=True)), params, purpose)


def _published(scope: str, method: str, shown: dict[str, Estimate], tasks: list[str]) -> dict[str, Any]:
    paper = published.find(scope, method, tasks)
    covered = {
        f"covered_{decoder}": paper.overlaps(shown[decoder].scaled(100)) if paper and decoder in shown else None
        for decoder in (names.SAMPLE, names.MEAN)
    }
    return published.columns(paper) | covered


def nfe(rows: pd.DataFrame, params: ReportParams) -> pd.DataFrame:
    """Success against function evaluations of the sampler; one row per scope, method and NFE."""
    grid = cells(rows.assign(nfe=rows["nfe"].astype(int)), "nfe")
    out = []
    for scope, tasks in scopes(tasks_of(grid)).items():
        for method in methods(grid):
            for budget in sorted({int(v) for _, m, v in grid if m == method}):
                found = pick(grid, tasks, method, str(budget))
                if found is None:
                    continue
                value = estimate(found, params, f"{scope} {method} nfe {budget}")
                out.append({"task": scope, "method": method, "nfe": budget} | measured("success", value))
    return pd.DataFrame(out)


def losses(paths: Sequence[Path], wanted_by: str) -> pd.DataFrame:
    """Training losses: mean and range over seeds.

    Args:
        paths: train.csv files; task, method and seed are read from the path.
        wanted_by: name of the output, for the error message.

    Returns:
        Columns task, method, step, seeds, loss, loss_low, loss_high (lowest and highest seed).
    """
    parts = []
    for path in require(paths, "train", "train.csv", wanted_by):
        run = identity(path)
        frame = read_rows([path], LOSS_COLUMNS)
        parts.append(frame.assign(task=run["task"], method=run["method"]))
    grouped = pd.concat(parts, ignore_index=True).groupby(["task", "method", "step"], sort=False)["loss"]
    ends = {"loss": grouped.mean(), "loss_low": grouped.min(), "loss_high": grouped.max()}
    return pd.DataFrame({"seeds": grouped.size(), **ends}).reset_index()

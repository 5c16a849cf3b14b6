"""Episodes -> one row per cell, in percent: success, OOD levels, NFE sweep; and training losses.

A cell's interval is the same in every table and figure that shows it, because its resamples are named after
the cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.report import names, published
from energyflow.report.rows import EPISODE_COLUMNS, LOSS_COLUMNS, identity, read_rows, require, select
from energyflow.report.statistics import Cell, Estimate, cell, estimate, improvement, measured, numbers, paired, verdict

Key = tuple[str, str, str]  # task, method, level
Cells = dict[Key, Cell]


def episodes(paths: Sequence[Path], wanted_by: str) -> pd.DataFrame:
    """Rows of the level evaluations of all methods, and of the scripted expert where its files are given."""
    rows = read_rows(require(paths, "evaluate", "episodes.csv", wanted_by), EPISODE_COLUMNS)
    expert = select(paths, "expert", "episodes.csv")
    if not expert:
        return rows
    columns = [c for c in EPISODE_COLUMNS if c not in ("method", "nfe")]  # an expert has no sampler
    return pd.concat([rows, read_rows(expert, columns).assign(method=names.EXPERT, nfe=0)], ignore_index=True)


def sweep(paths: Sequence[Path], wanted_by: str) -> pd.DataFrame:
    """Rows of the NFE sweep (unperturbed level)."""
    return read_rows(require(paths, "nfe", "episodes.csv", wanted_by), EPISODE_COLUMNS)


def cells(rows: pd.DataFrame, level: str = "level") -> Cells:
    """Group rows by task, method and level (or a column that plays its part, such as `nfe`)."""
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
    """Success at the unperturbed level, beside the published numbers.

    Args:
        rows: from `episodes`.
        params: confidence, number of resamples, seed.

    Returns:
        One row per scope and method; columns in results/README.md.

    Raises:
        UserError: no episode at level "0".
    """
    grid = cells(rows[rows["level"] == names.BASE_LEVEL])
    if not grid:
        raise UserError(f"no episodes at level '{names.BASE_LEVEL}'; found: {', '.join(sorted(set(rows['level'])))}")
    out = []
    for scope, tasks in scopes(tasks_of(grid)).items():
        for method in methods(grid):
            found = pick(grid, tasks, method, names.BASE_LEVEL)
            if found is None:
                continue
            purpose = f"{scope} {method} {names.BASE_LEVEL}"
            value = estimate(found, params, purpose)
            row: dict[str, Any] = {"task": scope, "method": method} | measured("success", value)
            row |= numbers("iqm", estimate(found, params, purpose, "iqm"))
            row["worst_seed"] = 100 * min(float(c.seed_means.min()) for c in found)
            row |= numbers("difference", _difference(grid, tasks, method, params))
            out.append(row | _published(scope, method, value, tasks_of(grid)))
    return pd.DataFrame(out)


def _difference(grid: Cells, tasks: list[str], method: str, params: ReportParams) -> Estimate | None:
    ours = pick(grid, tasks, method, names.BASE_LEVEL)
    reference = pick(grid, tasks, names.REFERENCE, names.BASE_LEVEL)
    if ours is None or reference is None or method == names.REFERENCE:
        return None
    purpose = f"{' '.join(tasks)} {method} - {names.REFERENCE}"
    return paired(list(zip(ours, reference, strict=True)), params, purpose)


def _published(scope: str, method: str, value: Estimate, tasks: list[str]) -> dict[str, Any]:
    paper = published.find(scope, method, tasks)
    if paper is None:
        return dict.fromkeys(("published", "published_std", "published_on", "grade", "published_source", "covered"))
    return {
        "published": paper.value,
        "published_std": paper.std,
        "published_on": paper.demonstrations,
        "grade": paper.grade,
        "published_source": paper.source,
        "covered": value.scaled(100).covers(paper.value, published.ROUNDING),
    }


def ranking(rows: pd.DataFrame, params: ReportParams) -> pd.DataFrame:
    """Methods of each suite by interquartile mean, with the probability that they improve on the reference.

    `published` is the mean of the paper's numbers for the same tasks, empty where one of them is not known. The paper
    ranks the reference above a method with a lower number; `verdict` says what the runs say about that: `holds` or
    `contradicted` where the whole interval of `improvement` lies on one side of 50 %, else `undecided`. Methods
    that were not run on every task of the suite are left out.

    Args:
        rows: from `episodes`.
        params: confidence, number of resamples, seed.

    Returns:
        One row per suite and method, best first; columns in results/README.md.
    """
    grid = cells(rows[(rows["level"] == names.BASE_LEVEL) & (rows["method"] != names.EXPERT)])
    tasks = tasks_of(grid)
    out = []
    for suite in dict.fromkeys(map(names.suite, tasks)):
        inside = [task for task in tasks if names.suite(task) == suite]
        found = [_ranked(grid, suite, inside, method, params) for method in methods(grid)]
        frame = pd.DataFrame([row for row in found if row is not None])
        order = frame["iqm"].rank(ascending=False, method="min").astype(int)
        paper = frame["published"].rank(ascending=False, method="min")
        out.append(frame.assign(rank=order, published_rank=paper).sort_values("rank", kind="stable"))
    return pd.concat(out, ignore_index=True)


def _ranked(grid: Cells, suite: str, tasks: list[str], method: str, params: ReportParams) -> dict[str, Any] | None:
    found = pick(grid, tasks, method, names.BASE_LEVEL)
    if found is None:
        return None
    value = estimate(found, params, f"{suite}/{names.AVERAGE} {method} {names.BASE_LEVEL}", "iqm")
    row: dict[str, Any] = {"task": f"{suite}/{names.AVERAGE}", "method": method, "n": value.n, "seeds": value.seeds}
    row |= {"tasks": len(tasks)} | numbers("iqm", value)
    reference = pick(grid, tasks, names.REFERENCE, names.BASE_LEVEL)
    better = None
    if reference is not None and method != names.REFERENCE:
        pairs = list(zip(found, reference, strict=True))
        better = improvement(pairs, params, f"{suite} {method} > {names.REFERENCE}")
    ours, theirs = _paper_mean(tasks, method), _paper_mean(tasks, names.REFERENCE)
    row |= numbers("improvement", better) | {"published": ours, "verdict": None}
    if better is not None and ours is not None and theirs is not None and ours < theirs:
        row["verdict"] = verdict(better.high < 0.5, better.low > 0.5)
    return row


def _paper_mean(tasks: list[str], method: str) -> float | None:
    paper = [published.find(task, method, tasks) for task in tasks]
    values = [each.value for each in paper if each is not None]
    return float(np.mean(values)) if len(values) == len(tasks) else None


def ood(rows: pd.DataFrame, params: ReportParams) -> pd.DataFrame:
    """Success by perturbation level, the drop from level 0, and the expert as the ceiling.

    `solvable` is the success on those initial states of the level that the scripted expert itself solved.

    Returns:
        One row per scope, level and method; columns in results/README.md.
    """
    grid = cells(rows)
    out = []
    for scope, tasks in scopes(tasks_of(grid)).items():
        for level in levels(grid):
            expert = pick(grid, tasks, names.EXPERT, level)
            ceiling = estimate(expert, params, f"{scope} {names.EXPERT} {level}") if expert else None
            for method in methods(grid):
                found = pick(grid, tasks, method, level)
                if found is None:
                    continue
                value = estimate(found, params, f"{scope} {method} {level}")
                base = pick(grid, tasks, method, names.BASE_LEVEL)
                drop = None
                if base is not None and level != names.BASE_LEVEL:
                    pairs = list(zip(base, found, strict=True))
                    drop = paired(pairs, params, f"{scope} {method} 0 - {level}", same_seeds=True)
                row: dict[str, Any] = {"task": scope, "level": level, "method": method}
                row |= measured("success", value) | numbers("drop", drop)
                row["expert"] = None if ceiling is None else 100 * ceiling.mean
                out.append(row | _solvable(found, expert, params, f"{scope} {method} {level} solvable"))
    return pd.DataFrame(out)


def _solvable(
    found: list[Cell], expert: list[Cell] | None, params: ReportParams, purpose: str
) -> dict[str, float | int | None]:
    kept = []
    for ours, theirs in zip(found, expert or [], strict=bool(expert)):
        solved = np.nanmax(theirs.scores, axis=0) > 0
        states = [s for s, ok in zip(theirs.states, solved, strict=True) if ok and s in ours.states]
        if states:
            kept.append(ours.at(states))
    # A task without any solvable state has nothing to average: the row then speaks about the remaining tasks.
    value = estimate(kept, params, purpose) if kept else None
    return {"solvable_n": None if value is None else value.n, **numbers("solvable", value)}


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

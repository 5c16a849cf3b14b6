"""Success beyond the training range: by level, and of the reference against its rivals, with verdicts.

The paper claims that its method is more robust out of distribution than Diffusion Policy and Flow Policy. That can mean
two things, and both are tested at every level: a higher success there, and a smaller loss against the unperturbed
level. A level at which the scripted expert itself fails says nothing about policies: it gets no verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import AliasPath, Field

from energyflow.config.sections import Level, ReportParams
from energyflow.report import names
from energyflow.report.comparisons import paired, paired_change
from energyflow.report.recorded import Record, read_record
from energyflow.report.rows import select
from energyflow.report.statistics import Cell, Estimate, estimate, measured, numbers, verdict
from energyflow.report.summaries import Cells, by_decoder, levels, methods, pick, scopes

RIVALS = ("diffusion_policy", "flow_policy", "unconstrained")  # the paper's two, and the twin without the constraint
CEILING = 0.8  # a level at which the expert succeeds less often is used for no verdict
UNTESTABLE = "not testable"
DIFFERENCES = (
    *("task", "decoder", "level", "rival", "n", "seeds", "expert"),
    *("difference", "difference_low", "difference_high", "verdict"),
    *("relative", "relative_low", "relative_high", "verdict_relative"),
)


class Rollouts(Record):
    """What a run.json of rollouts says of their levels."""

    levels: dict[str, Level] = Field(validation_alias=AliasPath("params", "levels"))


@dataclass(frozen=True)
class Distances:
    """How far the levels move what.

    Attributes:
        axis: the parts of the scene, those that every level moves by one distance together: `hand / object and goal`.
        metres: distances by level, one for each of the parts, by size of the level.
    """

    axis: str
    metres: dict[str, tuple[str, ...]]

    def __str__(self) -> str:
        """In one sentence."""
        said = [f"{level} {' / '.join(parts)}" for level, parts in self.metres.items()]
        return f"Distances in metres ({self.axis}): {', '.join(said)}."


def distances(paths: Sequence[Path], wanted_by: str) -> Distances | None:
    """How far each level moves what: from the records of the expert's rollouts.

    Returns:
        None where tasks have different ones, or no task has an expert.

    Raises:
        UserError: a record does not say.
    """
    records = select(paths, "expert", "run.json")
    if not records:
        return None
    first, *others = (read_record(path, Rollouts).levels for path in records)
    if any(levels != first for levels in others):
        return None
    order = sorted(first, key=names.level_key)
    groups: dict[tuple[float, ...], list[str]] = {}
    for part in Level.model_fields:
        groups.setdefault(tuple(getattr(first[level], part) for level in order), []).append(part)
    metres = {name: tuple(f"{column[i]:g}" for column in groups) for i, name in enumerate(order)}
    return Distances(" / ".join(map(" and ".join, groups.values())), metres)


def ood(rows: pd.DataFrame, params: ReportParams) -> pd.DataFrame:
    """Success by decoder and perturbation level, the drop from level 0, and the expert as the ceiling.

    `solvable` is the success on those initial states of the level that the scripted expert itself solved.

    Args:
        rows: from `summaries.episodes`.
        params: confidence, number of resamples, seed.

    Returns:
        One row per scope, decoder, level and method, of the expert one per scope and level; columns in
        results/README.md.
    """
    grids = by_decoder(rows)
    out = []
    for scope, tasks in scopes(rows["task"]).items():
        for decoder, grid in grids.items():
            for level in levels(grid):
                expert, ceiling = _expert(grid, scope, tasks, level, params)
                for method in methods(grid):
                    own = names.EXPERT if method == names.EXPERT else decoder
                    found = pick(grid, tasks, method, level)
                    if found is None or (own == names.EXPERT and decoder != names.SAMPLE):
                        continue
                    value = estimate(found, params, f"{scope} {method} {level}")
                    base = pick(grid, tasks, method, names.BASE_LEVEL)
                    drop = None
                    if base is not None and level != names.BASE_LEVEL:
                        pairs = list(zip(base, found, strict=True))
                        drop = paired(pairs, params, f"{scope} {method} 0 - {level}", same_seeds=True)
                    row: dict[str, Any] = {"task": scope, "decoder": own, "level": level, "method": method}
                    row |= measured("success", value) | numbers("drop", drop)
                    row["expert"] = None if ceiling is None else 100 * ceiling.mean
                    out.append(row | _solvable(found, expert, params, f"{scope} {method} {level} solvable"))
    return pd.DataFrame(out)


def _expert(
    grid: Cells, scope: str, tasks: list[str], level: str, params: ReportParams
) -> tuple[list[Cell] | None, Estimate | None]:
    """The expert's cells, and its success: what a level allows."""
    found = pick(grid, tasks, names.EXPERT, level)
    return found, estimate(found, params, f"{scope} {names.EXPERT} {level}") if found else None


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


def differences(rows: pd.DataFrame, params: ReportParams) -> pd.DataFrame:
    """The reference minus each rival at every level beyond the training range, and that relative to level 0.

    `difference` is paired on the initial states of the level; `relative` is `difference` minus the difference at level
    0, with the same checkpoints: how much less the reference loses. Each has its verdict on the claim that the
    reference is the more robust one: `holds` or `contradicted` where the whole interval lies on one side of 0, else
    `undecided`; `not testable` where the expert succeeds in less than `CEILING`, or was not run.

    Args:
        rows: from `summaries.episodes`.
        params: confidence, number of resamples, seed.

    Returns:
        One row per scope, decoder, level and rival that ran, columns `DIFFERENCES`.
    """
    out = []
    for scope, tasks in scopes(rows["task"]).items():
        for decoder, grid in by_decoder(rows).items():
            for level in [each for each in levels(grid) if each != names.BASE_LEVEL]:
                ceiling = _expert(grid, scope, tasks, level, params)[1]
                for rival in RIVALS:
                    now, before = (_pairs(grid, tasks, rival, each) for each in (level, names.BASE_LEVEL))
                    if now is None or before is None:
                        continue
                    about = f"{scope} {names.REFERENCE} - {rival} {level}"
                    gap = paired(now, params, about)
                    change = paired_change(now, before, params, f"{about} against {names.BASE_LEVEL}")
                    row: dict[str, Any] = {"task": scope, "decoder": decoder, "level": level, "rival": rival}
                    row |= {"expert": None if ceiling is None else 100 * ceiling.mean}
                    row |= measured("difference", gap) | numbers("relative", change)
                    row |= {"verdict": _judged(gap, ceiling), "verdict_relative": _judged(change, ceiling)}
                    out.append(row)
    return pd.DataFrame(out, columns=list(DIFFERENCES))


def _pairs(grid: Cells, tasks: list[str], rival: str, level: str) -> list[tuple[Cell, Cell]] | None:
    ours, theirs = (pick(grid, tasks, method, level) for method in (names.REFERENCE, rival))
    return None if ours is None or theirs is None else list(zip(ours, theirs, strict=True))


def _judged(value: Estimate, ceiling: Estimate | None) -> str:
    if ceiling is None or ceiling.mean < CEILING:
        return UNTESTABLE
    return verdict(value.low > 0, value.high < 0)

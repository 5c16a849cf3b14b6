"""Two runs of one's own on the same initial states: the difference of their success, with an interval."""

from __future__ import annotations

from pathlib import Path

from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.report.comparisons import paired
from energyflow.report.rows import read_rows, read_table
from energyflow.report.statistics import cell

KEYS = ["decoder", "level"]
COLUMNS = ("task", "method", *KEYS, "seed", "env_seed", "success")


def evaluated(run: Path) -> bool:
    """Whether a run was rolled out, and its environment says what is a success."""
    file = run / "evaluate/episodes.csv"
    return file.is_file() and "success" in read_table(file, KEYS)


def compare(one: Path, two: Path, params: ReportParams) -> list[str]:
    """Success of one run less that of another, a line a decoder and level that both have.

    Args:
        one: folder of a run that was evaluated.
        two: of another.
        params: confidence, number of resamples, seed.

    Raises:
        UserError: one was not evaluated, they are of different tasks, or met no common initial state.
    """
    tables = []
    for run in (one, two):
        if not evaluated(run):
            raise UserError(f"{run}: no evaluate/episodes.csv; run energyflow evaluate --model {run}")
        tables.append(read_rows([run / "evaluate/episodes.csv"], COLUMNS))
    first, second = tables
    tasks = {*first["task"], *second["task"]}
    if len(tasks) > 1:
        raise UserError(f"{one} and {two}: of different tasks, {' and '.join(sorted(tasks))}")
    groups, lines = dict(iter(second.groupby(KEYS, sort=False))), []
    for (decoder, level), rows in first.groupby(KEYS, sort=False):
        if (decoder, level) not in groups:
            continue
        pair = cell(rows), cell(groups[decoder, level])
        found = paired([pair], params, f"{decoder} {level}").scaled(100)
        lines.append(
            f"{decoder}, level {level}: {one} less {two}: {found.mean:+.0f} % [{found.low:+.0f}, {found.high:+.0f}],"
            f" {found.n} common initial states"
        )
    if not lines:
        raise UserError(f"{one} and {two}: no decoder and level that both were evaluated by")
    return lines

"""Read the inputs of the report: the run that a file belongs to, and rows checked before any statistic."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from energyflow.config import layout as paths
from energyflow.core.errors import UserError

_WILDCARDS = {"preset": "[^/]+", "task": "[^/]+/[^/]+", "seed": r"\d+"}
_WILDCARDS |= dict.fromkeys(("method", "source", "model"), "[^/]+")


def _regex(pattern: str) -> re.Pattern[str]:
    """The regular expression of files in a folder that a pattern of energyflow/config/layout.py describes."""
    parts = re.split(r"{(\w+)}", pattern)
    text = "".join(f"(?P<{p}>{_WILDCARDS[p]})" if i % 2 else re.escape(p) for i, p in enumerate(parts))
    return re.compile(f"(?:^|/){text}[^/]+$")


_STAGES = {
    "collect": _regex(paths.DATA),
    "train": _regex(paths.TRAIN),
    "evaluate": _regex(paths.EVALUATE),
    "nfe": _regex(paths.NFE),
    "expert": _regex(paths.EXPERT),
    "reward_model": _regex(paths.REWARD_MODEL),
    "shape": _regex(paths.SHAPE),
    "latency": _regex(paths.LATENCY),
}

EPISODE_COLUMNS = ("task", "method", "seed", "level", "nfe", "env_seed", "success")
CURVE_COLUMNS = ("task", "source", "seed", "step", "episode", "success")
LATENCY_COLUMNS = ("method", "network", "parameters", "nfe", "batch", "repeat", "ms")
LOSS_COLUMNS = ("step", "loss")
_TEXT = ("task", "method", "level", "source", "network")


@dataclass(frozen=True)
class Identity:
    """The run that a file belongs to, read from its path."""

    task: str
    item: str  # method, source of reward, or method of a reward model
    seed: int


def stage(path: Path) -> str:
    """Name of the stage that made a file.

    Raises:
        UserError: the path is not one of energyflow/config/layout.py.
    """
    for name, regex in _STAGES.items():
        if regex.search(path.as_posix()):
            return name
    raise UserError(f"{path}: not a path of the form results/<preset>/<stage>/... (see energyflow/config/layout.py)")


def identity(path: Path) -> Identity:
    """Task, method (or source) and seed of a file of one run.

    Raises:
        UserError: the path is not that of a run of a method or source with a seed.
    """
    match = _STAGES[stage(path)].search(path.as_posix())
    found = {} if match is None else match.groupdict()
    item = found.get("method", found.get("source", found.get("model")))
    if item is None or "task" not in found or "seed" not in found:
        raise UserError(f"{path}: does not belong to one task, method and seed")
    return Identity(task=found["task"], item=item, seed=int(found["seed"]))


def select(inputs: Sequence[Path], stage_name: str, file_name: str) -> list[Path]:
    """Inputs of one stage with one file name, in the order given."""
    return [path for path in inputs if path.name == file_name and stage(path) == stage_name]


def require(inputs: Sequence[Path], stage_name: str, file_name: str, wanted_by: str) -> list[Path]:
    """As `select`, but an empty selection is an error.

    Raises:
        UserError: no such input was given.
    """
    found = select(inputs, stage_name, file_name)
    if not found:
        raise UserError(
            f"{wanted_by}: no results/<preset>/{stage_name}/**/{file_name} among its {len(inputs)} inputs;"
            f" run the stage '{stage_name}' first"
        )
    return found


def read_rows(files: Sequence[Path], columns: Sequence[str]) -> pd.DataFrame:
    """Read and concatenate CSV files that share the columns.

    Args:
        files: CSV files.
        columns: columns to keep; every value in them must be present and finite.

    Returns:
        One frame with exactly `columns`, in that order; names are strings, `success` is a float of 0 or 1.

    Raises:
        UserError: no files, or a file is missing, has no rows, lacks a column, or holds an empty, non-
            numeric or infinite value; the message names the file, the column and the line.
    """
    if not files:
        raise UserError("no input files: nothing was given to read rows from")
    return pd.concat([_read_one(path, columns) for path in files], ignore_index=True)


def _read_one(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    # Level "0" and a method named "none" are text: only what is left empty is missing.
    text = {column: str for column in _TEXT}
    try:
        frame = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=["", "nan", "NaN"])
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except pd.errors.EmptyDataError:
        raise UserError(f"{path}: empty file; delete it and run its stage again") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: damaged, not a CSV file ({error}); delete it and run its stage again") from None
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise UserError(f"{path}: missing column '{missing[0]}'; found: {', '.join(map(str, frame.columns))}")
    if frame.empty:
        raise UserError(f"{path}: no rows, only a header; delete it and run its stage again")
    frame = frame[list(columns)]
    for column in columns:
        _check_values(path, column, frame[column])
    if "success" in columns:
        frame = frame.assign(success=frame["success"].astype(float))
    return frame


def _check_values(path: Path, column: str, values: pd.Series) -> None:
    if column not in _TEXT and not pd.api.types.is_numeric_dtype(values):
        line = int(pd.to_numeric(values, errors="coerce").isna().to_numpy().argmax()) + 2  # line 1 is the header
        raise UserError(f"{path}:{line}: column '{column}' is not a number (got {values.iloc[line - 2]!r})")
    bad = values.isna() | values.isin([float("inf"), float("-inf")])
    if bad.any():
        line = int(bad.to_numpy().argmax()) + 2
        raise UserError(f"{path}:{line}: column '{column}' is empty or not finite (got {values.iloc[line - 2]})")
    if column == "success" and not values.isin([0, 1]).all():
        line = int((~values.isin([0, 1])).to_numpy().argmax()) + 2
        raise UserError(f"{path}:{line}: column 'success' must be 0 or 1 (got {values.iloc[line - 2]})")

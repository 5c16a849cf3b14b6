"""Read the inputs of the report: the run that a file belongs to, and rows checked before any statistic."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from energyflow.config import layout as paths
from energyflow.config.sections import DECODERS
from energyflow.core.errors import UserError
from energyflow.core.provenance import check_rows

STAGES = {
    "collect": paths.DATA,
    "train": paths.TRAIN,
    "evaluate": paths.EVALUATE,
    "nfe": paths.NFE,
    "expert": paths.EXPERT,
    "reward_model": paths.REWARD_MODEL,
    "shape": paths.SHAPE,
    "latency": paths.LATENCY,
    "landscape": paths.LANDSCAPE,
}
EPISODE_COLUMNS = ("task", "method", "seed", "level", "nfe", "decoder", "env_seed", "success")
CURVE_COLUMNS = ("task", "source", "seed", "step", "episode", "success")
LATENCY_COLUMNS = ("method", "network", "parameters", "nfe", "batch", "repeat", "ms")
LOSS_COLUMNS = ("step", "loss")
KNOWN_DECODERS = (*DECODERS, "expert")  # the scripted expert has none
_TEXT = ("task", "method", "level", "decoder", "source", "network")
# What a wildcard stands for, where it is more than one folder's name: tasks have two, subjects one or two.
_WILDCARDS = {"task": "[^/]+/[^/]+", "subject": "[^/]+(?:/[^/]+)?", "seed": r"\d+"}


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", pattern)
    text = "".join(f"(?P<{p}>{_WILDCARDS.get(p, '[^/]+')})" if i % 2 else re.escape(p) for i, p in enumerate(parts))
    return re.compile(f"(?:^|/){text}[^/]+$")


def parsed(path: Path, pattern: str) -> dict[str, Any] | None:
    """What a path says about a file: the wildcards of the pattern of its folder, the seed as a number.

    Args:
        path: of a file.
        pattern: of a folder, with a slash at its end, from energyflow/config/layout.py or a study's grid.

    Returns:
        None where the file is in no such folder.
    """
    match = _regex(pattern).search(path.as_posix())
    if match is None:
        return None
    found: dict[str, Any] = match.groupdict()
    return found | ({"seed": int(found["seed"])} if "seed" in found else {})


def stage(path: Path) -> str:
    """Name of the stage that made a file.

    Raises:
        UserError: the path is not one of energyflow/config/layout.py.
    """
    for name, pattern in STAGES.items():
        if parsed(path, pattern) is not None:
            return name
    raise UserError(f"{path}: not a path of the form results/<preset>/<stage>/... (see energyflow/config/layout.py)")


def identity(path: Path) -> dict[str, Any]:
    """The run that a file belongs to: `task`, `seed`, and `method`, `source` or `model`.

    Raises:
        UserError: the path is not that of a run of a method or source with a seed.
    """
    found = parsed(path, STAGES[stage(path)]) or {}
    if len(found.keys() & {"method", "source", "model"}) != 1 or not {"task", "seed"} <= found.keys():
        raise UserError(f"{path}: does not belong to one task, method and seed")
    return {key: value for key, value in found.items() if key != "preset"}


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
        UserError: no files, or a file is missing, has no rows, lacks a column, is not what its job wrote by the digest
            in run.json, or holds an empty, non-numeric or infinite value, or one of another run than its path says; the
            message names the file, the column and the line.
    """
    if not files:
        raise UserError("no input files: nothing was given to read rows from")
    return pd.concat([_read_one(path, columns) for path in files], ignore_index=True)


def _read_one(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    frame = read_table(path, columns)[list(columns)]
    for column in columns:
        _check_values(path, column, frame[column])
    for column, value in _expected(path).items():
        if column in columns:
            _check_place(path, column, frame[column], value)
    return frame.assign(success=frame["success"].astype(float)) if "success" in columns else frame


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read one CSV file that has at least the columns; what is left empty is NaN.

    Raises:
        UserError: the file is missing or damaged, has no rows, lacks a column, or is not what its job wrote.
    """
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
    check_rows(path)
    return frame


def _expected(path: Path) -> dict[str, Any]:
    """Values that every row of a file must have: those of the wildcards in its path, if it is one of the layout."""
    found = next((found for found in (parsed(path, pattern) for pattern in STAGES.values()) if found is not None), {})
    return {key: value for key, value in found.items() if key in ("task", "method", "source", "seed")}


def _check_place(path: Path, column: str, values: pd.Series, value: Any) -> None:
    other = values != value
    if other.any():
        line = int(other.to_numpy().argmax()) + 2
        raise UserError(
            f"{path}:{line}: column '{column}' is {values.iloc[line - 2]}, but the file lies among those of {value};"
            " move it back, or run its stage again"
        )


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
    if column == "decoder" and not values.isin(KNOWN_DECODERS).all():
        line = int((~values.isin(KNOWN_DECODERS)).to_numpy().argmax()) + 2
        raise UserError(
            f"{path}:{line}: column 'decoder' must be one of {', '.join(KNOWN_DECODERS)} (got {values.iloc[line - 2]});"
            " run its stage again"
        )

"""What a run.json or a model.json says beside much else: typed, and a missing number is one clear error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd
from pydantic import AliasPath, BaseModel, ConfigDict, Field, ValidationError

from energyflow.config.section import describe
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.report.rows import identity, require


class Record(BaseModel):
    """Some of the keys of a file."""

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


R = TypeVar("R", bound=Record)


def read_record(path: Path, record: type[R]) -> R:
    """Read what a file says.

    Raises:
        UserError: it lacks a key, or has another type there; the message names the file and the key.
    """
    try:
        return record.model_validate(read_json(path))
    except ValidationError as error:
        raise UserError(f"{path}: {describe(error)}; delete it and run its stage again") from None


def recorded(paths: Sequence[Path], stage: str, file: str, record: type[Record], wanted_by: str) -> pd.DataFrame:
    """One row per record of a stage: task, method, seed, and the fields of the record.

    Raises:
        UserError: there is none, or one lacks a number.
    """
    files = require(paths, stage, file, wanted_by)
    return pd.DataFrame([identity(path) | read_record(path, record).model_dump() for path in files])


def trained(paths: Sequence[Path], wanted_by: str) -> pd.DataFrame:
    """The model.json files of training."""
    return recorded(paths, "train", "model.json", Trained, wanted_by)


def training(paths: Sequence[Path], wanted_by: str) -> pd.DataFrame:
    """The run.json files of training."""
    return recorded(paths, "train", "run.json", Training, wanted_by)

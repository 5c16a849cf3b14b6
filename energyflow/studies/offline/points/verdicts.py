"""Rows of the checks of the study, and columns that several of its tables have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from energyflow.report.render import Column
from energyflow.studies import rows
from energyflow.studies.offline.study import NAME

PATH_NAMES = {"ot": "Straight path (velocity)", "vp": "Variance preserving (v)"}
PATH = Column("Path", lambda row: PATH_NAMES[row["path"]], numeric=False)
BETA = Column("beta", lambda row: f"{row['beta']:g}")


def read(paths: Sequence[Path], check: str) -> pd.DataFrame:
    """All rows of one check of the study."""
    return rows.read_rows(NAME, paths, check)

"""Rows of the checks of a study, as its points read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from energyflow.core.errors import UserError
from energyflow.report.rows import parsed, read_table
from energyflow.studies.study import CHECK


def of_check(study: str, paths: Sequence[Path], check: str) -> list[Path]:
    """Those of the files that are rows of one check."""
    found = ((path, parsed(path, f"{study}/{CHECK}")) for path in paths)
    return [path for path, about in found if about is not None and about["check"] == check]


def read_rows(study: str, paths: Sequence[Path], check: str) -> pd.DataFrame:
    """All rows of one check.

    Raises:
        UserError: none of the files is of that check, or one is missing or damaged.
    """
    found = [read_table(path, ("seed", "subject")) for path in of_check(study, paths, check)]
    if not found:
        raise UserError(f"no rows of the check '{check}' among the inputs")
    return pd.concat(found, ignore_index=True)

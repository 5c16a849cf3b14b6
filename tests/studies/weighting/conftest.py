"""The whole study of the smoke preset, run in this process: rows of every check."""

from __future__ import annotations

from pathlib import Path

import pytest

from energyflow.config.params import Params
from energyflow.studies.check import run_check
from energyflow.studies.registry import STUDIES


@pytest.fixture(scope="session")
def rows(smoke: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Map each check to its rows.csv, at paths as in results/."""
    root, study = tmp_path_factory.mktemp("weighting_rows"), STUDIES["weighting"]
    found: dict[str, Path] = {}
    for key in study.every_check(smoke):
        found[key.check] = root / study.check_files(smoke, key)[0]
        section = study.checks[key.check].section(smoke).canonical()
        run_check("weighting", key.check, key.subject, key.seed, section, [], found[key.check].parent)
    return found

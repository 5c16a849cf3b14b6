from __future__ import annotations

from pathlib import Path

import pytest

from energyflow.config.plots import ColouredPlot
from energyflow.config.sections import ReportParams

from . import synthetic


@pytest.fixture(scope="session")
def report() -> ReportParams:
    return ReportParams(confidence=0.95, bootstrap=400, seed=0)


@pytest.fixture(scope="session")
def plot() -> ColouredPlot:
    return ColouredPlot(dpi=60, palette="colorblind")


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every input of the report, for two tasks."""
    return synthetic.write_results(tmp_path_factory.mktemp("project"), synthetic.TASKS[:2])

"""The whole study of the smoke preset, run in this process with two seeds: rows of every check."""

from __future__ import annotations

from pathlib import Path

import pytest

from energyflow.config.params import Params
from energyflow.studies.check import run_check
from energyflow.studies.offline import study
from energyflow.studies.registry import STUDIES


@pytest.fixture(scope="session")
def rows(smoke: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Map each check to its rows.csv files, at paths as in results/."""
    root = tmp_path_factory.mktemp("offline_rows")
    section = study.offline_of(smoke).model_copy(update={"seeds": [0, 1]})
    p = smoke.model_copy(update={"studies": smoke.studies | {"offline": section}})
    found: dict[str, list[Path]] = {}
    for key in STUDIES["offline"].every_check(p):
        out = root / STUDIES["offline"].check_files(p, key)[0]
        params = STUDIES["offline"].checks[key.check].section(p).canonical()
        run_check("offline", key.check, key.subject, key.seed, params, [], out.parent)
        found.setdefault(key.check, []).append(out)
    return found

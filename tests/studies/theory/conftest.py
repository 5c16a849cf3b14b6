"""The whole theory of the smoke preset, run in this process with two seeds: rows of every check but `robots`."""

from __future__ import annotations

from pathlib import Path

import pytest

from energyflow.config.section import parse_section
from energyflow.config.sections import TrainParams
from energyflow.pipeline.params import Params
from energyflow.studies.theory import grid, jobs, models


@pytest.fixture(scope="session")
def rows(smoke: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Map each check to its rows.csv files, at paths as in results/."""
    root = tmp_path_factory.mktemp("theory_rows")
    p = smoke.model_copy(update={"theory": smoke.theory.model_copy(update={"seeds": [0, 1]})})
    for key in grid.models(p):
        section = parse_section(TrainParams, grid.train_section_of(p, key.net, key.steps))
        models.train_model(key.expert, section, key.demos, key.seed, (root / grid.model_files(p, key)[0]).parent)
    found: dict[str, list[Path]] = {}
    for check in grid.checks(p):
        if check.check == "robots":
            continue
        inputs = [root / file for file in grid.inputs_of(p, *check)]
        out = root / grid.check_files(p, check)[0]
        jobs.run_check(check.check, check.subject, check.seed, grid.section_of(p, check.check), inputs, out.parent)
        found.setdefault(check.check, []).append(out)
    return found

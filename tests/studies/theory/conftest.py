"""The whole theory of the smoke preset, run in this process with two seeds: rows of every check but `robots`."""

from __future__ import annotations

from pathlib import Path

import pytest

from energyflow.config.params import Params
from energyflow.studies.check import run_check
from energyflow.studies.registry import STUDIES
from energyflow.studies.theory import models, study


@pytest.fixture(scope="session")
def rows(smoke: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Map each check to its rows.csv files, at paths as in results/."""
    root = tmp_path_factory.mktemp("theory_rows")
    section = study.theory_of(smoke).model_copy(update={"seeds": [0, 1]})
    p = smoke.model_copy(update={"studies": smoke.studies | {"theory": section}})
    for key in study.models(p):
        trained = study.train_section(p, key.net, key.steps)
        models.train_model(key.expert, trained, key.demos, key.seed, (root / study.model_files(p, key)[0]).parent)
    theory = STUDIES["theory"]
    found: dict[str, list[Path]] = {}
    for key in theory.every_check(p):
        if key.check == study.ROBOTS:
            continue
        check = theory.checks[key.check]
        inputs = [root / file for file in check.inputs(p, key)]
        out = root / theory.check_files(p, key)[0]
        run_check("theory", *key, check.section(p).canonical(), inputs, out.parent)
        found.setdefault(key.check, []).append(out)
    return found

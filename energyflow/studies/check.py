"""Run one job of a check."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from energyflow.config.section import parse_section
from energyflow.core.errors import UserError, nearest
from energyflow.core.files import write_csv
from energyflow.core.provenance import Run
from energyflow.studies.registry import STUDIES


def run_check(study: str, name: str, subject: str, seed: int, params: str, inputs: Sequence[Path], out: Path) -> None:
    """Write rows.csv and run.json of one job of a check.

    Args:
        study: its name.
        name: of the check.
        subject: what it is done on: an expert, or a task.
        seed: of the models.
        params: the check's section as JSON.
        inputs: files that it reads.
        out: folder of the outputs.

    Raises:
        UserError: no such check, or the section does not fit it.
    """
    checks = STUDIES[study].checks
    if name not in checks:
        raise UserError(f"unknown check '{name}'; {nearest(name, checks)}")
    section = parse_section(checks[name].params, params)
    record = section.model_dump(mode="json")
    with Run(f"{study}_check", out, params=record, inputs=list(inputs), check=name, subject=subject, seed=seed):
        write_csv(out / "rows.csv", import_module(checks[name].module).rows(subject, seed, section, inputs))

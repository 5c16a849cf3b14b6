"""What a DVC stage has made, in a line that is in git: on these lines the stages depend that read it.

DVC opens whatever a changed stage depends on, even if asked what it would do. In a clone without data it can open this:
`dvc repro --dry --allow-missing` then says what a change would run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from energyflow.config.params import Params
from energyflow.core.files import sha256, write_json
from energyflow.pipeline import plan
from energyflow.studies.registry import STUDIES

UNFINISHED = ("resume.", ".")  # how the names of resume points and half-written files begin


def has_one(stage: str) -> bool:
    """Whether a stage has a digest: tables, figures and pages are in git themselves."""
    return stage != plan.REPORT and stage not in STUDIES


def file(stage: str, preset: str) -> str:
    """Where the digest of a stage lies."""
    study = next((each for each in STUDIES.values() if stage in each.stage_folders()), None)
    folder = study.folder(preset).removeprefix("results/") if study else preset
    return f"workflow/digests/{folder}/{stage}.json"


def write(stages: Iterable[str], p: Params) -> None:
    """Write the digests of these stages: how many files lie in their folders, and one hash of names and bytes."""
    for stage in filter(has_one, stages):
        found = (path for folder in plan.folders(stage, p) for path in Path(folder).rglob("*") if path.is_file())
        files = sorted(str(path) for path in found if not path.name.startswith(UNFINISHED))
        lines = "".join(f"{sha256(Path(name))}  {name}\n" for name in files)
        write_json(file(stage, p.preset), {"files": len(files), "sha256": hashlib.sha256(lines.encode()).hexdigest()})

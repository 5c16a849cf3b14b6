"""What Snakemake has recorded of the files that a stage owns, and what their jobs took.

Snakemake's own records (`.snakemake/metadata`) are versioned by DVC, so that a clone knows what each output was made
from. Light: the Snakefile reads this before every run.
"""

from __future__ import annotations

import base64
import os
import shutil
import time
from pathlib import Path

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.pipeline import params, plan
from energyflow.studies.registry import STUDIES

METADATA = Path(".snakemake/metadata")  # one record an output, written when its job ends
INCOMPLETE = Path(".snakemake/incomplete")  # one marker an output, while its job runs
# Presets whose records live in a database of their own (profiles/smoke), out of DVC's sight.
UNRECORDED = ("smoke",)
HOURS = {  # half of what `times` sums
    "core": {"smoke": "5 minutes", "laptop": "an hour and a quarter", "robomimic": "two and a half hours"},
    "full": {"smoke": "5 minutes", "laptop": "five hours", "robomimic": "seven hours"},
}


def in_git() -> list[str]:
    """Stages whose outputs are in git: in a clone before any record."""
    return [plan.REPORT, *STUDIES]


def targets(p: Params) -> list[str]:
    """What is to be kept up to date: `all`, and each study once some of it has been computed."""
    return ["all", *(name for name in STUDIES if _begun(name, STUDIES[name].stages(p)))]


def _begun(study: str, owned: dict[str, list[str]]) -> bool:
    """Whether a study has results beside the page, which comes with the clone."""
    return any(Path(file).exists() for stage, files in owned.items() if stage != study for file in files)


def summary(p: Params) -> str:
    """One line on what a complete run of the preset does."""
    count = sum(len(files) for files in plan.stages(p).values())
    needed = HOURS[p.grid].get(p.preset, "days")
    return (
        f"{len(p.tasks)} task(s) x {len(p.methods)} methods x {len(p.seeds)} seeds, {count} files;"
        f" a complete run takes about {needed} on two cores, an incomplete one continues"
    )


def times(p: Params) -> list[tuple[str, int, int, float]]:
    """What the finished jobs took, by their records: stage, jobs finished, jobs in all, hours of one core."""
    found = []
    for name, files in plan.outputs(p).items():
        records = [Path(file) for file in files if Path(file).name == "run.json"]
        finished = [read_json(path)["wall_seconds"] for path in records if path.exists()]
        if finished:
            found.append((name, len(finished), len(records), sum(finished) / 3600))
    return found


def missing(p: Params, target: str) -> list[str]:
    """Outputs behind a target that are not here: unpacked rows come without checkpoints and demonstrations."""
    owned = plan.stages(p) if target == "all" else STUDIES[target].stages(p)
    return [file for files in owned.values() for file in files if not Path(file).exists()]


def record(file: str, root: Path = METADATA) -> Path:
    """Where Snakemake keeps what it knows of a file.

    Raises:
        UserError: the file's path is too long for a record.
    """
    name = base64.urlsafe_b64encode(file.encode()).decode()
    if len(name) >= 255:
        raise UserError(f"{file}: the path is too long for one record of Snakemake; shorten the names in it")
    return root / name


def unrecorded(p: Params) -> list[str]:
    """Outputs on disk without a record: Snakemake could not see that a parameter of theirs has changed."""
    owned = (file for name, files in plan.outputs(p).items() if name not in in_git() for file in files)
    return sorted(
        f for f in owned if Path(f).exists() and not any(record(f, r).exists() for r in (METADATA, INCOMPLETE))
    )


def guard(p: Params) -> None:
    """Refuse to plan on outputs of unknown origin: called by the Snakefile before every run.

    Tables and figures come with the clone, so they may lack records; their risk is to look newer than the
    results of this clone. Made old here, they are drawn again as soon as the results are there. A video is not, where
    the demonstration that it shows is missing: unpacked rows come without demonstrations.

    Raises:
        UserError: an output has no record; the message tells the ways out.
    """
    if p.preset in UNRECORDED or os.environ.get("ENERGYFLOW_NO_GUARD"):
        return
    if bad := unrecorded(p):
        raise UserError(
            f"{len(bad)} output(s) exist without a record of what made them, e.g. {bad[0]}.\n"
            "  restore the records: dvc checkout .snakemake/metadata   (or dvc pull --allow-missing)\n"
            "  or recompute: move those outputs away and run again\n"
            "  or, only if `dvc status` is clean: ENERGYFLOW_NO_GUARD=1 snakemake --touch --forceall -c1"
        )
    owned, films = plan.outputs(p), plan.videos(p)
    for file in (file for name in in_git() for file in owned.get(name, [])):
        if Path(file).exists() and not record(file).exists():
            old = file not in films or Path(films[file]).exists()
            os.utime(file, (86400, 86400) if old else None)


def orphans(p: Params, stage: str | None = None) -> list[str]:
    """Files in the folders of a stage (default: of all) that no rule makes any more, on whichever grid."""
    owned, grids = plan.outputs(p), [params.load(preset=p.preset, grid=grid) for grid in params.GRIDS]
    wanted = {file for one in (p, *grids) for files in plan.outputs(one).values() for file in files}
    homes = {str(Path(file).parent) for file in wanted}
    found = []
    for root in (top for name in ([stage] if stage else owned) for top in plan.folders(name, p)):
        for file in (f for f in Path(root).rglob("*") if f.is_file()):
            # a resume point, or the half-written file of a running job, lives beside the outputs
            pending = file.name.startswith(("resume.", ".")) and str(file.parent) in homes
            if str(file) not in wanted and not pending:
                found.append(str(file))
    return sorted(found)


def prune(p: Params, stage: str | None = None) -> list[str]:
    """Move orphans to `.snakemake/orphans/<time>/`, drop their records, and return them."""
    bad = orphans(p, stage)
    trash = Path(".snakemake/orphans") / time.strftime("%Y%m%dT%H%M%S")
    for file in bad:
        (trash / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, trash / file)
        record(file).unlink(missing_ok=True)
        home = Path(file).parent
        while home.name != p.preset and not any(home.iterdir()):
            home.rmdir()
            home = home.parent
    return bad

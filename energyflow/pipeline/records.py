"""The stages: which files each owns, what Snakemake has recorded of them, what they took.

Snakemake's own records (`.snakemake/metadata`) are versioned by DVC, so that a clone knows what each output was made
from. Light: the Snakefile reads this before every run.
"""

from __future__ import annotations

import base64
import os
import shutil
import time
from pathlib import Path

from energyflow.config import layout as paths
from energyflow.core.errors import UserError
from energyflow.pipeline import params
from energyflow.pipeline.params import Params
from energyflow.studies.registry import TARGETS

METADATA = Path(".snakemake/metadata")  # one record an output, written when its job ends
INCOMPLETE = Path(".snakemake/incomplete")  # one marker an output, while its job runs
REPORT = "report"
IN_GIT = (REPORT, *(target.name for target in TARGETS))  # stages whose outputs are in git: in a clone before any record
# Presets whose records live in a database of their own (profiles/smoke), out of DVC's sight.
UNRECORDED = ("smoke",)


def outputs(p: Params) -> dict[str, list[str]]:
    """Map each DVC stage, a phase, to the files that it owns."""
    found: dict[str, list[str]] = {"shape": []}  # dvc.yaml has it, whether or not the preset has sources
    for name, files in paths.stages(p).items():
        found.setdefault(name.partition("@")[0], []).extend(files)
    for target in TARGETS:
        found |= target.stages(p)
    return found


def targets(p: Params) -> list[str]:
    """What is to be kept up to date: `all`, and each other target once some of it has been computed."""
    return ["all", *(target.name for target in TARGETS if _begun(target.name, target.stages(p)))]


def _begun(target: str, owned: dict[str, list[str]]) -> bool:
    """Whether a target has results beside the page, which comes with the clone."""
    return any(Path(file).exists() for stage, files in owned.items() if stage != target for file in files)


def folders(stage: str, p: Params) -> list[str]:
    """Folders that a DVC stage owns, which are its outs."""
    if stage == "collect":
        return [f"data/{p.preset}"]
    for target in TARGETS:
        if stage in target.folders:
            return [f"{target.folder(p.preset)}/{name}" for name in target.folders[stage]]
    if stage == REPORT:
        return [f"{paths.report_dir(p)}/{kind}" for kind in ("tables", "figures", "plots")]
    return [f"results/{p.preset}/{stage}"]


def summary(p: Params) -> str:
    """One line on what a complete run of the preset does."""
    count = sum(len(files) for files in paths.stages(p).values())
    known = {  # half of what `times` sums
        "core": {"smoke": "5 minutes", "laptop": "an hour and a quarter", "robomimic": "two and a half hours"},
        "full": {"smoke": "5 minutes", "laptop": "five hours", "robomimic": "seven hours"},
    }
    needed = known[p.grid].get(p.preset, "days")
    return (
        f"{len(p.tasks)} task(s) x {len(p.methods)} methods x {len(p.seeds)} seeds, {count} files;"
        f" a complete run takes about {needed} on two cores, an incomplete one continues"
    )


def times(p: Params) -> list[tuple[str, int, int, float]]:
    """What the finished jobs took, by their records: stage, jobs finished, jobs in all, hours of one core."""
    from energyflow.core.files import read_json  # heavier than what the Snakefile needs of this module

    found = []
    for name, files in outputs(p).items():
        records = [Path(file) for file in files if Path(file).name == "run.json"]
        finished = [read_json(path)["wall_seconds"] for path in records if path.exists()]
        if finished:
            hours = sum(finished) / 3600
            found.append((name, len(finished), len(records), hours))
    return found


def record(file: str, root: Path = METADATA) -> Path:
    """Where Snakemake keeps what it knows of a file."""
    name = base64.urlsafe_b64encode(file.encode()).decode()
    if len(name) >= 255:
        raise UserError(f"{file}: the path is too long for one record of Snakemake; shorten the names in it")
    return root / name


def unrecorded(p: Params) -> list[str]:
    """Outputs on disk without a record: Snakemake could not see that a parameter of theirs has changed."""
    owned = (file for name, files in outputs(p).items() if name not in IN_GIT for file in files)
    return sorted(
        f for f in owned if Path(f).exists() and not any(record(f, r).exists() for r in (METADATA, INCOMPLETE))
    )


def guard(p: Params) -> None:
    """Refuse to plan on outputs of unknown origin: called by the Snakefile before every run.

    Tables and figures come with the clone, so they may lack records; their risk is to look newer than the
    results of this clone. Made old here, they are drawn again as soon as the results are there.

    Raises:
        UserError: an output has no record; the message tells the ways out.
    """
    if p.preset in UNRECORDED or os.environ.get("ENERGYFLOW_NO_GUARD"):
        return
    if bad := unrecorded(p):
        raise UserError(
            f"{len(bad)} output(s) exist without a record of what made them, e.g. {bad[0]}.\n"
            "  restore the records: dvc checkout .snakemake/metadata   (or dvc pull --allow-missing)\n"
            "  or recompute: delete those outputs and run again\n"
            "  or, only if `dvc status` is clean: ENERGYFLOW_NO_GUARD=1 snakemake --touch --forceall -c1"
        )
    for file in (file for name in IN_GIT for file in outputs(p).get(name, [])):
        if Path(file).exists() and not record(file).exists():
            os.utime(file, (86400, 86400))


def orphans(p: Params, stage: str | None = None) -> list[str]:
    """Files in the folders of a stage (default: of all) that no rule makes any more, on whichever grid."""
    owned, grids = outputs(p), [params.load(preset=p.preset, grid=grid) for grid in params.GRIDS]
    wanted = {file for one in (p, *grids) for files in outputs(one).values() for file in files}
    homes = {str(Path(file).parent) for file in wanted}
    found = []
    for root in (top for name in ([stage] if stage else owned) for top in folders(name, p)):
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

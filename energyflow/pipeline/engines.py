"""The glue between Snakemake and DVC. Snakemake owns the jobs; a DVC stage asks it for that stage's outputs.

Which those are: plan.py; what is recorded of them: records.py; what dvc.yaml says: dvcfile.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import yaml

from energyflow.config.params import Params
from energyflow.core.errors import UserError, nearest
from energyflow.pipeline import digests, params, plan, records
from energyflow.pipeline.dvcfile import PROVENANCE, stage_file
from energyflow.studies.registry import STUDIES

# A linked file shares its bytes with DVC's cache, and Snakemake rewrites its records in place.
SAFE_CACHE = {"reflink", "copy"}
# Never `--quiet all`: it hides the message about a held lock.
QUIET = ("--quiet", "host", "progress", "rules", "reason")


def _snakemake(*arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Run this environment's Snakemake; ENERGYFLOW_PROFILE names another profile than the default."""
    profile = os.environ.get("ENERGYFLOW_PROFILE")
    command = [sys.executable, "-m", "snakemake", *(("--workflow-profile", profile) if profile else ()), *arguments]
    return subprocess.run(command, capture_output=capture, text=True, check=False)


def up_to_date(target: str) -> bool:
    """Whether Snakemake has nothing to do for a target.

    Raises:
        UserError: Snakemake could not plan; its message is passed on.
    """
    done = _snakemake("-n", target, capture=True)
    said = done.stdout + done.stderr
    if done.returncode:
        raise UserError(f"snakemake -n failed:\n{said.strip()}")
    return "Nothing to be done" in said


def _dvc(*arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=capture, text=True, check=False)


def require_safe_cache() -> None:
    """Refuse link types through which Snakemake would rewrite DVC's cache.

    Raises:
        UserError: `cache.type` allows hard or symbolic links.
    """
    kinds = _dvc("config", "cache.type", capture=True).stdout.strip() or "reflink,copy"
    if not set(kinds.replace(" ", "").split(",")) <= SAFE_CACHE:
        raise UserError(
            f"dvc cache.type = {kinds}: links let Snakemake overwrite objects of the cache.\n"
            "  use: dvc config cache.type reflink,copy   (and: dvc config --local --unset cache.type),\n"
            "  then: dvc checkout --relink"
        )


def require_versionable(p: Params) -> None:
    """Refuse a checkout that DVC could not commit, before anything is computed in it.

    Raises:
        UserError: no git repository, or a folder of results is a link to elsewhere; the message says what works.
    """
    if not Path(".git").exists() and _dvc("config", "core.no_scm", capture=True).stdout.strip() != "true":
        raise UserError(
            "no git repository here (an unpacked archive?), which DVC needs: git init (or: dvc config core.no_scm true)"
        )
    for folder in {name.split("/")[0] for stage in plan.outputs(p) for name in plan.folders(stage, p)}:
        if Path(folder).is_symlink():
            raise UserError(
                f"{folder} is a link, and DVC versions nothing outside of the repository: keep the folder here, and put"
                " DVC's copies on the other disk (dvc cache dir /other/disk), or mount the disk at this place"
            )


def commit(p: Params) -> list[str]:
    """Bring `dvc.lock` up to date after a complete run, never with stale outputs; return the orphans moved first.

    Raises:
        UserError: Snakemake still has work, the link type is unsafe, the checkout cannot be versioned, or DVC failed.
    """
    require_safe_cache()
    require_versionable(p)
    moved = records.prune(p)
    if not up_to_date("all"):
        raise UserError("snakemake still has work to do: run `snakemake --cores all` first")
    if lacking := records.missing(p, "all"):
        raise UserError(f"{_lacking(lacking)}; dvc.lock stays as it is")
    # a study that is under way waits for the next commit
    done = [t for t in records.targets(p) if t == "all" or (up_to_date(t) and not records.missing(p, t))]
    for target in done:
        stages = plan.stages(p) if target == "all" else STUDIES[target].stages(p)
        _make_folders(stages, p)
        digests.write(stages, p)
        said = _dvc("commit", "-f", stage_file(target), capture=True)
        if said.returncode:
            raise UserError(f"dvc commit failed:\n{said.stderr.strip()}")
    return moved


def _make_folders(stages: Iterable[str], p: Params) -> None:
    """Make the folders of stages: DVC wants its outs, be they empty."""
    for stage in stages:
        for folder in plan.folders(stage, p):
            Path(folder).mkdir(parents=True, exist_ok=True)


def _lacking(files: list[str]) -> str:
    """What keeps DVC from versioning unpacked rows."""
    return (
        f"{len(files)} checkpoint(s) or demonstrations are not here, e.g. {files[0]}: their rows were unpacked, and DVC"
        " versions whole results (snakemake --cores all stage_all computes what is missing)"
    )


def check(p: Params, *, deep: bool = False) -> list[str]:
    """What is not in order, one line a finding; empty if both engines agree that all is done.

    With `deep`, every recorded byte is read again; see `rotten`.

    Raises:
        UserError: the link type is unsafe, or Snakemake could not plan.
    """
    require_safe_cache()
    found = rotten(p) if deep else []  # before DVC looks: it removes the copies that it finds to be corrupt
    for target in records.targets(p):
        if not up_to_date(target):
            found.append(f"snakemake has work to do (snakemake -n {target} tells what and why)")
        if lacking := records.missing(p, target):
            found.append(_lacking(lacking))
        elif _dvc("status", "-q", stage_file(target)).returncode:
            found.append("dvc sees changes (dvc status; after a complete run: energyflow results commit)")
    if left := records.orphans(p):
        found.append(f"{len(left)} file(s) that no rule makes, e.g. {left[0]} (energyflow results prune)")
    return found


def rotten(p: Params) -> list[str]:
    """Files whose content is not what was recorded, one line a finding: DVC's cache, and outputs since the last commit.

    Time stamps do not tell: every byte is read, which takes minutes.
    """
    cache = Path(_dvc("cache", "dir", capture=True).stdout.strip() or ".dvc/cache") / "files/md5"
    objects = sorted(cache.glob("??/*"))
    bad = [path for path in objects if _md5(path) != _digest(path)]
    found = [f"{path}: DVC's copy is corrupt: move it away, then dvc commit or dvc pull" for path in bad]
    for target in records.targets(p):
        lock = Path(stage_file(target)).with_name("dvc.lock")
        stages = (yaml.safe_load(lock.read_text()) if lock.is_file() else {}).get("stages", {})
        for out in (out for each in stages.values() for out in each.get("outs", [])):
            for file, digest in _recorded(Path(out["path"]), str(out.get("md5")), cache).items():
                if file.is_file() and _md5(file) != digest:
                    found.append(f"{file}: is not what was committed: move it away, then dvc checkout or run again")
    return found


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _digest(path: Path) -> str:
    """The hash that an object of the cache is named by."""
    return path.parent.name + path.name.removesuffix(".dir")


def _recorded(out: Path, digest: str, cache: Path) -> dict[Path, str]:
    """Files of an output of DVC, with their hashes; a folder's are listed in an object of the cache."""
    if not digest.endswith(".dir"):
        return {out: digest}
    listing = cache / digest[:2] / digest[2:]
    return {out / each["relpath"]: each["md5"] for each in json.loads(listing.read_text())} if listing.is_file() else {}


def plots(folder: str = "dvc_plots") -> str:
    """Draw `dvc plots` on a page that opens offline: with the scripts that Snakemake ships, not a server's.

    Raises:
        UserError: DVC could not draw them.
    """
    shipped = resources.files("snakemake") / "assets/data"
    scripts = [(shipped / name / f"{name}.js").read_text() for name in ("vega", "vega-lite", "vega-embed")]
    head = "".join(f"<script>{script}</script>" for script in scripts)
    template = Path(folder) / "template.html"
    template.parent.mkdir(exist_ok=True)
    template.write_text(f"<!DOCTYPE html><html><head>{head}</head><body>{{plot_divs}}</body></html>")
    if _dvc("plots", "show", "--html-template", str(template), "--out", folder, capture=True).returncode:
        raise UserError("dvc plots failed; run `dvc plots show` to see why")
    return f"{folder}/index.html"


def make_stage(name: str) -> int:
    """Make the outputs of a DVC stage (`provenance`: of all), then move orphans away; return the exit status.

    Raises:
        UserError: there is no such stage.
    """
    p = params.load()
    known = [*plan.outputs(p), PROVENANCE]
    if name not in known:
        raise UserError(f"no stage '{name}'; {nearest(name, known)}")
    _make_folders([name] if name != PROVENANCE else (), p)
    status = _snakemake(*QUIET, "--", f"stage_{'all' if name == PROVENANCE else name}").returncode
    if not status:  # the last stages also clean up after what was dropped from the grid
        records.prune(p, None if name in (plan.REPORT, PROVENANCE) else name)
        digests.write([name] if name != PROVENANCE else (), p)
    return status

"""Glue between Snakemake and DVC: `python -m energyflow.engines --help`.

Snakemake owns the jobs; a DVC stage asks it for the outputs of that stage (`stage`). Which those are: stages.py.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from energyflow.core.errors import UserError, nearest
from energyflow.pipeline import params
from energyflow.pipeline import records as stages
from energyflow.pipeline.params import Params
from energyflow.studies.registry import TARGETS

# Targets of Snakemake, and the files of the DVC stages that make the same.
STAGE_FILES = {"all": "dvc.yaml", **{target.name: f"workflow/{target.name}/dvc.yaml" for target in TARGETS}}
# A linked file shares its bytes with DVC's cache, and Snakemake rewrites its records in place.
SAFE_CACHE = {"reflink", "copy"}
# Never `--quiet all`: it hides the message about a held lock.
QUIET = ("--quiet", "host", "progress", "rules", "reason")
COMMANDS = {
    "stage": "make one stage of dvc.yaml with Snakemake",
    "guard": "fail if an output has no record of what made it",
    "prune": "move files that no rule makes any more to .snakemake/orphans",
    "commit": "update dvc.lock after a complete run of Snakemake",
    "check": "fail unless both engines agree that everything is done",
    "times": "sum the seconds that the finished jobs of each stage took",
    "plots": "draw dvc plots on a page that opens offline",
    "fsck": "hash DVC's cache again",
}


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


def commit(p: Params) -> list[str]:
    """Bring `dvc.lock` up to date after a complete run, never with stale outputs; return the orphans moved first.

    Raises:
        UserError: Snakemake still has work, the link type is unsafe, or DVC failed.
    """
    require_safe_cache()
    moved = stages.prune(p)
    done = [
        target for target in stages.targets(p) if up_to_date(target)
    ]  # a target under way waits for the next commit
    if "all" not in done:
        raise UserError("snakemake still has work to do: run `snakemake --cores all` first")
    for target in done:
        said = _dvc("commit", "-f", STAGE_FILES[target], capture=True)
        if said.returncode:
            raise UserError(f"dvc commit failed:\n{said.stderr.strip()}")
    return moved


def check(p: Params) -> list[str]:
    """What is not in order, one line a finding; empty if both engines agree that all is done.

    Raises:
        UserError: the link type is unsafe, or Snakemake could not plan.
    """
    require_safe_cache()
    found = []
    for target in stages.targets(p):
        if not up_to_date(target):
            found.append(f"snakemake has work to do (snakemake -n {target} tells what and why)")
        if _dvc("status", "-q", STAGE_FILES[target]).returncode:
            found.append("dvc sees changes (dvc status; after a complete run: python -m energyflow.engines commit)")
    if left := stages.orphans(p):
        found.append(f"{len(left)} file(s) that no rule makes, e.g. {left[0]} (python -m energyflow.engines prune)")
    return found


def fsck(*, fix: bool = False) -> list[Path]:
    """Hash every object of DVC's cache, which DVC never does again; return the corrupt ones, deleted if `fix`."""
    folder = _dvc("cache", "dir", capture=True).stdout.strip() or ".dvc/cache"
    bad = []
    for path in sorted(Path(folder).glob("files/md5/??/*")):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "md5").hexdigest()
        if digest != path.parent.name + path.name.removesuffix(".dir"):
            bad.append(path)
            if fix:
                path.chmod(0o644)
                path.unlink()
    return bad


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


def stage(p: Params, name: str) -> int:
    """Make the outputs of a DVC stage (`provenance`: of all), then move orphans away; return the exit status.

    Raises:
        UserError: there is no such stage.
    """
    known = [*stages.outputs(p), "provenance"]
    if name not in known:
        raise UserError(f"no stage '{name}'; {nearest(name, known)}")
    for out in stages.folders(name, p) if name != "provenance" else ():  # DVC wants its outs, be they empty
        Path(out).mkdir(parents=True, exist_ok=True)
    status = _snakemake(*QUIET, "--", "all" if name == "provenance" else f"stage_{name}").returncode
    if status:
        print("if no other snakemake runs in this folder: snakemake --unlock, then again", file=sys.stderr)
    else:  # the last stages also clean up after what was dropped from the grid
        stages.prune(p, None if name in (stages.REPORT, "provenance") else name)
    return status


def _spent(p: Params) -> str:
    spent = stages.times(p)
    lines = [f"{name:20} {done:4} of {count:4} jobs {hours:6.2f} h" for name, done, count, hours in spent]
    return "\n".join([*lines, f"{'together':38}{sum(hours for *_, hours in spent):6.2f} h of one core"])


SAYS: dict[str, Callable[[Params], str]] = {  # commands that do one thing and say one thing
    "prune": lambda p: f"moved {len(stages.prune(p))} file(s) to .snakemake/orphans",
    "commit": lambda p: f"dvc.lock is up to date; moved {len(commit(p))} orphan(s)",
    "plots": lambda _: plots(),
    "times": _spent,
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 only if all is in order."""
    parser = argparse.ArgumentParser(
        prog="python -m energyflow.pipeline.engines", description="Glue between Snakemake and DVC."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    added = {name: commands.add_parser(name, help=text) for name, text in COMMANDS.items()}
    added["stage"].add_argument("name")
    added["fsck"].add_argument("--fix", action="store_true", help="delete the corrupt objects")
    for option in ("preset", "grid"):
        added["times"].add_argument(f"--{option}", help="default: that of params.yaml")
    given = parser.parse_args(arguments)
    try:
        if given.command == "fsck":
            bad = fsck(fix=given.fix)
            for path in bad:
                print(f"corrupt: {path}{' (deleted)' if given.fix else ''}")
            if bad:
                print("then delete the files in the workspace that came from it, and: dvc pull")
            return int(bool(bad))
        p = params.load(preset=vars(given).get("preset"), grid=vars(given).get("grid"))
        if given.command == "stage":
            return stage(p, given.name)
        if given.command in SAYS:
            print(SAYS[given.command](p))
        elif given.command == "guard":
            stages.guard(p)
        elif found := check(p):
            print("\n".join(found))
            return 1
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

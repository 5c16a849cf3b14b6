"""Glue between Snakemake and DVC: `python -m energyflow.engines --help`.

Snakemake owns the jobs; a DVC stage asks it for the outputs of that stage (`stage`). Snakemake's own records
(`.snakemake/metadata`) are versioned by DVC, so that a clone knows what each output was made from.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from energyflow import params, paths
from energyflow.params import Params
from energyflow.sections import ParamsError, nearest
from energyflow.targets import TARGETS

METADATA = Path(".snakemake/metadata")  # one record an output, written when its job ends
INCOMPLETE = Path(".snakemake/incomplete")  # one marker an output, while its job runs
REPORT = "report"
IN_GIT = (REPORT, *(target.name for target in TARGETS))  # stages whose outputs are in git: in a clone before any record
# Targets of Snakemake, and the files of the DVC stages that make the same.
STAGE_FILES = {"all": "dvc.yaml", **{target.name: f"workflow/{target.name}/dvc.yaml" for target in TARGETS}}
# Presets whose records live in a database of their own (profiles/smoke), out of DVC's sight.
UNRECORDED = ("smoke",)
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


class EngineError(RuntimeError):
    """The two engines disagree, or a run must not start; the message says what to do."""


def stages(p: Params) -> dict[str, list[str]]:
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
    known = {  # half of what `times` sums, with demonstrations and reports
        "core": {"smoke": "5 minutes", "laptop": "an hour and a quarter", "robomimic": "two and a half hours"},
        "full": {"smoke": "5 minutes", "laptop": "five and a quarter hours", "robomimic": "seven hours"},
    }
    needed = known[p.grid].get(p.preset, "days")
    return (
        f"{len(p.tasks)} task(s) x {len(p.methods)} methods x {len(p.seeds)} seeds, {count} files;"
        f" a complete run takes about {needed} on two cores, an incomplete one continues"
    )


def times(p: Params) -> list[tuple[str, int, int, float]]:
    """What the finished jobs took, by their records: stage, jobs finished, jobs in all, hours of one core."""
    found = []
    for name, files in stages(p).items():
        records = [Path(file) for file in files if Path(file).name == "run.json"]
        finished = [json.loads(path.read_text()) for path in records if path.exists()]
        if finished:
            hours = sum(record["wall_seconds"] for record in finished) / 3600
            found.append((name, len(finished), len(records), hours))
    return found


def _record(file: str, root: Path = METADATA) -> Path:
    """Where Snakemake keeps what it knows of a file."""
    name = base64.urlsafe_b64encode(file.encode()).decode()
    if len(name) >= 255:
        raise EngineError(f"{file}: the path is too long for one record of Snakemake; shorten the names in it")
    return root / name


def unrecorded(p: Params) -> list[str]:
    """Outputs on disk without a record: Snakemake could not see that a parameter of theirs has changed."""
    owned = (file for name, files in stages(p).items() if name not in IN_GIT for file in files)
    return sorted(
        f for f in owned if Path(f).exists() and not any(_record(f, r).exists() for r in (METADATA, INCOMPLETE))
    )


def guard(p: Params) -> None:
    """Refuse to plan on outputs of unknown origin: called by the Snakefile before every run.

    Tables and figures come with the clone, so they may lack records; their risk is to look newer than the
    results of this clone. Made old here, they are drawn again as soon as the results are there.

    Raises:
        EngineError: an output has no record; the message tells the ways out.
    """
    if p.preset in UNRECORDED or os.environ.get("ENERGYFLOW_NO_GUARD"):
        return
    if bad := unrecorded(p):
        raise EngineError(
            f"{len(bad)} output(s) exist without a record of what made them, e.g. {bad[0]}.\n"
            "  restore the records: dvc checkout .snakemake/metadata   (or dvc pull --allow-missing)\n"
            "  or recompute: delete those outputs and run again\n"
            "  or, only if `dvc status` is clean: ENERGYFLOW_NO_GUARD=1 snakemake --touch --forceall -c1"
        )
    for file in (file for name in IN_GIT for file in stages(p).get(name, [])):
        if Path(file).exists() and not _record(file).exists():
            os.utime(file, (86400, 86400))


def orphans(p: Params, stage: str | None = None) -> list[str]:
    """Files in the folders of a stage (default: of all) that no rule makes any more, on whichever grid."""
    owned, grids = stages(p), [params.load(preset=p.preset, grid=grid) for grid in params.GRIDS]
    wanted = {file for one in (p, *grids) for files in stages(one).values() for file in files}
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
        _record(file).unlink(missing_ok=True)
        home = Path(file).parent
        while home.name != p.preset and not any(home.iterdir()):
            home.rmdir()
            home = home.parent
    return bad


def _snakemake(*arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Run this environment's Snakemake; ENERGYFLOW_PROFILE names another profile than the default."""
    profile = os.environ.get("ENERGYFLOW_PROFILE")
    command = [sys.executable, "-m", "snakemake", *(("--workflow-profile", profile) if profile else ()), *arguments]
    return subprocess.run(command, capture_output=capture, text=True, check=False)


def up_to_date(target: str) -> bool:
    """Whether Snakemake has nothing to do for a target.

    Raises:
        EngineError: Snakemake could not plan; its message is passed on.
    """
    done = _snakemake("-n", target, capture=True)
    said = done.stdout + done.stderr
    if done.returncode:
        raise EngineError(f"snakemake -n failed:\n{said.strip()}")
    return "Nothing to be done" in said


def _dvc(*arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=capture, text=True, check=False)


def require_safe_cache() -> None:
    """Refuse link types through which Snakemake would rewrite DVC's cache.

    Raises:
        EngineError: `cache.type` allows hard or symbolic links.
    """
    kinds = _dvc("config", "cache.type", capture=True).stdout.strip() or "reflink,copy"
    if not set(kinds.replace(" ", "").split(",")) <= SAFE_CACHE:
        raise EngineError(
            f"dvc cache.type = {kinds}: links let Snakemake overwrite objects of the cache.\n"
            "  use: dvc config cache.type reflink,copy   (and: dvc config --local --unset cache.type),\n"
            "  then: dvc checkout --relink"
        )


def commit(p: Params) -> list[str]:
    """Bring `dvc.lock` up to date after a complete run, never with stale outputs; return the orphans moved first.

    Raises:
        EngineError: Snakemake still has work, the link type is unsafe, or DVC failed.
    """
    require_safe_cache()
    moved = prune(p)
    done = [target for target in targets(p) if up_to_date(target)]  # a target under way waits for the next commit
    if "all" not in done:
        raise EngineError("snakemake still has work to do: run `snakemake --cores all` first")
    for target in done:
        said = _dvc("commit", "-f", STAGE_FILES[target], capture=True)
        if said.returncode:
            raise EngineError(f"dvc commit failed:\n{said.stderr.strip()}")
    return moved


def check(p: Params) -> list[str]:
    """What is not in order, one line a finding; empty if both engines agree that all is done.

    Raises:
        EngineError: the link type is unsafe, or Snakemake could not plan.
    """
    require_safe_cache()
    found = []
    for target in targets(p):
        if not up_to_date(target):
            found.append(f"snakemake has work to do (snakemake -n {target} tells what and why)")
        if _dvc("status", "-q", STAGE_FILES[target]).returncode:
            found.append("dvc sees changes (dvc status; after a complete run: python -m energyflow.engines commit)")
    if left := orphans(p):
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
        EngineError: DVC could not draw them.
    """
    shipped = resources.files("snakemake") / "assets/data"
    scripts = [(shipped / name / f"{name}.js").read_text() for name in ("vega", "vega-lite", "vega-embed")]
    head = "".join(f"<script>{script}</script>" for script in scripts)
    template = Path(folder) / "template.html"
    template.parent.mkdir(exist_ok=True)
    template.write_text(f"<!DOCTYPE html><html><head>{head}</head><body>{{plot_divs}}</body></html>")
    if _dvc("plots", "show", "--html-template", str(template), "--out", folder, capture=True).returncode:
        raise EngineError("dvc plots failed; run `dvc plots show` to see why")
    return f"{folder}/index.html"


def stage(p: Params, name: str) -> int:
    """Make the outputs of a DVC stage (`provenance`: of all), then move orphans away; return the exit status.

    Raises:
        EngineError: there is no such stage.
    """
    known = [*stages(p), "provenance"]
    if name not in known:
        raise EngineError(f"no stage '{name}'; {nearest(name, known)}")
    for out in folders(name, p) if name != "provenance" else ():  # DVC wants its outs, be they empty
        Path(out).mkdir(parents=True, exist_ok=True)
    status = _snakemake(*QUIET, "--", "all" if name == "provenance" else f"stage_{name}").returncode
    if status:
        print("if no other snakemake runs in this folder: snakemake --unlock, then again", file=sys.stderr)
    else:  # the last stages also clean up after what was dropped from the grid
        prune(p, None if name in (REPORT, "provenance") else name)
    return status


def _spent(p: Params) -> str:
    spent = times(p)
    lines = [f"{name:20} {done:4} of {count:4} jobs {hours:6.2f} h" for name, done, count, hours in spent]
    return "\n".join([*lines, f"{'together':38}{sum(hours for *_, hours in spent):6.2f} h of one core"])


SAYS: dict[str, Callable[[Params], str]] = {  # commands that do one thing and say one thing
    "prune": lambda p: f"moved {len(prune(p))} file(s) to .snakemake/orphans",
    "commit": lambda p: f"dvc.lock is up to date; moved {len(commit(p))} orphan(s)",
    "plots": lambda _: plots(),
    "times": _spent,
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 only if all is in order."""
    parser = argparse.ArgumentParser(prog="python -m energyflow.engines", description="Glue between Snakemake and DVC.")
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
            guard(p)
        elif found := check(p):
            print("\n".join(found))
            return 1
    except (EngineError, ParamsError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

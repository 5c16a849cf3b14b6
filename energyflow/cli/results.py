"""`energyflow results ...`: the results of a checkout."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from energyflow.cli.options import Arguments, add_command

if TYPE_CHECKING:
    from energyflow.cli.job import Commands

RESULTS = {
    "check": "fail unless both engines agree that everything is done",
    "times": "sum the seconds that the finished jobs of each stage took",
    "commit": "update dvc.lock after a complete run of Snakemake",
    "prune": "move files that no rule makes any more to .snakemake/orphans",
    "ready": "fail if this checkout could not be committed after a run",
    "guard": "fail if an output has no record of what made it",
    "plots": "draw dvc plots on a page that opens offline",
    "pack": "pack the rows of finished runs into results/<preset>/rows, for git",
    "unpack": "write the packed rows that are not here, so that Snakemake goes on from them",
    "tables": "draw every table and figure again from packed rows, and say what differs from git",
    "readme": "copy the rows that documents quote into them again",
}


def _results(a: Arguments) -> int:
    from energyflow.pipeline import engines, params, records

    if a.what == "readme":
        from energyflow.report import readme

        return readme.main()
    if a.what == "plots":
        print(engines.plots())
        return 0
    if a.what in ("pack", "unpack", "tables"):
        return _rows(a)
    p = params.load(preset=a.preset, grid=a.grid)
    if a.what == "check":
        found = engines.check(p, deep=a.deep)
        print("\n".join(found), end="\n" if found else "")
        return int(bool(found))
    if a.what == "times":
        spent = records.times(p)
        lines = [f"{name:20} {done:4} of {count:4} jobs {hours:6.2f} h" for name, done, count, hours in spent]
        print("\n".join([*lines, f"{'together':38}{sum(hours for *_, hours in spent):6.2f} h of one core"]))
    elif a.what == "ready":
        engines.require_versionable(p)
        engines.require_safe_cache()
    elif a.what == "guard":
        records.guard(p)
    elif a.what == "prune":
        print(f"moved {len(records.prune(p))} file(s) to .snakemake/orphans")
    else:
        print(f"dvc.lock is up to date; moved {len(engines.commit(p))} orphan(s)")
    return 0


def _rows(a: Arguments) -> int:
    from energyflow.pipeline import lock, redraw, rows

    doing = {"pack": rows.pack_here, "unpack": rows.unpack_here, "tables": redraw.redraw_all}
    with lock.workflow_lock(Path()) if a.what != "pack" else nullcontext():  # what is finished can be packed meanwhile
        said = [print(each, flush=True) for each in doing[a.what](a.preset, a.grid)]
    if not said:
        print("nothing is packed (results/<preset>/rows), and no run of this preset is here")
    return 0


def add(commands: Commands) -> None:
    """Add the command."""
    results = add_command(commands, "results", "the results of this checkout: check, draw, pack them", flags=False)
    said = "; ".join(f"{what}: {text}" for what, text in RESULTS.items())
    results.add_argument("what", choices=tuple(RESULTS), metavar="WHAT", help=said)
    results.add_argument("--preset", help="default: that of params.yaml")
    results.add_argument("--grid", help="default: that of params.yaml")
    results.add_argument("--deep", action="store_true", help="check: read every recorded byte again")
    results.set_defaults(handler=_results, computes=False)

"""The fault campaign: `python -m tests.faults --count 100 --kills 50` damages inputs and kills runs, from one seed.

Every trial is noted as it ends (`--work`), so that a campaign that was stopped goes on with the same command. With
`--write` the counts go into docs/reliability.json and the table of docs/reliability.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tqdm import tqdm

from energyflow.core.files import read_json, write_json, write_text
from tests.conftest import ROOT
from tests.faults import kills
from tests.faults.inputs import make
from tests.faults.kinds import KINDS, rng_of
from tests.faults.trial import GOOD, VERDICTS, Verdict, judge, run

FIGURES, PAGE = ROOT / "docs/reliability.json", ROOT / "docs/reliability.md"
START, END = "<!-- figures -->", "<!-- end of figures -->"
KILLS = "kills"
# What trials would each import for themselves; they are forks of this process.
PRELOADED = ("learning.trainer", "learning.evaluation", "report.outputs", "envs.metaworld")
Outcome = tuple[str, Verdict]


def trial(work: Path, kind: str, seed: int, number: int, folder: Path) -> Outcome:
    """Do one trial: what was done, and what became of it."""
    rng = rng_of(seed, kind, number)
    if kind == KILLS:
        return kills.kill(work, folder, rng)
    tried = KINDS[kind](make(work / "inputs"), folder, rng)
    ended = run(tried.argv, tried.cwd)
    verdict = judge(tried, ended)
    said = "" if verdict in GOOD else f" -> {ended.status}: {' '.join(ended.said.split())[-300:]}"
    return tried.what + said, verdict


def campaign(work: Path, seed: int, counts: dict[str, int], note: Callable[[dict[str, Any]], None]) -> None:
    """Do the trials that have not been done yet, in order."""
    done = {(entry["kind"], entry["number"]) for entry in journal(work, seed)}
    for kind, count in counts.items():
        for number in tqdm([n for n in range(count) if (kind, n) not in done], desc=kind, unit="trial"):
            folder = work / "trial"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            what, verdict = trial(work, kind, seed, number, folder)
            note({"kind": kind, "number": number, "what": what, "verdict": verdict})
            shutil.rmtree(folder, ignore_errors=True)


def _file(work: Path, seed: int) -> Path:
    return work / f"trials-{seed}.jsonl"


def journal(work: Path, seed: int) -> list[dict[str, Any]]:
    """The trials that have ended; a line that was cut short is none."""
    found = []
    for line in _file(work, seed).read_text().splitlines() if _file(work, seed).is_file() else []:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def figures(entries: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """Counts by kind and verdict, and every trial that went wrong."""
    counts: dict[str, Counter[str]] = {}
    for entry in entries:
        counts.setdefault(entry["kind"], Counter())[entry["verdict"]] += 1
    return {
        "seed": seed,
        "python": platform.python_version(),
        "trials": {kind: {"trials": sum(c.values())} | {v: c[v] for v in VERDICTS} for kind, c in counts.items()},
        "wrong": [entry for entry in entries if entry["verdict"] not in GOOD],
    }


def table(found: dict[str, Any]) -> str:
    """The counts as Markdown."""
    lines = ["| damaged | trials | " + " | ".join(VERDICTS) + " |", "|---|" + "---|" * (len(VERDICTS) + 1)]
    for kind, counts in found["trials"].items():
        lines.append(f"| {kind} | {counts['trials']} | " + " | ".join(str(counts[v]) for v in VERDICTS) + " |")
    return "\n".join(lines)


def filled(page: str, found: dict[str, Any]) -> str:
    """The page with the table of these figures."""
    before, rest = page.split(START)
    return f"{before}{START}\n{table(found)}\n{END}{rest.split(END)[1]}"


def main(argv: list[str] | None = None) -> int:
    """Run a campaign; the exit status says whether anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100, help="trials of each kind of damaged input")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--kills", type=int, default=0, help="runs that are killed: a minute or two each")
    parser.add_argument("--work", type=Path, default=ROOT / ".faults", help="where inputs and trials are kept")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/")
    a = parser.parse_args(argv)
    for module in PRELOADED:
        import_module(f"energyflow.{module}")
    work = a.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    with _file(work, a.seed).open("a") as notes:

        def note(entry: dict[str, Any]) -> None:
            notes.write(json.dumps(entry) + "\n")
            notes.flush()

        campaign(work, a.seed, {**dict.fromkeys(a.kinds, a.count), KILLS: a.kills}, note)
    found = figures(journal(work, a.seed), a.seed)
    print(table(found))
    for entry in found["wrong"]:
        print(f"{entry['verdict']}: {entry['kind']} {entry['number']}: {entry['what']}")
    if a.write:
        write_json(FIGURES, found)
        write_text(PAGE, filled(PAGE.read_text(), read_json(FIGURES)))
    return int(bool(found["wrong"]))


if __name__ == "__main__":
    raise SystemExit(main())

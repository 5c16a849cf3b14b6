"""Mutation testing: break the code in one small place, run the tests that reach it, and see whether one fails.

`make mutants` tries a seeded sample of each room and prints the share that the tests kill, and every survivor. Mutants
that no test could tell from the code, or that nobody should, are listed with the reason in equivalent.yaml.
"""

from __future__ import annotations

import argparse
import fnmatch
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import get_mutant_name

EQUIVALENT = Path(__file__).with_name("equivalent.yaml")
ROOMS = ["networks", "policies", "rewards", "learning", "report"]
DEAD = {"killed", "timeout", "segfault", "caught by type check"}


@dataclass(frozen=True)
class Harmless:
    """Mutants whose module matches `where` and whose change, "old => new", contains `change`."""

    where: str
    change: str
    reason: str

    def __contains__(self, mutant: str) -> bool:
        return fnmatch.fnmatch(mutant, self.where + "*") and re.search(self.change, change(mutant)) is not None


def change(mutant: str) -> str:
    """The line that a mutant changes, as "old => new"."""
    lines = get_diff_for_mutant(mutant).splitlines()[2:]
    old, new = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return f"{old} => {new}"


def room(mutant: str) -> str:
    return mutant.split(".")[1]


def mutants_of(rooms: list[str]) -> Iterator[str]:
    for path in walk_mutatable_files():
        if path.parts[1] not in rooms:
            continue
        for name in mutate_file_contents(str(path), path.read_text(encoding="utf-8")).mutant_names:
            yield get_mutant_name(path, name)


def drawn(mutants: list[str], count: int, seed: int) -> list[str]:
    """`count` of each room, or all that it has."""
    rng, rooms = random.Random(seed), sorted({room(mutant) for mutant in mutants})
    parts = [[mutant for mutant in mutants if room(mutant) == name] for name in rooms]
    return [mutant for part in parts for mutant in rng.sample(part, min(count, len(part)))]


def outcomes() -> dict[str, str]:
    """Status of every mutant that was tried."""
    found = {}
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        found |= {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}
    return found


def report(mutants: list[str], status: dict[str, str]) -> float:
    """Print the shares and the survivors; return the share killed of all that a test could kill."""
    harmless = [Harmless(**entry) for entry in yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8"))]
    tally: Counter[tuple[str, str]] = Counter()
    for mutant in sorted(mutants):
        if status[mutant] in DEAD:
            outcome = "killed"
        elif reasons := [entry.reason for entry in harmless if mutant in entry]:
            outcome = "equivalent"
            print(f"equivalent  {mutant}\n    {change(mutant)}\n    {reasons[0]}")
        else:
            outcome = "survived"
            print(f"{status[mutant]}  {mutant}\n    {change(mutant)}")
        tally[room(mutant), outcome] += 1
        tally["all", outcome] += 1
    print(f"\n{'room':<10} {'tried':>6} {'equivalent':>11} {'killed':>7} {'survived':>9} {'share':>7}")
    for name in [*sorted({room for room, _ in tally} - {"all"}), "all"]:
        killed, survived, equivalent = (tally[name, outcome] for outcome in ("killed", "survived", "equivalent"))
        share = killed / max(1, killed + survived)
        tried = killed + survived + equivalent
        print(f"{name:<10} {tried:>6} {equivalent:>11} {killed:>7} {survived:>9} {share:>7.1%}")
    return share


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("rooms", nargs="*", default=ROOMS, help=f"of {', '.join(ROOMS)}; default: all")
    parser.add_argument("--count", default="60", help="mutants tried of each room, or `all`")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--at-least", type=float, default=0.85, help="share killed, below which the command fails")
    given = parser.parse_args()
    config()
    tried = mutants = list(mutants_of(given.rooms))
    asked = [f"energyflow.{name}.*" for name in given.rooms]
    if given.count != "all":
        tried = asked = drawn(mutants, int(given.count), given.seed)
    command = ["mutmut", "run", "--max-children", str(given.processes), *asked]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(done.stdout)
        return done.returncode
    return int(report(tried, outcomes()) < given.at_least)


if __name__ == "__main__":
    sys.exit(main())

"""The guides to adding things, as steps: what a page tells its reader to write and to run, and nothing else."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.pipeline.tree import Tree

PAGES = Path(__file__).parents[1] / "docs/guides"
FENCE = re.compile(r"^```(\w*)\n", re.M)  # text, language, block, "", text, ...
SAID = {  # the line above a block -> what is done with the block
    "write": re.compile(r"File `(?P<file>[^`]+)`:"),
    "insert": re.compile(r"Line of `(?P<file>[^`]+)`, after `(?P<after>[^`]+)`:"),
    "merge": re.compile(r"In `(?P<file>params\.yaml)`:"),
}
# One process for many commands, which pay for its imports once; it answers each with what the command did and said.
SERVER = """
import contextlib, io, json, shlex, sys
from energyflow.cli import main
for line in sys.stdin:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(shlex.split(line))
    print(json.dumps([code, said.getvalue()]), flush=True)
"""
PLANNED = """
import copy, json, sys
from energyflow.pipeline import params, plan
raw, (key, name), found = params.read(), sys.argv[1:], {}
if others := [each for each in raw["run"][key] if each != name]:
    raw["run"][key] = others
for preset in raw["presets"]:
    for grid in params.GRIDS:
        ran = list(getattr(params.resolve(raw, preset, grid), key))
        if not ran:
            continue
        asked = copy.deepcopy(raw)
        where = asked["presets"][preset].setdefault({"core": "run", "full": "full"}[grid], {})
        where[key] = list(dict.fromkeys([*ran, name]))
        made = plan.outputs(params.resolve(asked, preset, grid))
        files = [file for files in made.values() for file in files if f"/{name}/" in file]
        found[f"{preset} {grid}"] = {"at once": name in ran, "files": len(files)}
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Step:
    """One block of a page: what is done with it, the file that it is about, the line that it goes after, its text."""

    what: str
    text: str
    file: str = ""
    after: str = ""


def steps(page: str) -> list[Step]:
    """The steps of a page, in order.

    Raises:
        ValueError: a block of which the page does not say what to do with it.
    """
    parts, found = FENCE.split((PAGES / page).read_text(encoding="utf-8")), []
    for before, language, block in zip(parts[0::4], parts[1::4], parts[2::4], strict=False):
        said = before.rstrip().rpartition("\n")[2]
        matches = [(what, match) for what, pattern in SAID.items() if (match := pattern.fullmatch(said))]
        if language == "console":
            found.append(Step("run", block))
        elif matches:
            found.append(Step(matches[0][0], block, **matches[0][1].groupdict()))
        else:
            raise ValueError(f"{page}: no test carries out the block after {said!r}")
    return found


def commands(text: str) -> list[tuple[str, list[str]]]:
    """The commands of a console block, and the lines that each is said to print."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        else:
            found[-1][1].append(line)
    return found


class Reader:
    """Somebody who does what a page says, in a copy of the project, and nothing else."""

    def __init__(self, tree: Tree, *, engine: bool) -> None:
        """Work in a copy; with `engine`, Snakemake runs the jobs, else its plan is carried out in one process."""
        self.tree, self.engine = tree, engine
        self._server: subprocess.Popen[str] | None = None

    def close(self) -> None:
        """End the process behind the commands; the next one starts another, which reads the code anew."""
        if self._server is not None:
            self._server.kill()
            self._server.communicate()
            self._server = None

    def follow(self, page: str) -> None:
        """Carry a page out.

        Raises:
            AssertionError: a step cannot be done, fails, or does not print what the page says.
        """
        for step in steps(page):
            getattr(self, step.what)(step)

    def write(self, step: Step) -> None:
        """A new file."""
        self.close()
        path = self.tree.path / step.file
        assert not path.exists(), f"{step.file} is there already"
        path.write_text(step.text)

    def insert(self, step: Step) -> None:
        """A line after another one, which there is once, and as far to the right."""
        self.close()
        path = self.tree.path / step.file
        lines = path.read_text().splitlines()
        (place,) = [number for number, line in enumerate(lines) if line.strip() == step.after]
        (added,) = step.text.splitlines()
        indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
        path.write_text("\n".join([*lines[: place + 1], indent + added, *lines[place + 1 :], ""]))

    def merge(self, step: Step) -> None:
        """Values of params.yaml."""

        def over(raw: dict[str, Any], changes: dict[str, Any]) -> None:
            for key, value in changes.items():
                if isinstance(value, dict):
                    over(raw[key], value)
                else:
                    assert key in raw, f"{step.file}: no key {key}"
                    raw[key] = value

        self.tree.write_params(lambda raw: over(raw, yaml.safe_load(step.text)))

    def run(self, step: Step) -> None:
        """Commands; each must print the lines that follow it."""
        for command, printed in commands(step.text):
            said = self._command(command).splitlines()
            assert all(line in said for line in printed), f"{command}: printed {said}, not {printed}"

    def _command(self, command: str) -> str:
        program, _, arguments = command.partition(" ")
        if program == "energyflow":
            return self.energyflow(arguments)
        words = shlex.split(arguments)
        if program == "make":  # in the environment that the tests run in, whose `energyflow` is not the copy's
            own = {"PYTHONPATH": str(self.tree.path)}
            return self.tree.run("make", "--old-file", ".venv/.installed", *words, **own).stdout
        if program == "pytest":
            return self.tree.run(sys.executable, "-m", "pytest", "-n", "0", *words).stdout
        assert program == "snakemake", f"no test runs {program}"
        if self.engine:
            return self.tree.snakemake(*words).stdout
        plan = self.tree.snakemake("-n", "-p", *words, ENERGYFLOW_NO_GUARD="1").stdout
        jobs = re.findall(r"^Shell command: python -m energyflow\.cli (.*?) > \S+ 2>&1$", plan, re.M)
        assert jobs, plan
        # packing takes Snakemake's record of each run along, which only Snakemake writes
        return "".join(self.energyflow(job) for job in jobs if not job.startswith("job pack "))

    def energyflow(self, arguments: str, status: int = 0) -> str:
        """What `energyflow` says; it must end with a status."""
        if self._server is None:
            command = [sys.executable, "-c", SERVER]
            pipe, own = subprocess.PIPE, self.tree.env
            self._server = subprocess.Popen(command, cwd=self.tree.path, env=own, stdin=pipe, stdout=pipe, text=True)
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(arguments, file=self._server.stdin, flush=True)
        code, said = json.loads(self._server.stdout.readline())
        assert code == status, f"energyflow {arguments}: {said}"
        return str(said)

    def planned(self, key: str, name: str) -> dict[str, dict[str, int]]:
        """By preset and grid: whether a name is run at once, and its files once `run.<key>` names it.

        Presets that run nothing of the kind are left out.
        """
        found: dict[str, dict[str, int]] = json.loads(self.tree.python(PLANNED, key, name))
        return found

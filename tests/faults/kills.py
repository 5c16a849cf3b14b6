"""Runs of a tiny preset that are killed, and continued by the very same command.

At a random moment, or as soon as one output stands: between an output and the record of it, or in DVC's commit.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.inputs import comparable
from tests.faults.mutations import Rng
from tests.faults.trial import Verdict
from tests.pipeline.tree import Tree

SNAKEMAKE = (sys.executable, "-m", "snakemake", "--cores", "1")
DVC = (sys.executable, "-m", "dvc", "repro")
TARGETS = {"snakemake": "stage_train", "dvc": "train"}
# Who is killed: the whole process group as by a closed terminal, one job as by the kernel, or whoever runs the jobs.
VICTIMS = ("group", "job", "engine")
COMPARED = (".safetensors", ".hdf5", ".csv", ".md", ".tex", ".svg")
LIMIT = 900.0


def whole(root: Path, engine: str) -> tuple[Tree, float]:
    """A run that nobody disturbs, made once, and the seconds that it took."""
    path = root / f"whole-{engine}"
    note = path / ".snakemake/seconds"
    if note.is_file():
        return Tree(path), float(note.read_text())
    tree = Tree.fresh(path)
    started = time.monotonic()
    tree.run(*command(engine))
    seconds = time.monotonic() - started
    note.write_text(str(seconds))
    return tree, seconds


def command(engine: str) -> tuple[str, ...]:
    """What is run, killed, and run again."""
    return (*{"snakemake": SNAKEMAKE, "dvc": DVC}[engine], TARGETS[engine])


def outputs(tree: Tree) -> dict[str, object]:
    """What the run made, by path, without what differs from run to run."""
    files = [file for top in ("data", "results") for file in (tree.path / top).rglob("*") if file.suffix in COMPARED]
    kept = [file for file in files if not file.name.startswith(".")]
    return {str(file.relative_to(tree.path)): comparable(file) for file in sorted(kept)}


def kill(root: Path, folder: Path, rng: Rng) -> tuple[str, Verdict]:
    """Run, kill, run again; what was killed when, and what became of it."""
    engine, victim = str(rng.choice(list(TARGETS))), str(rng.choice(VICTIMS))
    undisturbed, seconds = whole(root, engine)
    tree = Tree.fresh(folder / "project")
    after, awaited = float(rng.uniform(0.0, seconds)), _awaited(outputs(undisturbed), rng)
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command(engine), cwd=tree.path, env=tree.env, stdout=quiet, stderr=quiet, start_new_session=True
    ) as running:
        if awaited:
            after = _appears(tree.path / awaited, LIMIT)
            time.sleep(wait := float(rng.choice([0.0, 0.5])))
            after += wait
        else:
            time.sleep(after)
        _kill(running.pid, victim, rng)
        try:
            running.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            return f"{engine}, {victim} after {after:.1f} s: did not end", "hang"
        _wait_for_orphans(running.pid)
    what = f"{engine}, {victim} after {after:.1f} of {seconds:.1f} s{f', once {awaited} stood' if awaited else ''}"
    again = tree.run(*command(engine), ok=False)
    if again.returncode:
        said = (again.stdout + again.stderr).strip().splitlines()
        return f"{what}: {said[-1] if said else ''}", "lost"
    found, wanted = outputs(tree), outputs(undisturbed)
    differing = sorted(name for name in wanted if found.get(name) != wanted[name])
    return f"{what}: {json.dumps(differing)}" if differing else what, "silent" if differing else "fine"


def _awaited(made: dict[str, object], rng: Rng) -> str:
    """In every other trial, the output that a kill waits for; otherwise none."""
    return str(rng.choice(sorted(name for name in made if not name.endswith(".md")))) if rng.random() < 0.5 else ""


def _appears(file: Path, limit: float) -> float:
    """Seconds until a file stands, at most `limit`."""
    started = time.monotonic()
    while not file.exists() and time.monotonic() - started < limit:
        time.sleep(0.005)
    return time.monotonic() - started


def _kill(leader: int, victim: str, rng: Rng) -> None:
    """Send SIGKILL; a job is a process of the session that runs `energyflow.cli`, if there is one just now."""
    if victim == "group":
        os.killpg(leader, signal.SIGKILL)
    elif victim == "engine":
        os.kill(leader, signal.SIGKILL)
    else:
        jobs = [pid for pid in _session(leader) if b"energyflow.cli" in _command_line(pid)]
        if jobs:
            os.kill(int(rng.choice(jobs)), signal.SIGKILL)


def _session(leader: int) -> list[int]:
    """The living processes of a session (field 6 of /proc/PID/stat)."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            after_name = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if entry.name.isdigit() and int(after_name[3]) == leader and after_name[0] != "Z":
            found.append(int(entry.name))
    return found


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _wait_for_orphans(leader: int) -> None:
    """What a dead process had started goes on, and ends; who starts again at once is told that it still runs."""
    deadline = time.monotonic() + LIMIT
    while _session(leader) and time.monotonic() < deadline:
        time.sleep(0.2)

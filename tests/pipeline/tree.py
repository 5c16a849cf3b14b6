"""A copy of the project in a folder of its own, with both engines at hand and a tiny preset of real jobs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from energyflow.config.params import Params
from energyflow.pipeline import params as params_module
from energyflow.pipeline.dvcfile import stage_file
from energyflow.studies.registry import STUDIES

ROOT = Path(__file__).parents[2]
METHODS = ["energyflow", "flow_policy"]
ONLINE = ["ebil_bc"]  # of those trained in the simulator: a reward model, cloning, and demonstrations in the batch
SOURCES = ["sparse", "centered_energy"]
TINY: dict[str, Any] = {
    "run": {
        "methods": METHODS + ONLINE,
        "sources": SOURCES,
        "tasks": ["metaworld/button_press"],
        "seeds": [0],
        "shape_tasks": ["metaworld/button_press"],
        "studies": ["theory", "ablations"],
    },
    "collect": {"demos": 2},
    "train": {
        "steps": 6,
        "batch_size": 8,
        "warmup_steps": 2,
        "ema_decay": 0.5,
        "log_every": 2,
        "resume_every": 3,
    },
    "evaluate": {"episodes": 1, "horizon": 10, "nfe": [2, 3]},
    "reward_model": {"steps": 100},
    "shape": {"steps": 60, "eval_every": 30, "learning_starts": 20, "eval_episodes": 1, "horizon": 20},
    "online": {"clone_steps": 5},
}
NOT_COPIED = (
    *(
        ".git",
        ".venv",
        ".snakemake",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        "__pycache__",
        "*.egg-info",
    ),
    *("results", "data", "logs", "tests", "docs", "site", "cache", "tmp", "dvc.lock", "digests"),
)
Edit = Callable[[dict[str, Any]], None]


class Tree:
    """The project in `path`; commands run there, with its own copy of the library."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "ENERGYFLOW", "GIT"))},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,  # nobody's name, nobody's settings: as on a fresh machine
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @classmethod
    def fresh(cls, path: Path, *, tiny: bool = True) -> Tree:
        """Copy the project, without results; make `tiny` its preset unless told otherwise."""
        shutil.copytree(ROOT, path, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)
        tree = cls(path)
        profile = path / "workflow/profiles/default/config.yaml"  # Snakemake waits for its timers at the end
        profile.write_text(profile.read_text().replace("1000/10s", "1000/1s"))

        def shrink(raw: dict[str, Any]) -> None:
            raw["preset"] = "tiny"
            raw["evaluate"]["nfe_methods"] = METHODS
            raw["presets"]["tiny"] = {**raw["presets"]["smoke"], **TINY}
            raw["report"]["bootstrap"] = 100
            raw["plots"]["landscape"] |= {"resolution": 9, "samples": 8}

        if tiny:
            tree.write_params(shrink)
        tree.run("git", "init", "--quiet", "--initial-branch=main")
        tree.commit()
        return tree

    def copy(self, path: Path) -> Tree:
        """An independent copy of everything, results and records included."""
        shutil.copytree(self.path, path, symlinks=True)
        return Tree(path)

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run(
            "git",
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@localhost",
            "commit",
            "--quiet",
            "--message",
            "state",
        )

    @property
    def params(self) -> Params:
        return params_module.load(self.path / "params.yaml")

    def write_params(self, edit: Edit) -> None:
        file = self.path / "params.yaml"
        raw = yaml.safe_load(file.read_text())
        edit(raw)
        file.write_text(yaml.safe_dump(raw, sort_keys=False))

    @contextmanager
    def edited(self, name: str = "params.yaml") -> Iterator[Path]:
        """Give a file of the project back as it was."""
        file = self.path / name
        before = file.read_text()
        try:
            yield file
        finally:
            file.write_text(before)

    def run(
        self, *command: str, ok: bool = True, typed: str | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, with `typed` as its input; with `ok`, a failure is an error that shows what it said."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.env | env,
            input=typed,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        if ok and done.returncode:
            said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("import time:")]
            raise AssertionError("\n".join([f"{command} failed:", *said[-80:]]))
        return done

    def python(self, program: str, *arguments: str, typed: str | None = None) -> str:
        """What a program prints that imports the copy's library."""
        return self.run(sys.executable, "-c", program, *arguments, typed=typed).stdout

    def snakemake(self, *arguments: str, ok: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "snakemake", "--cores", "2", *arguments, ok=ok, **env)

    def theory_run(self) -> list[str]:
        """Files of the one point that is run: its checks read models of the theory, and policies of the preset."""
        return [file for file in STUDIES["theory"].point_files(self.params) if "/circulation." in file]

    def pretend_theory(self) -> None:
        """Give the rest of the theory placeholders, and the records of a run: what plans are made from."""
        study = STUDIES["theory"]
        packed = study.archive_files(self.params)
        for file in (file for files in study.stages(self.params).values() for file in files if file not in packed):
            path = self.path / file
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("{}\n" if path.suffix == ".json" else f"{file}\n")
        jobs = ("--", "stage_theory_model", "stage_theory_check")
        self.snakemake("--touch", "--forcerun", "theory_model", *jobs, ENERGYFLOW_NO_GUARD="1")
        self.engines("pack")
        drawn = ("theory_point", "theory_rows", "--", "theory")
        self.snakemake("--touch", "--forcerun", *drawn, ENERGYFLOW_NO_GUARD="1")
        for log in (self.path / "logs/results/theory").rglob("*.log"):
            if not log.stat().st_size:
                log.unlink()  # of a job that was not run

    def engines(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "energyflow.cli", "results", *arguments, ok=ok)

    def stage(self, name: str, *, ok: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "energyflow.cli", "job", "stage", name, ok=ok)

    def dvc(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "dvc", *arguments, ok=ok)

    def plan(self, *arguments: str) -> dict[str, int]:
        """How many jobs of each rule Snakemake would run; targets that run nothing are left out."""
        done = self.snakemake("-n", *arguments)
        said = done.stdout + done.stderr
        if "Nothing to be done" in said:
            return {}
        stats = said.split("Job stats:")[1].split("total")[0]
        return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", stats, re.M) if rule != "all"}

    def changed(self) -> set[str]:
        """DVC stages that are not up to date, of the targets that `finished` runs."""
        files = (stage_file(target) for target in ("all", "theory"))
        return {name.rpartition(":")[2] for name in json.loads(self.dvc("status", "--json", *files).stdout or "{}")}

    def clock(self) -> float:
        """Time of the youngest record of a job."""
        return max((record["endtime"] for record in self.records()), default=0.0)

    def records(self) -> list[dict[str, Any]]:
        files = (f for f in (self.path / ".snakemake/metadata").rglob("*") if f.is_file())
        return [json.loads(file.read_text()) for file in files]

    def executed(self, since: float) -> dict[str, int]:
        """How many jobs of each rule really ran since then, from the records that Snakemake writes."""
        jobs = {(r["rule"], r["shellcmd"]) for r in self.records() if r["starttime"] > since}
        return dict(Counter(rule for rule, _ in jobs))


def reports(*, tables: str = "", figures: str = "", others: bool = True) -> dict[str, int]:
    """Counts of report rules by name: `reports(tables="nfe cost", figures="nfe")`."""
    names = [f"table_{t}" for t in tables.split()] + [f"figure_{f}" for f in figures.split()]
    return dict.fromkeys([*names, *(["plots", "metrics", "rows"] if others else [])], 1)


ALL_REPORTS = reports(
    tables="success ranking ood ood_differences nfe learning cost claims_cost",
    figures="success ood nfe learning loss time landscape",
)
DRAWN = {rule: count for rule, count in ALL_REPORTS.items() if rule != "rows"}  # by code of the report alone
ALL_REPORTS |= {"landscape": 1}

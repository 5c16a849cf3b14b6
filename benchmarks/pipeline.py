"""What the workflow costs before any work: reading parameters, starting a job, planning.

CPU seconds of whole processes, Snakemake's own children included; against a process that imports what they cannot do
without.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from pathlib import Path

import pandas as pd

from benchmarks.timing import machine
from energyflow.core.files import write_json, write_text
from energyflow.report.columns import fixed
from energyflow.report.render import Column, Table

PYTHON = (sys.executable,)
SNAKEMAKE = (sys.executable, "-m", "snakemake", "-n", "--quiet", "all")
COMMANDS: dict[str, tuple[str, ...]] = {
    "Python alone": (*PYTHON, "-c", "pass"),
    "read params.yaml": (*PYTHON, "-c", "from energyflow.pipeline import params; params.load()"),
    "import torch": (*PYTHON, "-c", "import torch"),
    "start of a training job": (*PYTHON, "-c", "import energyflow.cli, energyflow.learning.trainer"),
    "start of a rollout job": (*PYTHON, "-c", "import energyflow.cli, energyflow.learning.evaluation"),
    "start of a job of SAC": (*PYTHON, "-c", "import energyflow.cli, energyflow.agents.sac"),
    "import Snakemake": (*PYTHON, "-c", "import snakemake.cli"),
    "plan of smoke": (*SNAKEMAKE, "--config", "preset=smoke"),
    "plan of laptop": (*SNAKEMAKE, "--config", "preset=laptop"),
    "plan of laptop, full grid": (*SNAKEMAKE, "--config", "preset=laptop", "grid=full"),
    "plan of paper, full grid": (*SNAKEMAKE, "--config", "preset=paper", "grid=full"),
}


def cpu_seconds(command: tuple[str, ...]) -> float:
    """CPU seconds of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(out: Path, quick: bool) -> None:
    """Measure, and write `pipeline.json` and `pipeline.md` into `out`; `quick`: fewer rounds."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(2 if quick else 5):
        for name, command in COMMANDS.items():
            times[name].append(cpu_seconds(command))
    rows = [
        {"what": name, "seconds": statistics.median(taken), "low": min(taken), "high": max(taken), "rounds": len(taken)}
        for name, taken in times.items()
    ]
    write_json(out / "pipeline.json", {"machine": machine(), "rows": rows})
    table = Table(
        title="CPU time of the workflow before any work",
        caption="Seconds of whole processes, children included: median over rounds, smallest and largest.",
        frame=pd.DataFrame(rows),
        columns=(
            Column("Process", lambda row: row["what"], numeric=False),
            Column("CPU (s)", fixed("seconds", 2)),
            Column("smallest", fixed("low", 2)),
            Column("largest", fixed("high", 2)),
        ),
    )
    write_text(out / "pipeline.md", table.markdown())

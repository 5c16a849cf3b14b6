"""Milliseconds per plan at several batch sizes, and the processor that they are true of."""

from __future__ import annotations

import platform
from pathlib import Path

from energyflow.core.files import write_csv
from energyflow.core.provenance import Run
from energyflow.learning.latency import planning_times
from energyflow.policies.base import default_device
from energyflow.policies.checkpoint import load
from energyflow.studies.ablations.sections import LatencyParams

CPU_INFO = Path("/proc/cpuinfo")


def processor() -> str:
    """Name of the processor, as far as the system tells it."""
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def measure(model: Path, params: LatencyParams, out: Path) -> None:
    """Write `latency.csv` with `exec_horizon` beside its usual columns, and `run.json`."""
    device = default_device()
    policy = load(model).to(device)
    record = params.model_dump(mode="json")
    with Run("ablations_latency", out, params=record, inputs=[model], method=policy.params.method) as run:
        horizon = {"exec_horizon": policy.spec.exec_horizon}
        write_csv(out / "latency.csv", [row | horizon for row in planning_times(policy, params.batches)])
        run.note(device=str(device), processor=processor())

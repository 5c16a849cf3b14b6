"""Milliseconds per plan at several batch sizes, on as many threads as the job was given."""

from __future__ import annotations

import platform
import time
from pathlib import Path

from energyflow.ablations.sections import LatencyParams
from energyflow.evaluation import LATENCY_REPEATS, LATENCY_WARMUP
from energyflow.policies.base import default_device
from energyflow.policies.checkpoint import load
from energyflow.seeding import torch_generator
from energyflow.storage import Run, write_csv

CPU_INFO = Path("/proc/cpuinfo")


def processor() -> str:
    """Name of the processor, as far as the system tells it."""
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def measure(model: Path, section: LatencyParams, out: Path) -> None:
    """Time planning calls, one row a repeat, after a warm-up; columns as in `latency.csv`, and `exec_horizon`."""
    device = default_device()
    policy = load(model).to(device)
    method, spec = policy.params.method, policy.spec
    about = {"method": method, "network": policy.params.network.kind, "nfe": policy.nfe}
    about |= {"parameters": sum(p.numel() for p in policy.parameters()), "exec_horizon": spec.exec_horizon}
    record = section.model_dump(mode="json")
    with Run("ablations_latency", out, params=record, inputs=[model], method=method) as run:
        generator, rows = torch_generator(0, "latency", device), []
        for batch in section.batches:
            obs = policy.normalizer.obs_mean.expand(batch, spec.obs_horizon, -1)
            for repeat in range(-LATENCY_WARMUP, LATENCY_REPEATS):
                started = time.perf_counter()
                policy.act(obs, generator).cpu()  # the copy waits for a GPU to finish
                elapsed = 1000.0 * (time.perf_counter() - started)
                if repeat >= 0:
                    rows.append(about | {"batch": batch, "repeat": repeat, "ms": round(elapsed, 4)})
        write_csv(out / "latency.csv", rows)
        run.note(device=str(device), processor=processor())

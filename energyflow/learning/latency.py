"""Milliseconds per plan, as rollouts plan, on as many threads as the job was given."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from energyflow.core.provenance import Run
from energyflow.core.seeding import torch_generator
from energyflow.policies.base import Policy, default_device
from energyflow.policies.checkpoint import load
from energyflow.policies.plan import fast_plan

REPEATS = 50
WARMUP = 5


def planning_times(policy: Policy, batches: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Time planning calls of whole chunks; one row a repeat after a warm-up, columns of `latency.csv`.

    Args:
        policy: on the device that is timed.
        batches: numbers of plans computed at once.
    """
    device = next(policy.parameters()).device
    about = {"method": policy.params.method, "network": policy.params.network.kind, "nfe": policy.nfe}
    about |= {"parameters": sum(p.numel() for p in policy.parameters())}
    generator = torch_generator(0, "latency", device)
    plan = fast_plan(policy, generator)
    for batch in batches:
        obs = policy.normalizer.obs_mean.cpu().expand(batch, policy.spec.obs_horizon, -1).numpy()
        for repeat in range(-WARMUP, REPEATS):
            started = time.perf_counter()
            plan(obs, None)
            elapsed = 1000.0 * (time.perf_counter() - started)
            if repeat >= 0:
                yield about | {"batch": batch, "repeat": repeat, "ms": round(elapsed, 4)}


def measure_latency(model: Path, out: Path) -> None:
    """Write `latency.csv` of a checkpoint, one plan at a time, and `run.json`."""
    device = default_device()
    policy = load(model).to(device)
    with Run("latency", out, params={}, inputs=[model], method=policy.params.method) as run:
        run.write_csv("latency.csv", list(planning_times(policy, [1])))
        run.note(device=str(device))

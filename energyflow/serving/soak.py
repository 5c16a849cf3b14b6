"""A control loop against a server on loopback, for as long as a shift: how late are actions, and how often too late?

The server is a process of its own, started as a user starts it; the loop is `serving.client.Client`, which sends an
observation at each tick of a clock and waits for its action.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np

from energyflow.core.errors import UserError
from energyflow.core.seeding import generator
from energyflow.policies.checkpoint import load
from energyflow.serving.client import Client


@contextmanager
def started(model: Path, *options: str) -> Iterator[str]:
    """`energyflow serve` at a free port of this machine: its address, without `ws://`.

    Raises:
        UserError: it did not start; what it said.
    """
    command = [sys.executable, "-m", "energyflow.cli", "serve", "--model", str(model), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            words = process.stdout.readline().split()
            address = next((word.removeprefix("ws://").rstrip(";") for word in words if word.startswith("ws://")), "")
            if not address:
                raise UserError(f"{model}: its server did not start")
            yield address
        finally:
            process.terminate()
            process.communicate()  # its last line, too


def soak(model: Path, hz: float, seconds: float) -> dict[str, Any]:
    """Run the loop.

    Args:
        model: checkpoint.
        hz: of the clock.
        seconds: how long.

    Returns:
        `ticks`; `p50`, `p99` and `worst` milliseconds from observation to action, as the robot sees them; `misses`,
        actions that took longer than a period, and `late`, those that the server counted.

    Raises:
        UserError: the server did not start, or stopped.
    """
    normalizer, rng = load(model).normalizer, generator(0, "soak")
    mean, std = normalizer.obs_mean.numpy(), normalizer.obs_std.numpy()
    taken = []
    with started(model, "--hz", str(hz)) as address, Client(f"ws://{address}") as robot:
        first = time.perf_counter()
        for tick in range(max(1, round(hz * seconds))):
            time.sleep(max(0.0, first + tick / hz - time.perf_counter()))
            obs, began = mean + std * rng.standard_normal(len(mean)), time.perf_counter()
            robot(obs)
            taken.append(1000 * (time.perf_counter() - began))
        with urlopen(f"http://{address}/metrics") as page:
            counted = dict(line.split() for line in page.read().decode().splitlines() if not line.startswith("#"))
    p50, p99 = np.percentile(taken, [50, 99])
    misses = sum(ms > 1000 / hz for ms in taken)
    late = int(counted["energyflow_deadline_misses_total"])
    return {"ticks": len(taken), "p50": p50, "p99": p99, "worst": max(taken), "misses": misses, "late": late}

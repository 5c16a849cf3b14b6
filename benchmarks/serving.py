"""A control loop of 10 Hz against a policy server on loopback: what a robot waits for an action, how often too long.

    python -m benchmarks serving    # ten minutes, which wait; one with --quick

Stands for the paper's robot, which acts at 10 Hz. Writes `serving.json` and `serving.md` into `benchmarks/`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.acting import ACTION, OBS, policy_of
from benchmarks.timing import machine
from energyflow.core.files import write_json, write_text
from energyflow.pipeline import params
from energyflow.policies.checkpoint import save
from energyflow.serving.soak import soak

HZ = 10.0
SECONDS = {False: 600.0, True: 60.0}  # by `quick`


def main(out: Path, quick: bool) -> None:
    """Measure, and write `serving.json` and `serving.md` into `out`; `quick`: a minute."""
    policy = policy_of(params.load(preset="laptop").train["energyflow"])
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.safetensors"
        save(policy, model, {"task": "custom/soak", "seed": 0})
        found = soak(model, HZ, SECONDS[quick]) | {"every": policy.spec.exec_horizon}
    about = machine()
    write_json(out / "serving.json", {"machine": about, "hz": HZ, "quick": quick, **found})
    write_text(out / "serving.md", table(found, about))


def table(found: dict[str, Any], about: dict[str, Any]) -> str:
    """Markdown: one row, then the machine."""
    cells = [
        *(f"{HZ:g}", str(found["ticks"])),
        *(f"{found[name]:.3g}" for name in ("p50", "p99", "worst")),
        *(str(found["misses"]), str(found["late"])),
    ]
    lines = [
        "# Serving: what a robot waits for an action",
        "",
        "| Hz | Actions | p50 (ms) | p99 (ms) | Worst (ms) | Late, for the robot | Late, for the server |",
        "|---:|---:|---:|---:|---:|---:|---:|",
        f"| {' | '.join(cells)} |",
        "",
        "Wall-clock milliseconds from observation to action over a websocket on one machine; energyflow on the MLP,"
        f" {OBS} numbers observed, {ACTION} acted, a plan every {found['every']} actions."
        f" {about['cpu']}, {about['cores']} cores, load {about['load']}, torch {about['torch']}.",
        "",
    ]
    return "\n".join(lines)

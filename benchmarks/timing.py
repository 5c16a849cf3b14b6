"""CPU time of alternatives in one run: called in turn, so that whatever else the machine does meets them all."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

Work = Callable[[], object]


def cpu_seconds(work: Work, calls: int) -> float:
    """CPU seconds of one call, of so many in a row."""
    started = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - started) / calls


def interleave(alternatives: Mapping[str, Work], rounds: int, calls: int) -> dict[str, list[float]]:
    """CPU milliseconds of a call of each alternative, one number a round, after a round that is not counted."""
    found: dict[str, list[float]] = {name: [] for name in alternatives}
    for index in range(-1, rounds):
        for name, work in alternatives.items():
            taken = 1000.0 * cpu_seconds(work, calls)
            if index >= 0:
                found[name].append(taken)
    return found


def compare(times: dict[str, list[float]], ours: str, reference: str) -> dict[str, Any]:
    """Medians of both; median and range, over rounds, of the time of `ours` over that of `reference`."""
    ratios = [one / other for one, other in zip(times[ours], times[reference], strict=True)]
    return {
        "ours_ms": statistics.median(times[ours]),
        "reference_ms": statistics.median(times[reference]),
        "ratio": statistics.median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "rounds": len(ratios),
    }


def machine() -> dict[str, Any]:
    """What the numbers were taken on."""
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    load = Path("/proc/loadavg")
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": len(names) or None,
        "threads": torch.get_num_threads(),
        "load": float(load.read_text().split()[0]) if load.is_file() else None,
        "torch": torch.__version__,
        "vector": torch.backends.cpu.get_cpu_capability(),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).is_file() else []


def table(rows: list[dict[str, Any]], about: dict[str, Any], title: str, remarks: str) -> str:
    """Markdown: one row a comparison, then the machine, then what was tried and did not help."""
    lines = [
        f"# {title}",
        "",
        "| What | Against | Ours (ms) | Reference (ms) | Ours / reference [range] |",
        "|---|---|---:|---:|---:|",
    ]
    lines += [
        f"| {row['what']} | {row['against']} | {row['ours_ms']:.3g} | {row['reference_ms']:.3g}"
        f" | {row['ratio']:.2f} [{row['ratio_low']:.2f}, {row['ratio_high']:.2f}] |"
        for row in rows
    ]
    lines += [
        "",
        "CPU milliseconds, medians over rounds in which both were called in turn; ratios within a round. "
        f"{about['cpu']}, {about['cores']} cores, {about['threads']} thread, load {about['load']}, "
        f"torch {about['torch']} ({about['vector']}).",
        "",
        remarks.strip(),
        "",
    ]
    return "\n".join(lines)

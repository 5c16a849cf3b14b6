"""Alternatives timed in one run, compared and tabulated; see `energyflow.studies.timing`."""

from __future__ import annotations

import platform
import statistics
from pathlib import Path
from typing import Any

import torch


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

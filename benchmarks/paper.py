"""How long the paper's grid would take on this machine: a training step of each method at its own sizes, extrapolated.

    python -m benchmarks paper    # about a minute on one core

Writes `paper.json` and `paper.md` into `benchmarks/`. Training alone: demonstrations, rollouts and the agents that
learn in the simulator come on top.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import torch

from benchmarks.timing import machine
from benchmarks.training import trainer_of
from energyflow.core.files import write_json, write_text
from energyflow.pipeline import params
from energyflow.policies.registry import METHODS
from energyflow.studies.timing import cpu_seconds


def measured(section: Any, rounds: int) -> float:
    """CPU seconds of a step: the median of so many, after one that is not counted."""
    trainer = trainer_of(section)
    trainer.advance()
    return statistics.median(cpu_seconds(trainer.advance, 1) for _ in range(rounds))


def row(title: str, seconds: float, steps: int, runs: int) -> dict[str, Any]:
    """Of a method: milliseconds a step, steps a run, runs of the grid, and the hours that follow."""
    hours = seconds * steps / 3600.0
    return {"what": title, "ms": 1000.0 * seconds, "steps": steps, "runs": runs, "run_hours": hours} | {
        "grid_hours": hours * runs
    }


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def table(rows: list[dict[str, Any]], about: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        "# The paper's grid: hours of training on one core",
        "",
        "| Method | A step (ms) | Steps | Runs | A run (hours) | All runs (hours) |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {each['what']} | {_short(each['ms'])} | {each['steps']} | {each['runs']} | {_short(each['run_hours'])}"
        f" | {_short(each['grid_hours'])} |"
        for each in rows
    ]
    total = sum(each["grid_hours"] for each in rows)
    lines += [
        f"| All | | | {sum(each['runs'] for each in rows)} | | {_short(total)} |",
        "",
        "Preset `paper` with `grid=full`, its networks and batches, the observations and actions of Meta-World; a run"
        " is one task and training seed. CPU time, medians, extrapolated: no run was made to its end. "
        f"{about['cpu']}, {about['cores']} cores, {about['threads']} thread, load {about['load']},"
        f" torch {about['torch']} ({about['vector']}).",
        "",
    ]
    return "\n".join(lines)


def main(out: Path, quick: bool) -> None:
    """Measure, and write `paper.json` and `paper.md` into `out`; `quick`: one step each."""
    torch.set_num_threads(1)
    paper = params.load(preset="paper", grid="full")
    rounds, runs, rows = (1 if quick else 5), len(paper.every_task) * len(paper.seeds), []
    for method in paper.methods:
        if method in paper.train:
            section = paper.train[method]
            rows.append(row(METHODS[method].title, measured(section, rounds), section.steps, runs))
    for model in paper.models:
        section = paper.reward_model[model]
        title = f"{METHODS[model].title}, for rewards"
        runs = len(paper.shape_tasks) * len(paper.seeds)
        rows.append(row(title, measured(section, rounds), section.steps, runs))
    about = machine()
    write_json(out / "paper.json", {"machine": about, "rows": rows, "quick": quick})
    write_text(out / "paper.md", table(rows, about))

"""Rows as the pipeline writes them, with known success probabilities: no simulator, no training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from energyflow.config import layout as paths
from energyflow.core.files import write_json

TASKS = (
    "metaworld/button_press",
    "metaworld/drawer_open",
    "metaworld/assembly",
    "metaworld/bin_picking",
    "metaworld/hammer",
)
METHODS = {
    "energyflow": 0.96,
    "energyflow_paper": 0.1,
    "unconstrained": 0.9,
    "diffusion_policy": 0.85,
    "flow_policy": 0.8,
}
SOURCES = {
    "sparse": 0.3,
    "raw_energy": 0.0,
    "centered_energy": 0.8,
    "centered_energy_sparse": 0.95,
    "centered_energy_bounded": 0.9,
    "dense": 0.85,
}
LEVELS = {"0": 0.0, "L": 0.5, "M": 0.25, "S": 0.1}  # loss of success; as sorted JSON has them, not by size
METRES = {"0": 0.0, "L": 0.08, "M": 0.04, "S": 0.02}
CPU_SECONDS = 89.0
NFE = (2, 3, 5, 10, 20)
SEEDS = (0, 1, 2)
EPISODES = 20
FIRST_STATE = 100_000


def at(pattern: str, root: Path, **wildcards: object) -> Path:
    """Folder of a run of the preset laptop, as energyflow/config/layout.py has it."""
    return root / pattern.format(preset="laptop", **wildcards)


def write(path: Path, frame: pd.DataFrame | list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(frame).to_csv(path, index=False)
    return path


def episode_rows(
    rng: np.random.Generator,
    task: str,
    method: str,
    seed: int,
    cells: dict[tuple[str, int], float],
    decoder: str = "sample",
) -> list[dict[str, object]]:
    """Rows of one episodes.csv by one decoder; `cells` maps (level, nfe) to the probability of success."""
    return [
        {
            "task": task,
            "method": method,
            "seed": seed,
            "nfe": nfe,
            "decoder": decoder,
            "level": level,
            "episode": episode,
            "env_seed": FIRST_STATE + episode,
            "success": int(rng.random() < p),
            "return": 1.5,
            "length": 80,
            "seconds": 0.1,
        }
        for (level, nfe), p in cells.items()
        for episode in range(EPISODES)
    ]


def curve_rows(rng: np.random.Generator, task: str, source: str, seed: int, top: float) -> list[dict[str, object]]:
    return [
        {
            "task": task,
            "source": source,
            "seed": seed,
            "step": step,
            "episode": episode,
            "env_seed": FIRST_STATE + episode,
            "success": int(rng.random() < top * step / 30_000),
            "return": 10.0,
            "shaped_return": -3.0,
            "length": 100,
        }
        for step in range(2_500, 30_001, 2_500)
        for episode in range(10)
    ]


def write_results(root: Path, tasks: tuple[str, ...] = TASKS, shape_tasks: tuple[str, ...] = TASKS[:1]) -> list[Path]:
    """Write every file that the report reads under `root/results/laptop`; returns the paths."""
    rng = np.random.default_rng(0)
    files = []
    for i, task in enumerate(tasks):
        hard = 0.03 * i
        cells = {(level, 0): 1 - loss / 3 for level, loss in LEVELS.items()}
        files.append(
            write(
                at(paths.EXPERT, root, task=task) / "episodes.csv",
                episode_rows(rng, task, "expert", 0, cells, "expert"),
            )
        )
        moved = {level: {"hand": far, "object": far / 2, "goal": far / 2} for level, far in METRES.items()}
        files.append(at(paths.EXPERT, root, task=task) / "run.json")
        write_json(files[-1], {"params": {"levels": moved}})
        for method, p in METHODS.items():
            for seed in SEEDS:
                run = {"task": task, "method": method, "seed": seed}
                nfe = {"energyflow": 10, "energyflow_paper": 20}.get(method, 10)
                cells = {(level, nfe): max(p - hard - loss, 0.0) for level, loss in LEVELS.items()}
                rows = episode_rows(rng, task, method, seed, cells)
                cells = {(level, 1): max(p - 0.15 - hard - loss, 0.0) for level, loss in LEVELS.items()}
                rows += episode_rows(rng, task, method, seed, cells, "mean")
                files.append(write(at(paths.EVALUATE, root, **run) / "episodes.csv", rows))
                if method in ("energyflow", "energyflow_paper", "flow_policy"):
                    cells = {("0", k): (p - hard) * (1 - 1 / k) for k in NFE}
                    rows = episode_rows(rng, task, method, seed, cells)
                    files.append(write(at(paths.NFE, root, **run) / "episodes.csv", rows))
                files += _training(rng, root, run)
    for method in METHODS:
        latency = [
            {
                "method": method,
                "network": "mlp",
                "parameters": 180_000,
                "nfe": 10,
                "batch": 1,
                "repeat": r,
                "ms": ms,
            }
            for r, ms in enumerate(8 + rng.random(50))
        ]
        files.append(write(at(paths.LATENCY, root, method=method) / "latency.csv", latency))
    for task in shape_tasks:
        for source, top in SOURCES.items():
            for seed in SEEDS:
                rows = curve_rows(rng, task, source, seed, top)
                folder = at(paths.SHAPE, root, task=task, source=source, seed=seed)
                files.append(write(folder / "curve.csv", rows))
    return files


def _training(rng: np.random.Generator, root: Path, run: dict[str, object]) -> list[Path]:
    trained, evaluated = at(paths.TRAIN, root, **run), at(paths.EVALUATE, root, **run)
    steps = np.arange(100, 8_001, 100)
    loss = 2 * steps**-0.3 * np.exp(0.1 * rng.standard_normal(len(steps)))
    frame = pd.DataFrame({"step": steps, "loss": loss, "lr": 1e-3, "grad_norm": 0.5, "seconds": steps / 90})
    files = [write(trained / "train.csv", frame)]
    seconds = CPU_SECONDS * (1 + list(METHODS).index(str(run["method"])))
    record = {"device": "cpu", "threads": 1, "cpu_seconds": seconds, "peak_memory_mb": 410.5}
    model = {
        "parameters": 180_000,
        "spec": {"exec_horizon": 8},
        "params": {"steps": 8_000, "batch_size": 128},
    }
    for path, content in (
        (trained / "run.json", record | {"wall_seconds": 90 + float(rng.random())}),
        (trained / "model.json", model),
        (evaluated / "run.json", record | {"wall_seconds": 60 + float(rng.random())}),
    ):
        write_json(path, content)
        files.append(path)
    return files

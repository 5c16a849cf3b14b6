"""Data sets made here: a run in an environment, and the episodes of three qualities, in Minari's layout.

Where a scripted expert is known (`scripted.py`) it acts, elsewhere SAC (`sac_recorder.py`); both say at their top what
the qualities are: rule 1. The returns of a random policy and of the expert go into the metadata under Minari's names,
and normalise every score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from energyflow.core.files import sha256, write_json
from energyflow.core.provenance import Run
from energyflow.core.resume import ResumePoint
from energyflow.datasets.episodes import Episode
from energyflow.datasets.minari import FILE, write_minari
from energyflow.offline import maze
from energyflow.studies.offline.recorder import Recorder
from energyflow.studies.offline.sac_recorder import SACRecorder
from energyflow.studies.offline.scripted import ScriptedRecorder
from energyflow.studies.offline.sections import Recording

RULE = 1  # of the recorders' text; data of another rule are other data
QUALITIES = ("medium", "medium-replay", "medium-expert")
RECORDERS: dict[str, type[Recorder]] = {maze.ID: ScriptedRecorder}  # of the others: SAC
BEST = 0.1  # share of the episodes


def ceiling(episodes: Sequence[Episode]) -> float:
    """Mean return of the best tenth: what a policy reaches that takes the best of the data, and no more."""
    returns = sorted((episode.ret for episode in episodes), reverse=True)
    return float(np.mean(returns[: math.ceil(BEST * len(returns))]))


def record(name: str, params: Recording, seed: int, out: Path) -> None:
    """Come to an expert, and write `<quality>-v0/data/...`, `manifest.json`, `curve.csv` and `run.json`.

    A killed run continues bit for bit; see energyflow/core/resume.py.

    Args:
        name: of the environment, in Gymnasium's registry.
        params: every number.
        seed: of the run.
        out: folder of the outputs.

    Raises:
        UserError: the environment is unknown or cannot be built; nothing was learned; the disk is full; or
            another process is writing into `out`.
    """
    section = params.model_dump(mode="json")
    recorder = RECORDERS.get(name, SACRecorder)(name, params, seed)
    with Run("offline_record", out, params=section, inputs=[], task=name, seed=seed, rule=RULE) as run:
        point = ResumePoint(out, {"task": name, "seed": seed, "params": section, "rule": RULE})
        recorder.run(point)
        random, expert = recorder.random_return(), recorder.expert_return
        family = name.split("-v")[0].lower()
        manifest: dict[str, Any] = {"rule": RULE, "random": random, "expert": expert, "sets": {}}
        for quality, episodes in recorder.sets(random):
            folder = out / f"{quality}-v0"
            write_minari(
                folder,
                episodes,
                name=f"made-here/{family}/{quality}-v0",
                env={"id": name},
                box=recorder.simulator.box,
                metadata={
                    "algorithm_name": recorder.algorithm,
                    "description": f"made here by rule {RULE} of {recorder.algorithm}; not D4RL's data",
                    "ref_min_score": random,
                    "ref_max_score": expert,
                },
            )
            manifest["sets"][quality] = {
                "episodes": len(episodes),
                "transitions": sum(map(len, episodes)),
                "terminated": sum(episode.terminated for episode in episodes),
                "mean_return": float(np.mean([episode.ret for episode in episodes])),
                "ceiling": ceiling(episodes),
                "sha256": sha256(folder / "data" / FILE),
            }
        write_json(out / "manifest.json", manifest)
        run.write_csv("curve.csv", recorder.curve)
        run.note(**recorder.note(random), threads=torch.get_num_threads())
        point.remove()

"""Episodes of a trained policy in the environment of its data set, one row each, with normalised returns."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from energyflow.core.provenance import Existing, Run
from energyflow.core.seeding import torch_generator
from energyflow.datasets.episodes import Episode, Episodes, Floats
from energyflow.offline.checkpoint import MODEL, OfflinePolicy, load
from energyflow.offline.environment import Environment, environment_of
from energyflow.offline.methods.sections import RolloutParams

TOGETHER = 10  # environments that step side by side: a draw for ten states takes little more time than for one
FOREVER = 10_000  # steps of an episode where no clock ends it


def _stand_in(policy: OfflinePolicy) -> Episodes:
    """What an environment is built from, without the data: names, keys and widths."""
    source, spec = policy.description.source, policy.description
    empty = Episode(np.zeros((1, spec.obs_dim)), np.zeros((0, spec.action_dim)), np.zeros(0), False, False)
    return Episodes(Path(source.path), source.sha256, [empty], source.layout, source.env)


def rollout(policy: OfflinePolicy, params: RolloutParams, seed: int) -> list[dict[str, Any]]:
    """Episode i starts from the initial state of seed `params.seed + i`, whatever the method.

    Args:
        policy: draws one action at each step.
        params: how many, and from which states.
        seed: of the policy's noise.

    Returns:
        A row each: `episode`, `env_seed`, `return`, `length`, `terminated`, `seconds` of the policy alone, and
        `normalised_<source>` for each reference.
    """
    count = min(TOGETHER, params.episodes)
    environments = [environment_of(_stand_in(policy)) for _ in range(count)]
    generator = torch_generator(seed, "offline evaluation")
    rows: list[dict[str, Any]] = []
    for first in range(0, params.episodes, count):
        last = min(first + count, params.episodes)
        rows += _together(policy, environments[: last - first], params.seed + first, generator)
    for environment in environments:
        environment.close()
    for episode, row in enumerate(rows):
        scores = {f"normalised_{r.source}": r.score(row["return"]) for r in policy.description.source.references}
        rows[episode] = {"episode": episode, **row, **scores}
    return rows


def _together(
    policy: OfflinePolicy, environments: list[Environment], first: int, generator: torch.Generator
) -> list[dict[str, Any]]:
    """One episode in each environment."""
    now: list[Floats] = [each.reset(first + index) for index, each in enumerate(environments)]
    rows = [
        {"env_seed": first + index, "return": 0.0, "length": 0, "terminated": 0, "seconds": 0.0}
        for index in range(len(environments))
    ]
    running = list(range(len(environments)))
    while running:
        started = time.perf_counter()
        actions = policy.act(np.stack([now[index] for index in running]), generator)
        each = (time.perf_counter() - started) / len(running)
        still = []
        for index, action in zip(running, actions, strict=True):
            now[index], reward, terminated, truncated = environments[index].step(action)
            row = rows[index]
            row["return"] += reward
            row["length"] += 1
            row["seconds"] += each
            row["terminated"] = int(terminated)
            if not (terminated or truncated or row["length"] >= FOREVER):
                still.append(index)
        running = still
    return rows


def evaluate(model: Path, params: RolloutParams, out: Path, *, existing: Existing = "replace") -> None:
    """Roll a checkpoint out; write `episodes.csv` and `run.json`.

    Raises:
        UserError: the checkpoint is missing or damaged; its environment is unknown or has other widths; `out` holds a
            run of other inputs, and `existing` says to refuse; or another process is writing into `out`.
    """
    model = model / MODEL if model.is_dir() else model
    policy = load(model)
    who = {"task": policy.description.source.env["id"], "method": policy.description.method}
    who |= {"seed": policy.description.seed, "dataset": policy.description.source.name}
    run = Run("offline_evaluate", out, params=params.model_dump(), inputs=[model], **who)
    if run.is_there(("episodes.csv",), existing):
        return
    with run:
        rows = rollout(policy, params, policy.description.seed)
        run.write_csv("episodes.csv", [who | row for row in rows])
        run.note(episodes=len(rows))

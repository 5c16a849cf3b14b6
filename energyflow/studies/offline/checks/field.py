"""Theorem 4.1: the guided field is the marginal field of plain flow matching on the tilted law, and generates it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from energyflow.core.seeding import generator, torch_generator
from energyflow.offline.paths import PATHS
from energyflow.offline.samplers import sample
from energyflow.offline.sets import Array
from energyflow.studies.offline import distances
from energyflow.studies.offline.mixtures import example, guided_target, marginal_target
from energyflow.studies.offline.sections import FieldCheck

EXACT = 4  # exact samples of each law


def rows(subject: str, seed: int, params: FieldCheck, _inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """One row a path, beta and time, and one a path and beta.

    kind    `field`: `error`, the largest difference of the two fields at points of q_t, over the largest value;
            `law`: `distance` (sliced W2) of samples of the guided field to exact ones; `floor`: of exact ones;
            both are means over several exact samples
    """
    law, toward = example(seed)
    found: list[dict[str, Any]] = []
    for name, path in PATHS.items():
        for beta in params.betas:
            shared = {"seed": seed, "subject": subject, "path": name, "beta": beta}
            slope = beta * toward
            tilted, _ = law.tilted(slope)
            draws = torch_generator(seed, f"offline field {name} {beta:g}")
            for time in params.times:
                t = torch.full((params.points,), time, dtype=torch.float64)
                noise = torch.randn((params.points, law.mean.shape[-1]), generator=draws, dtype=torch.float64)
                x = path.noisy(tilted.sample(params.points, draws), noise, t)
                ours, plain = guided_target(law, path, x, t, slope)[0], marginal_target(tilted, path, x, t)
                error = float((ours - plain).abs().max() / plain.abs().max())
                found.append(shared | {"kind": "field", "time": time, "error": error})

            def predict(x: torch.Tensor, t: torch.Tensor, _condition: Any, path: Any = path, slope: Any = slope) -> Any:
                return guided_target(law, path, x, t.clamp(min=1e-6), slope)[0]

            start = torch.randn((params.samples, law.mean.shape[-1]), generator=draws, dtype=torch.float64)
            made = sample(predict, path, start, params.steps, "heun").numpy()
            exact = [tilted.sample(params.samples, draws).numpy() for _ in range(EXACT)]

            def apart(one: Array, two: Array) -> float:
                return distances.sliced_w2(one, two, params.directions, generator(seed, "offline directions"))

            row = {"distance": float(np.mean([apart(made, each) for each in exact]))}
            row["floor"] = float(np.mean([apart(*pair) for pair in itertools.combinations(exact, 2)]))
            found.append(shared | {"kind": "law"} | row)
    return found

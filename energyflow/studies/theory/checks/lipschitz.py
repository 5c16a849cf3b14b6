"""The constants of Theorem 3.6, measured: how steep energies and fields are, with and without spectral norm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from energyflow.core.seeding import torch_generator
from energyflow.studies.theory import lines
from energyflow.studies.theory.checks.subject import described, reading_of
from energyflow.studies.theory.readings import Probe, Reading, spread, support
from energyflow.studies.theory.sections import Lipschitz


def rows(subject: str, seed: int, params: Lipschitz, models: Sequence[Path]) -> list[dict[str, Any]]:
    """One row a model, and one of the expert itself (`exact`); all scaled by the noise level, as the loss is.

    energy      L: largest sigma |S|, the Lipschitz constant of sigma E in the action
    component   B: largest |sigma S_i|, so that L <= B sqrt(d)
    field       largest spectral norm of the Jacobian of sigma^2 S, the Lipschitz constant of the denoising step
    """
    found = []
    for path in models:
        reading = reading_of(path, subject, params.sigma)
        generator = torch_generator(seed, "theory lipschitz")
        states = reading.expert.test_states(params.states, generator)
        probes = [place(reading, states, params.actions, generator) for place in (support, spread)]
        identity = {"seed": seed, **described(path, subject), "sigma": params.sigma}
        found.append(identity | _row(reading, reading.score, probes, reading.differentiable_score))
        if path == models[0]:
            exact = identity | {"model": "exact", "parameters": None}
            found.append(exact | _row(reading, reading.exact_score, probes, None))
    return found


def _row(
    reading: Reading, score: lines.Field, probes: list[Probe], differentiable: lines.Field | None
) -> dict[str, float | None]:
    values = [reading.sigma * score(probe.actions, probe.states) for probe in probes]
    found: dict[str, float | None] = {
        "energy": max(float(torch.linalg.norm(value, dim=1).max()) for value in values),
        "component": max(float(value.abs().max()) for value in values),
        "field": None,
    }
    if differentiable is not None:
        steps = [lines.jacobians(differentiable, probe.actions, probe.states) for probe in probes]
        found["field"] = max(float(torch.linalg.matrix_norm(step, ord=2).max()) for step in steps) * reading.sigma**2
    return found

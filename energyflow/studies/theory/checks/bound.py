"""Theorem 3.11: |dE_phi(a, a') - dE*(a, a')| <= eta |a - a'|, eta the largest score error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from energyflow.core.seeding import torch_generator
from energyflow.studies.theory.checks.subject import described, reading_of
from energyflow.studies.theory.readings import Reading, support
from energyflow.studies.theory.sections import Bound

NODES = 9  # places on a segment where the score error is measured, both ends among them
BINS = 8  # of distance, for the figure: equally many pairs in each
ROUNDING = 1e-9  # relative: what double precision may add to either side


def rows(subject: str, seed: int, params: Bound, models: Sequence[Path]) -> list[dict[str, Any]]:
    """A row of kind `summary` a noise level, and rows of kind `bin` for the figure.

    eta            largest score error over the segments between all pairs, the theorem's supremum as sampled
    eta_rms        root mean square score error at the ends: what the training loss controls
    violated       share of pairs beyond eta |a - a'|; predicted: 0
    violated_rms   share of pairs beyond eta_rms |a - a'|
    tightness      median of the error over its bound; tightness_max, its largest value
    distance, error            of a bin: mean distance, median error
    distance_max, error_max    of the pair in it with the largest error
    """
    found = []
    (path,) = models
    for sigma in params.sigmas:
        reading = reading_of(path, subject, sigma)
        identity = {"seed": seed, **described(path, subject), "sigma": sigma}
        distance, error, along = measure(reading, seed, params)
        summary, bins = summarise(distance, error, along)
        found += [identity | {"kind": "summary"} | summary, *(identity | {"kind": "bin"} | part for part in bins)]
    return found


def measure(reading: Reading, seed: int, params: Bound) -> tuple[Tensor, Tensor, Tensor]:
    """Distance [N] of pairs of actions of one state, error [N] of their energy difference, score error [N, NODES]."""
    generator = torch_generator(seed, "theory bound")
    states = reading.expert.test_states(params.states, generator)
    probe = support(reading, states, 2 * params.pairs, generator)
    start, end, rows = probe.actions[0::2], probe.actions[1::2], probe.states[0::2]
    ours = reading.energy(start, rows) - reading.energy(end, rows)
    exact = reading.exact_energy(start, rows) - reading.exact_energy(end, rows)
    share = torch.linspace(0.0, 1.0, NODES, dtype=start.dtype)[None, :, None]
    along = (start[:, None] + share * (end - start)[:, None]).reshape(-1, start.shape[1])
    repeated = rows.repeat_interleave(NODES, dim=0)
    gap = torch.linalg.norm(reading.score(along, repeated) - reading.exact_score(along, repeated), dim=1)
    return torch.linalg.norm(end - start, dim=1), (ours - exact).abs(), gap.reshape(-1, NODES)


def summarise(distance: Tensor, error: Tensor, along: Tensor) -> tuple[dict[str, float], list[dict[str, float]]]:
    """The numbers of one noise level, and the bins of its figure; see `rows`."""
    eta = float(along.max())
    eta_rms = float(along[:, [0, -1]].square().mean().sqrt())
    slack = ROUNDING * float(error.max())
    ratio = error / (eta * distance)
    summary = {
        "eta": eta,
        "eta_rms": eta_rms,
        "violated": float((error > eta * distance + slack).double().mean()),
        "violated_rms": float((error > eta_rms * distance + slack).double().mean()),
        "tightness": float(ratio.median()),
        "tightness_max": float(ratio.max()),
    }
    order = np.array_split(distance.argsort().numpy(), BINS)
    bins = [
        {
            "distance": float(distance[part].mean()),
            "error": float(error[part].median()),
            "distance_max": float(distance[part][error[part].argmax()]),
            "error_max": float(error[part].max()),
        }
        for part in order
        if len(part)
    ]
    return summary, bins

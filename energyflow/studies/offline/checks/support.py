"""What an energy's offset c(s) does to weights: nothing to those of a state, everything to those of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from energyflow.core.seeding import torch_generator
from energyflow.offline import weights
from energyflow.studies.offline.sections import Support


def rows(subject: str, seed: int, params: Support, _inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """One row an offset's standard deviation; energies within states are N(0, 1).

    change      largest change of a per-state weight by the offset
    state_ess   effective sample size of a state's weights, over M, mean
    batch_ess   that of a softmax over one action of every state, over the number of states
    """
    draws = torch_generator(seed, f"offline support {subject}")
    shape = (params.states, params.actions)
    energy = torch.randn(shape, generator=draws, dtype=torch.float64)
    offset = torch.randn((params.states, 1), generator=draws, dtype=torch.float64)
    plain = weights.support_softmax(-params.beta * energy)
    found = []
    for spread in params.offsets:
        log_weight = -params.beta * (energy + spread * offset)
        within, across = weights.support_softmax(log_weight), weights.batch_softmax(log_weight[:, 0])
        row = {"seed": seed, "subject": subject, "offset": spread, "change": float((within - plain).abs().max())}
        row |= {"state_ess": float(weights.effective_sample_size(within).mean()) / params.actions}
        found.append(row | {"batch_ess": float(weights.effective_sample_size(across)) / params.states})
    return found

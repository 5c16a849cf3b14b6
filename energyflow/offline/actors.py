"""What chooses actions: functions of standardised states, and how they are drawn from a field on a path."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from energyflow.offline.losses import Predictor
from energyflow.offline.paths import ProbabilityPath
from energyflow.offline.samplers import sample
from energyflow.offline.sections import SolverParams

# (states [B, Do], generator) -> actions [B, Da], both standardised; not yet clipped to the box
Actor = Callable[[Tensor, torch.Generator], Tensor]
# actions [..., Da] -> those inside the box, standardised
Clip = Callable[[Tensor], Tensor]
CHUNK = 16_384  # rows at once: more do not fit into the processor's cache


def drawn_from(predict: Predictor, path: ProbabilityPath, dim: int, solver: SolverParams) -> Actor:
    """Draw actions of `dim` numbers from a field, or from what guidance made of it."""

    def actor(states: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn((len(states), dim), generator=generator, device=states.device)
        return sample(predict, path, noise, solver.steps, solver.solver, states)

    return actor


def support_of(actor: Actor, states: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """M = `count` actions [S, M, Da] in each of some states [S, Do]."""
    repeated = states.repeat_interleave(count, dim=0)
    parts = [actor(part, generator) for part in torch.split(repeated, CHUNK)]
    return torch.cat(parts).view(len(states), count, -1)

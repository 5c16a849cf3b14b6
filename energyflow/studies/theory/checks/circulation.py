"""Conservative against unconstrained: circulation around triangles, cyclic preferences, the curl of the field.

A preference a1 < a2 is the work of the field from a1 to a2: for a score, log p(a2) - log p(a1). A field that is no
gradient can prefer a2 to a1, a3 to a2 and a1 to a3; an energy cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from energyflow.core.seeding import torch_generator
from energyflow.studies.theory import lines
from energyflow.studies.theory.checks.subject import described, reading_of
from energyflow.studies.theory.experts.base import normal
from energyflow.studies.theory.readings import support
from energyflow.studies.theory.sections import Circulation

NODES = 48  # of the quadrature along an edge: densities at small noise levels have sharp sides
WEAK = 1e-3  # edges weaker than this part of the strongest one are no preference; quadrature errors are below it


def rows(subject: str, seed: int, params: Circulation, models: Sequence[Path]) -> list[dict[str, Any]]:
    """A row a model, noise level and kind of triangle; see `measured`.

    triangles: `support` (corners are demonstrated actions plus sigma * eps) or `reference` (corners from N(0, I), as
    the references of a centred reward).
    """
    found = []
    for path in models:
        for sigma in params.sigmas:
            reading = reading_of(path, subject, sigma)
            generator = torch_generator(seed, "theory circulation")
            states = reading.expert.test_states(params.states, generator)
            probe = support(reading, states, 3 * params.triangles, generator)
            near = probe.actions.reshape(-1, 3, probe.actions.shape[1])
            kinds = {"support": near, "reference": normal(tuple(near.shape), generator)}
            for kind, corners in kinds.items():
                identity = {"seed": seed, **described(path, subject), "sigma": sigma, "triangles": kind}
                fields = (reading.score, reading.differentiable_score)
                found.append(identity | measured(*fields, corners, probe.states[0::3]))
    return found


def measured(
    score: lines.Field, differentiable: lines.Field, corners: Tensor, states: Tensor, nodes: int = NODES
) -> dict[str, float]:
    """Numbers of one field on triangles [N, 3, Da] in states [N, Do].

    circulation       mean of |circulation| over the mean length of the three works; predicted for an energy: 0
    circulation_max   largest of |circulation| / sum of |work|
    cyclic            share of triangles that are cyclic preferences; predicted for an energy: 0
    rotational        mean norm of the antisymmetric part of the Jacobian over that of the whole, at the first corners
    """
    edges = lines.triangle_work(score, corners, states, nodes)
    relative = lines.relative_circulation(edges)
    return {
        "circulation": float(edges.sum(dim=1).abs().mean() / edges.abs().sum(dim=1).mean()),
        "circulation_max": float(relative.max()),
        "cyclic": float(lines.cyclic(edges, WEAK).double().mean()),
        "rotational": float(lines.rotational_share(lines.jacobians(differentiable, corners[:, 0], states)).mean()),
        "count": len(corners),
    }

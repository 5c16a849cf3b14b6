"""From noise to data: the probability flow of a path, and how guidance changes what a network predicts.

On any Gaussian path, y = x / mu and r = sigma / mu obey dy/dr = eps(x, t): the variance-preserving path is integrated
in r, where the field is smooth, and the straight path in t.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from energyflow.networks.blocks import gradient
from energyflow.offline.losses import IntermediateEnergy, Predictor
from energyflow.offline.paths import OT, VP, ProbabilityPath
from energyflow.offline.sections import Solver

RHO = 7.0  # ladder of r: (r_max^(1/rho) ... r_min^(1/rho))^rho (Karras et al. 2022)


def integrate(field: Callable[[Tensor, Tensor], Tensor], x: Tensor, marks: Tensor, solver: Solver) -> Tensor:
    """Solve dx/ds = field(x, s) along marks [N + 1].

    Args:
        field: (x [B, D], s [B]) -> [B, D].
        x: [B, D] at the first mark.
        marks: from start to end.
        solver: `euler` (first order), `midpoint` or `heun` (second).

    Returns:
        [B, D] at the last mark; see `sections.EVALUATIONS` for how often the field was evaluated.
    """
    for now, then in itertools.pairwise(marks):
        step = then - now
        slope = field(x, now.expand(len(x)))
        if solver == "midpoint":
            slope = field(x + 0.5 * step * slope, (now + 0.5 * step).expand(len(x)))
        elif solver == "heun":
            slope = 0.5 * (slope + field(x + step * slope, then.expand(len(x))))
        x = x + step * slope
    return x


@torch.no_grad()
def sample(
    predict: Predictor,
    path: ProbabilityPath,
    noise: Tensor,
    steps: int,
    solver: Solver,
    condition: Tensor | None = None,
) -> Tensor:
    """Data [B, D] from noise [B, D], by the probability flow.

    Args:
        predict: a network, or what `classifier_free` or `energy_guided` made of it.
        path: on which it was trained.
        noise: [B, D] from N(0, I); the sample is a function of it.
        steps: of the solver; see `sections.EVALUATIONS` for those of the network.
        solver: see `integrate`.
        condition: [B, C].
    """
    if isinstance(path, VP):
        ends = (path.ratio(1.0) ** (1.0 / RHO), path.ratio(path.t_min) ** (1.0 / RHO))
        marks = torch.linspace(*ends, steps + 1, dtype=noise.dtype, device=noise.device) ** RHO

        def slope(y: Tensor, ratio: Tensor) -> Tensor:
            t = path.time_of(ratio)
            x = y / (1.0 + ratio.square()).sqrt()[:, None]
            return path.noise(predict(x, t, condition), x, t)

        # r = sigma / mu with mu^2 + sigma^2 = 1, so 1 / mu = sqrt(1 + r^2)
        start = noise * (1.0 + marks[0].square()).sqrt()
        return integrate(slope, start, marks, solver) / (1.0 + marks[-1].square()).sqrt()
    assert isinstance(path, OT)
    marks = torch.linspace(1.0, 0.0, steps + 1, dtype=noise.dtype, device=noise.device)
    return integrate(lambda x, t: path.velocity(predict(x, t, condition), x, t), noise, marks, solver)


def classifier_free(predict: Predictor, scale: float, wanted: Tensor) -> Predictor:
    """Classifier-free guidance (Ho and Salimans 2022): (1 - scale) f(x, none) + scale f(x, wanted).

    Args:
        predict: trained with the condition, and without it (zeros) for part of the data.
        scale: 0 samples without the condition, 1 with it; the target law p(x) p(c | x)^scale is met at 0 and 1 alone.
        wanted: [C].
    """

    def guided(x: Tensor, t: Tensor, condition: Tensor | None) -> Tensor:
        given = wanted.to(x).expand(len(x), -1)
        both = predict(torch.cat([x, x]), torch.cat([t, t]), torch.cat([torch.zeros_like(given), given]))
        without, within = both.chunk(2)
        return without + scale * (within - without)

    return guided


def energy_guided(predict: Predictor, energy: IntermediateEnergy, path: VP, scale: float = 1.0) -> Predictor:
    """What predicts the law q_t ~ p_t exp(-scale E_t): its noise is eps + scale sigma_t grad E_t (CEP, QGPO).

    Args:
        predict: network of p.
        energy: trained by `losses.contrastive_loss`.
        path: the variance-preserving one.
        scale: of the guidance; 1 is exact, other values are the usual dial.
    """

    def guided(x: Tensor, t: Tensor, condition: Tensor | None) -> Tensor:
        slope = gradient(lambda at: energy(at, t, condition), x, create_graph=False)
        at = path.at(t)
        return predict(x, t, condition) + scale * at.sigma / at.mu * slope

    return guided

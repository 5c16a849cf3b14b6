"""Score matching on the expert's data, weighted by its own energy: is E' = (1 + beta) E + c(s)?

The weighted data are draws of pi exp(-beta E) ~ pi^(1 + beta); their sharp energy is (1 + beta) E. But score matching
at sigma sees noised actions, and the energy of noised draws of a power is not the power of the noised law: tilting and
smoothing do not commute. On a Gaussian of variance v the slope of E' on E is (v + sigma^2) / (v / (1 + beta) +
sigma^2), which is 1 + beta as sigma -> 0, and 1 as sigma grows. Here it is computed for every expert, from sums over
its actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energyflow.core.seeding import integer_seed, torch_generator
from energyflow.datasets.windows import make_windows
from energyflow.learning.trainer import Trainer
from energyflow.offline.weights import support_softmax
from energyflow.policies.base import EnergyPolicy, ScorePolicy
from energyflow.policies.checkpoint import build
from energyflow.studies.theory import measures
from energyflow.studies.theory.experts.base import normal
from energyflow.studies.theory.experts.registry import make_expert
from energyflow.studies.theory.models import demonstrations, draw, fit
from energyflow.studies.theory.readings import Probe, Reading
from energyflow.studies.weighting.sections import RescalingParams
from energyflow.studies.weighting.tempering import smoothed_energy


def rows(subject: str, seed: int, params: RescalingParams, _inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """A row a beta and noise level.

    slope         of the weighted energy on the unweighted one, both learned, within states
    slope_exact   of their exact counterparts, the energies of the noised laws
    correlation   of the two learned ones, mean over states
    law           1 + beta, the slope as sigma -> 0
    """
    expert = make_expert(subject)
    plain = fit(*draw(expert, params.demos, seed), params.model, seed).double()
    assert isinstance(plain, EnergyPolicy)
    weigh = Reading(plain, expert, params.weigh_at)
    found = []
    for beta in params.betas:
        weighted = fit_alike(plain, *tilted(weigh, beta, params, seed), seed)
        for sigma in params.sigmas:
            identity = {"subject": subject, "seed": seed, "dim": expert.action_dim, "beta": beta, "sigma": sigma}
            values = compared(
                weigh, Reading(plain, expert, sigma), Reading(weighted, expert, sigma), beta, params, seed
            )
            found.append(identity | values | {"law": 1.0 + beta})
    return found


def tilted(weigh: Reading, beta: float, params: RescalingParams, seed: int) -> tuple[Tensor, Tensor]:
    """Pairs of state [N, Do] and action [N, Da]: of M actions of the expert one, drawn by softmax(-beta E).

    Per-state weights, in which c(s) cancels, and the draw in place of the weighted loss (Remark 4.6).
    """
    expert, generator = weigh.expert, torch_generator(seed, f"weighted draws {beta}")
    states = expert.states(params.demos, generator)
    rows = states.repeat_interleave(params.support, dim=0)
    actions = expert.sample(rows, generator)
    energy = weigh.energy(weigh.standardised(actions), rows).view(-1, params.support)
    pick = torch.multinomial(support_softmax(-beta * energy), 1, generator=generator)[:, 0]
    return states, actions.view(-1, params.support, expert.action_dim)[torch.arange(len(states)), pick]


def fit_alike(plain: ScorePolicy, states: Tensor, actions: Tensor, seed: int) -> ScorePolicy:
    """Train as `plain` was trained, in its units, so that a noise level means the same to both; double precision."""
    with torch.random.fork_rng(devices=[]):  # initialisers only know the global generator
        torch.manual_seed(integer_seed(seed, "initial weights"))
        model = build(plain.spec, plain.params)
    model.normalizer.load_state_dict(plain.normalizer.state_dict())
    trainer = Trainer(model, make_windows(demonstrations(states, actions), 1, 1), seed, torch.device("cpu"))
    for _ in range(plain.params.steps):
        trainer.advance()
    found = trainer.averaged().double()
    assert isinstance(found, ScorePolicy)
    return found


def compared(
    weigh: Reading, plain: Reading, weighted: Reading, beta: float, params: RescalingParams, seed: int
) -> dict[str, float]:
    """Slopes and correlation, at actions of the noised weighted law in fresh states."""
    expert, generator = plain.expert, torch_generator(seed, "weighting rescaling")
    states = expert.states(params.states, generator)
    rows = states.repeat_interleave(params.pool, dim=0)
    pool = expert.sample(rows, generator)
    # what weighs the data is the energy at its own noise level, of which the exact counterpart is known
    log_weight = (-beta * weigh.exact_energy(weigh.standardised(pool), rows)).view(params.states, params.pool)
    pool = plain.standardised(pool).view(params.states, params.pool, -1)
    pick = torch.multinomial(support_softmax(log_weight), params.actions, replacement=True, generator=generator)
    at = torch.take_along_dim(pool, pick[..., None], dim=1)
    at = at + plain.sigma * normal(tuple(at.shape), generator)
    probe = Probe(at.flatten(0, 1), states.repeat_interleave(params.actions, dim=0), params.actions)
    learned, heavier = (probe.table(reading.energy(probe.actions, probe.states)) for reading in (plain, weighted))
    exact = probe.table(plain.exact_energy(probe.actions, probe.states))
    noise = torch.full((expert.action_dim,), plain.sigma, dtype=at.dtype)
    exact_heavier = smoothed_energy(at, pool, log_weight, noise).numpy()
    return {
        "slope": measures.slope(heavier, learned),
        "slope_exact": measures.slope(exact_heavier, exact),
        "correlation": measures.correlation(heavier, learned),
    }

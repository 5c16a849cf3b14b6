"""Theorem 3.3 and Corollary 3.4: is E(a, s, sigma) = -Q*(s, a) / alpha + c(s)?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from energyflow.core.seeding import torch_generator
from energyflow.studies.theory import measures
from energyflow.studies.theory.checks.subject import described, reading_of
from energyflow.studies.theory.readings import Reading, support
from energyflow.studies.theory.sections import Recovery


def rows(subject: str, seed: int, params: Recovery, models: Sequence[Path]) -> list[dict[str, Any]]:
    """One row a model (n demonstrations, training steps) and noise level.

    slope               of E on the exact -log density of the noised actions, within states; predicted: 1
    slope_sharp         of E on -Q* / alpha itself, which smoothing flattens; predicted: slope_sharp_exact
    correlation         with the exact energy, mean over states
    agreement           share of pairs of actions of one state that E orders as the exact energy does
    agreement_sharp     ... as Q* does; the best that smoothing allows is agreement_sharp_exact
    advantage_error     RMS error of -E - log Z_E(s) against A* / alpha (both smoothed), over its standard deviation
    offset              standard deviation over states of c(s) in E = -A* / alpha + c(s), over that of A* / alpha within
                        states (both smoothed); 0 if the raw energy were the advantage
    score_error         RMS error of the score over the RMS score
    """
    found = []
    for path in models:
        for sigma in params.sigmas:
            reading = reading_of(path, subject, sigma)
            found.append({"seed": seed, **described(path, subject), "sigma": sigma} | _row(reading, seed, params))
    return found


def _row(reading: Reading, seed: int, params: Recovery) -> dict[str, float]:
    generator = torch_generator(seed, "theory recovery")
    states = reading.expert.test_states(params.states, generator)
    probe = support(reading, states, params.actions, generator)
    energy = probe.table(reading.energy(probe.actions, probe.states))
    exact = probe.table(reading.exact_energy(probe.actions, probe.states))
    places = reading.expert.clip(reading.environment(probe.actions))
    sharp = probe.table(-reading.expert.soft_q(places, probe.states) / reading.expert.alpha)
    score = reading.exact_score(probe.actions, probe.states)
    error = reading.score(probe.actions, probe.states) - score
    return {
        "slope": measures.slope(energy, exact),
        "slope_sharp": measures.slope(energy, sharp),
        "slope_sharp_exact": measures.slope(exact, sharp),
        "correlation": measures.correlation(energy, exact),
        "agreement": measures.agreement_within(energy, exact),
        "agreement_sharp": measures.agreement_within(energy, sharp),
        "agreement_sharp_exact": measures.agreement_within(exact, sharp),
        "advantage_error": advantage_error(energy, exact),
        "offset": measures.relative_spread((energy - exact).mean(axis=1), exact),
        "score_error": float(error.square().mean().sqrt() / score.square().mean().sqrt()),
    }


def advantage_error(energy: measures.Array, exact: measures.Array) -> float:
    """RMS of (E + log Z_E) - (-log p) over the standard deviation of log p; actions [S, A] are drawn from p.

    Z_E(s), the integral of exp(-E) over actions, is the mean of exp(-E) / p over draws from p: importance sampling.
    """
    log_ratio = torch.as_tensor(exact - energy)
    log_z = torch.logsumexp(log_ratio, dim=1) - np.log(energy.shape[1])
    return float((-log_ratio + log_z[:, None]).square().mean().sqrt() / exact.std())

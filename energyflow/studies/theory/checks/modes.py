"""Where score matching is blind: the relative energy of modes that no noise of the read-out level bridges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from energyflow.core.seeding import torch_generator
from energyflow.policies.energyflow import EnergyFlow
from energyflow.studies.theory.checks.subject import described, reading_of
from energyflow.studies.theory.experts.bandits import MIXTURE_WIDTH, MixtureBandit
from energyflow.studies.theory.flow import flow_log_prob
from energyflow.studies.theory.measures import Array
from energyflow.studies.theory.readings import Reading
from energyflow.studies.theory.sections import Modes

READERS = ("single", "average", "flow")


def rows(subject: str, seed: int, params: Modes, models: Sequence[Path]) -> list[dict[str, Any]]:
    """One row a reader and noise level: the gap log p(second mode) - log p(first mode), measured against the truth.

    reader       `single`: the energy at sigma; `average`: mean of the energies at all levels from sigma up, a remedy;
                 `flow`: the log likelihood along the probability flow from sigma up, a remedy; it reads the score at
                 every level and the energy at the highest
    separation   distance of the modes in widths of one mode
    slope        of the measured gap on the true one over states; predicted: 1; slope_exact: of the exact energy
                 read alike
    order        share of states in which the heavier mode is preferred
    rms          RMS error of the gap, in nats
    """
    (path,) = models
    found = []
    for sigma in params.sigmas:
        levels = [level for level in params.sigmas if level >= sigma]
        readings = {level: reading_of(path, subject, level) for level in levels}
        reading = readings[sigma]
        expert = reading.expert
        assert isinstance(expert, MixtureBandit)
        states = expert.states(params.states, torch_generator(seed, "theory modes"))
        ends = [reading.standardised(expert.modes(states)[:, i]) for i in range(2)]
        sharp = [expert.log_prob(reading.environment(end), states, torch.zeros(1, dtype=end.dtype)) for end in ends]
        truth = (sharp[1] - sharp[0]).numpy()
        separation = round(2.0 * float(torch.linalg.norm(expert.arm)) / MIXTURE_WIDTH, 6)
        identity = {"seed": seed, **described(path, subject), "separation": separation, "sigma": sigma}
        exact = {level: _gap(r.exact_energy, ends, states) for level, r in readings.items()}
        energy = {level: _gap(r.energy, ends, states) for level, r in readings.items()}
        gaps = {
            "single": (energy[sigma], exact[sigma]),
            "average": (np.mean(list(energy.values()), axis=0), np.mean(list(exact.values()), axis=0)),
            "flow": (_flow_gap(reading, ends, states, params.flow_steps), exact[sigma]),
        }
        found += [identity | {"reader": reader} | compared(*gaps[reader], truth) for reader in READERS]
    return found


def _gap(energy: Any, ends: list[Tensor], states: Tensor) -> Array:
    found: Array = (energy(ends[0], states) - energy(ends[1], states)).detach().numpy()
    return found


def _flow_gap(reading: Reading, ends: list[Tensor], states: Tensor, steps: int) -> Array:
    model = reading.model
    assert isinstance(model, EnergyFlow)

    def score(actions: Tensor, sigma: float) -> Tensor:
        return Reading(model, reading.expert, sigma).differentiable_score(actions, states)

    highest = model.own.sigma_max

    def last(actions: Tensor) -> Tensor:
        return -Reading(model, reading.expert, highest).energy(actions, states)

    first, second = (flow_log_prob(score, last, end, reading.sigma, highest, steps) for end in ends)
    return (second - first).numpy()


def compared(measured: Array, exact: Array, truth: Array) -> dict[str, float]:
    """A measured gap [S], and the one of the exact energy, against the true gap; see `rows`."""
    centre = truth - truth.mean()
    return {
        "slope": float((measured * centre).sum() / (truth * centre).sum()),
        "slope_exact": float((exact * centre).sum() / (truth * centre).sum()),
        "order": float((np.sign(measured) == np.sign(truth)).mean()),
        "rms": float(np.sqrt(np.square(measured - truth).mean())),
    }

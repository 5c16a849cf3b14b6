"""Outside the assumption: sub-optimal, mixed and deterministic demonstrators, and remedies, judged by the sound Q*."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from energyflow.core.seeding import torch_generator
from energyflow.studies.theory import measures
from energyflow.studies.theory.checks.subject import described, reading_of
from energyflow.studies.theory.experts.base import normal
from energyflow.studies.theory.experts.misfits import Sound
from energyflow.studies.theory.readings import Probe, Reading
from energyflow.studies.theory.sections import Misfit

WIDER = 1.5  # than the sound policy: the actions that are compared, the same for every demonstrator


def rows(subject: str, seed: int, params: Misfit, models: Sequence[Path]) -> list[dict[str, Any]]:
    """One row a noise level, and one read as `average`: the mean over levels of the energies, each over its spread.

    slope        of E on -Q* / alpha within states; 1 for a max-ent expert and no smoothing (of `average`, whose
                 energies are in units of their spread, it says nothing)
    agreement    share of pairs of actions of one state ordered as by Q*; 1 for a max-ent expert
    *_exact      the same of the exact density of what was demonstrated: what the theory leaves to be recovered
    follows      agreement of E with that exact density
    """
    (path,) = models
    found: list[dict[str, Any]] = []
    energies, exacts = [], []
    for sigma in params.sigmas:
        reading = reading_of(path, subject, sigma)
        probe = compared_actions(reading, seed, params)
        places = reading.environment(probe.actions)
        truth = probe.table(-reading.expert.soft_q(places, probe.states) / reading.expert.alpha)
        energy = probe.table(reading.energy(probe.actions, probe.states))
        exact = probe.table(reading.exact_energy(probe.actions, probe.states))
        identity = {"seed": seed, **described(path, subject)}
        found.append(identity | {"reader": "single", "sigma": sigma} | _row(energy, exact, truth))
        energies.append(energy / measures.within(energy).std())
        exacts.append(exact / measures.within(exact).std())
    average = _row(np.mean(energies, axis=0), np.mean(exacts, axis=0), truth)
    return [*found, identity | {"reader": "average", "sigma": None} | average]


def _row(energy: measures.Array, exact: measures.Array, truth: measures.Array) -> dict[str, float]:
    return {
        "slope": measures.slope(energy, truth),
        "slope_exact": measures.slope(exact, truth),
        "agreement": measures.agreement_within(energy, truth),
        "agreement_exact": measures.agreement_within(exact, truth),
        "follows": measures.agreement_within(energy, exact),
    }


def compared_actions(reading: Reading, seed: int, params: Misfit) -> Probe:
    """Actions around the best one, one and a half times as wide as the sound policy."""
    expert = reading.expert
    assert isinstance(expert, Sound)
    generator = torch_generator(seed, "theory misfit")
    states = expert.test_states(params.states, generator)
    rows_of = states.repeat_interleave(params.actions, dim=0)
    spread = (expert.alpha / expert.stiffness(rows_of)).sqrt()
    actions = expert.mean(rows_of) + WIDER * spread * normal((len(rows_of), expert.action_dim), generator)
    return Probe(reading.standardised(actions), rows_of, params.actions)

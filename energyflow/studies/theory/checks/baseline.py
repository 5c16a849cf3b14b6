"""Proposition 3.9: raw and centred energies within and across states; how noisy a baseline of M references is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from energyflow.core.seeding import generator as numpy_generator
from energyflow.core.seeding import torch_generator
from energyflow.policies import karras
from energyflow.policies.energyflow import EnergyFlow
from energyflow.studies.theory import measures
from energyflow.studies.theory.checks.subject import described, reading_of
from energyflow.studies.theory.experts.base import normal
from energyflow.studies.theory.measures import Array
from energyflow.studies.theory.readings import Probe, Reading, spread
from energyflow.studies.theory.sections import Baseline

REPEATS = 8  # draws of M references that an agreement is averaged over


@dataclass(frozen=True)
class Pool:
    """Energies [S, P] of many references in each state; column j is the same draw in every state."""

    name: str
    energies: Array


def rows(subject: str, seed: int, params: Baseline, models: Sequence[Path]) -> list[dict[str, Any]]:
    """One row a reward and baseline.

    reward       `raw` (-E), `centred`, `exact` (the exact energy, centred alike: the best that a baseline allows)
    reference    `normal` (N(0, I)), `proposals` (the model's own samples)
    draw         `fixed` (the same draw in every state and query), `fresh` (a new one a query)
    m            references of the baseline
    within, across    share of pairs in one state, and in two, that are ordered as by A* = Q* - V*
    variance     of the baseline between draws, mean over states; variance_predicted: that of one reference, over m
    noise        standard deviation of the baseline over that of the energy within states
    """
    (path,) = models
    reading = reading_of(path, subject, params.sigma)
    generator = torch_generator(seed, "theory baseline")
    states = reading.expert.test_states(params.states, generator)
    probe = spread(reading, states, params.actions, generator)
    truth = probe.table(reading.expert.advantage(reading.environment(probe.actions), probe.states))
    identity = {"seed": seed, **described(path, subject), "sigma": params.sigma}
    energy = probe.table(reading.energy(probe.actions, probe.states))
    found: list[dict[str, Any]] = [identity | {"reward": "raw"} | agreements(-energy, truth)]
    for name, references in (
        ("normal", normal_references(reading, states, params.pool, generator)),
        ("proposals", proposals(reading, states, params.pool, generator)),
    ):
        pool = Pool(name, references.table(reading.energy(references.actions, references.states)))
        for m in params.references:
            for drawn in ("fixed", "fresh"):
                row = {"reward": "centred", "reference": name, "draw": drawn, "m": m}
                found.append(identity | row | centred(energy, truth, pool, m, drawn, seed))
        exact = references.table(reading.exact_energy(references.actions, references.states))
        ideal = exact.mean(axis=1, keepdims=True) - probe.table(reading.exact_energy(probe.actions, probe.states))
        found.append(identity | {"reward": "exact", "reference": name} | agreements(ideal, truth))
    return found


def agreements(reward: Array, truth: Array) -> dict[str, float]:
    """Agreement of a reward with the true advantage, [S, A] both, within and across states."""
    return {
        "within": measures.agreement_within(reward, truth),
        "across": measures.agreement_across(reward, truth),
    }


def normal_references(reading: Reading, states: Tensor, count: int, generator: torch.Generator) -> Probe:
    """The same draws from N(0, I) in every state, in the expert's box."""
    drawn = normal((count, reading.expert.action_dim), generator)
    drawn = reading.standardised(reading.expert.clip(reading.environment(drawn)))
    return Probe(drawn.repeat(len(states), 1), states.repeat_interleave(count, dim=0), count)


def proposals(reading: Reading, states: Tensor, count: int, generator: torch.Generator) -> Probe:
    """Samples of the model; column j starts from the same noise in every state."""
    model = reading.model
    assert isinstance(model, EnergyFlow)
    own = model.own
    start = own.sigma_max * normal((count, 1, reading.expert.action_dim), generator)
    rows = states.repeat_interleave(count, dim=0)
    obs = model.normalizer.standardize_obs(rows)[:, None]
    ladder = karras.schedule(own.nfe, own.sigma_min, own.sigma_max, own.rho)
    drawn = karras.euler(
        lambda a, sigma: model.denoise(a, obs, a.new_full((len(a),), sigma)), start.repeat(len(states), 1, 1), ladder
    )
    return Probe(drawn[:, 0].detach(), rows, count)


def centred(energy: Array, truth: Array, pool: Pool, m: int, drawn: str, seed: int) -> dict[str, float]:
    """Centre by m references of the pool: agreement (mean over draws), variance of the baseline."""
    states, actions = energy.shape
    size = pool.energies.shape[1]
    rng = numpy_generator(seed, f"theory baseline {pool.name} {drawn} {m}")
    found = []
    for _ in range(REPEATS):
        if drawn == "fixed":
            baseline = pool.energies[:, rng.choice(size, m, replace=False)].mean(axis=1, keepdims=True)
        else:
            chosen = rng.integers(size, size=(states, actions, m))
            baseline = pool.energies[np.arange(states)[:, None, None], chosen].mean(axis=2)
        found.append(agreements(baseline - energy, truth))
    # shuffled in each state by itself: otherwise all states share the luck of a few groups
    shuffled = rng.permuted(pool.energies, axis=1)[:, : size // m * m]
    groups = shuffled.reshape(states, -1, m).mean(axis=2)
    variance = float(groups.var(axis=1, ddof=1).mean())
    return {
        **{key: float(np.mean([one[key] for one in found])) for key in found[0]},
        "variance": variance,
        "variance_predicted": float(pool.energies.var(axis=1, ddof=1).mean()) / m,
        "noise": float(np.sqrt(variance / np.square(measures.within(energy)).mean())),
    }

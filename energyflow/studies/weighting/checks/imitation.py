"""Imitation from mixed data: which transitions a flow is trained on, and nothing else, is what differs.

clone           all of the mixture
energy          the mixture weighted by exp(beta A), A = -E_phi centred in each state by what E_phi proposes there
reference       the mixture weighted by exp(beta r), r = -E_phi centred by N(0, I): the reward of the first paper
renewed         QIPO with Q = -E_phi: weights of each state by itself, in which c(s) cancels (Section 5)
discriminator   the mixture weighted by d / (1 - d)
best_of         actions of `clone`, of M the one of the lowest E_phi
demonstrations  what E_phi was trained on, and no more
expert_share    the expert's share of the mixture, which is known to nobody else: the ceiling

The weights of Algorithm 1 compare actions of different states, so an energy that is known up to c(s) has to be centred
first; with one action a state a softmax over the actions of each is 1 whatever the energy. By what it is centred
decides how much a state counts: in a trial on other data a thousandth of the rows had the weights of `reference`, which
is why there is `energy`. All policies take as many steps: the flow that `renewed` starts from, like `clone` but for its
length, has half of them, and its renewals share the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energyflow.envs.tasks import make_env
from energyflow.learning.evaluation import SIMULATORS
from energyflow.offline.methods.sections import LearnParams
from energyflow.offline.transitions import Transitions
from energyflow.offline.weights import effective_sample_size
from energyflow.studies.weighting import discriminator, flows
from energyflow.studies.weighting.energy import ExpertEnergy, expert_energy, pairs
from energyflow.studies.weighting.mixture import Mixture, demonstrations, mix, standardised
from energyflow.studies.weighting.sections import Imitation


def rows(subject: str, seed: int, params: Imitation, _inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """A row a method and episode.

    success, length   of the episode, from the initial state of `env_seed`
    transitions       that the method learns from
    ess               effective share of them by its weights, (sum w)^2 / (N sum w^2)
    expert_weight     what the expert's share of the mixture has of the weights; of flows that draw rows by weights
    """
    learn = params.learn
    mixture, demos = mix(subject, seed, params), demonstrations(subject, seed, params)
    data, shown = (standardised(each, "as_recorded") for each in (mixture.data, demos))
    energy = expert_energy(demos, params.model, params.energy, seed)
    log_weight = log_weights(mixture, data, pairs(demos), energy, params, seed)
    trained = {name: flows.flow(data, weight, learn, seed) for name, weight in log_weight.items()}
    half = halved(learn)
    start = flows.flow(data, log_weight["clone"], half, seed)
    stage = flows.renewed(data, start, energy.energy, params.energy.beta, half, seed)
    while stage.step < stage.steps:
        stage.advance()
    few = flows.flow(shown, torch.zeros(len(shown)), learn, seed)
    actors = {name: (flows.drawing(network, data, learn), data) for name, network in trained.items()}
    actors["renewed"] = flows.drawing(stage.fit.average, data, learn), data
    actors["best_of"] = flows.best_of(actors["clone"][0], energy.energy, data, learn.acting.candidates), data
    actors["demonstrations"] = flows.drawing(few, shown, learn), shown
    envs = [make_env(subject) for _ in range(min(SIMULATORS, learn.evaluate.episodes))]
    found = []
    for name, (actor, own) in actors.items():
        about = {"subject": subject, "seed": seed, "method": name, "transitions": len(own)}
        about |= weighed(log_weight.get(name), mixture)
        episodes = flows.episodes(actor, own, envs, learn, params.mixture.horizon, seed)
        found += [about | episode for episode in episodes]
    return found


def halved(params: LearnParams) -> LearnParams:
    """The recipe of `renewed`: the renewals, of equal length, and the flow before them come to `behaviour.steps`."""
    whole, own = params.behaviour.steps, params.improvement
    every = whole // 2 // own.periods
    renewing = own.model_copy(update={"steps": every * own.periods, "renew_every": every})
    before = params.behaviour.model_copy(update={"steps": whole - renewing.steps})
    return params.model_copy(update={"behaviour": before, "improvement": renewing})


def log_weights(
    mixture: Mixture,
    data: Transitions,
    demos: tuple[Tensor, Tensor],
    energy: ExpertEnergy,
    params: Imitation,
    seed: int,
) -> dict[str, Tensor]:
    """Log weights [N] of the mixture's transitions by method; `demos` are states and actions, environment units."""
    nothing, own, known = torch.zeros(len(data)), pairs(mixture.data), data.normalizer
    shown = torch.cat([known.standardize_obs(demos[0]), known.standardize_action(demos[1])], dim=1).float()
    mixed = torch.cat([data.obs(torch.arange(len(data))), data.action], dim=1)
    return {
        "clone": nothing,
        "energy": params.energy.beta * energy.advantage(*own),
        "reference": params.energy.beta * energy.reward(*own),
        "discriminator": discriminator.log_weights(shown, mixed, params.learn.hidden, params.discriminator, seed),
        "expert_share": nothing.masked_fill(~mixture.of("expert"), -torch.inf),
    }


def weighed(log_weight: Tensor | None, mixture: Mixture) -> dict[str, float | None]:
    """The columns `ess` and `expert_weight` of log weights [N]."""
    if log_weight is None:
        return {"ess": None, "expert_weight": None}
    weight = torch.softmax(log_weight.double(), dim=0)
    ess = float(effective_sample_size(weight)) / len(weight)
    return {"ess": ess, "expert_weight": float(weight[mixture.of("expert")].sum())}

"""An expert's own energy as the weight of its own data: alpha / (1 + l beta) after l renewals (arXiv 2503.04975, 5.4).

closed    a softmax over many actions of the expert by -l beta E, E = -log pi exactly: the law itself, by sums
exact     QIPO's renewals of a flow that was trained on the expert's data, with the same exact energy
learned   likewise, with E_phi of that data
coarse    as `exact`, but the flow is integrated in as few steps as a policy's: what is drawn is narrower than the flow,
          and the next renewal learns from that
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energyflow.core.seeding import torch_generator
from energyflow.networks.normalizer import Normalizer
from energyflow.offline.actors import support_of
from energyflow.offline.methods.sections import LearnParams
from energyflow.offline.network import Field
from energyflow.offline.transitions import Transitions
from energyflow.policies.base import EnergyPolicy
from energyflow.studies.theory.experts.base import Expert
from energyflow.studies.theory.experts.registry import make_expert
from energyflow.studies.theory.models import draw, fit
from energyflow.studies.theory.readings import Reading
from energyflow.studies.weighting import flows
from energyflow.studies.weighting.energy import Energy, units
from energyflow.studies.weighting.sections import TemperatureParams
from energyflow.studies.weighting.tempering import log_density, mean_log_density, power_of


def rows(subject: str, seed: int, params: TemperatureParams, _inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """A row a kind and number of renewals l, from 0.

    beta          of one renewal
    temperature   of the expert's law whose mean log density is that of the policy, over alpha
    law           1 / (1 + l beta)
    """
    expert = make_expert(subject)
    states, actions = draw(expert, params.demos, seed)
    data = transitions(states, actions)
    probe = Probe(expert, params, seed)
    beta = params.improvement.beta / params.improvement.periods
    trained = fit(states, actions, params.model, seed).double()
    assert isinstance(trained, EnergyPolicy)
    reading = Reading(trained, expert, params.sigma)
    coarse = params.learn
    fine = coarse.model_copy(update={"acting": coarse.acting.model_copy(update={"ot": params.solver})})

    def sharp(states: Tensor, actions: Tensor) -> Tensor:
        return -expert.log_prob(actions, states, torch.zeros(actions.shape[1], dtype=actions.dtype))

    def learned(states: Tensor, actions: Tensor) -> Tensor:
        return reading.energy(reading.standardised(actions), states)

    clone = flows.flow(data, torch.zeros(len(data)), fine, seed)
    powers = {"closed": [probe.closed(count * beta) for count in range(params.improvement.periods + 1)]}
    kinds: dict[str, tuple[Energy, LearnParams]] = {
        "exact": (sharp, fine),
        "learned": (learned, fine),
        "coarse": (sharp, coarse),
    }
    for kind, (energy, learn) in kinds.items():
        policies = renewals(data, clone, energy, learn, seed)
        powers[kind] = [probe.power(network, data, learn) for network in policies]
    return [
        {"subject": subject, "seed": seed, "dim": expert.action_dim, "kind": kind, "renewals": count, "beta": beta}
        | {"temperature": 1.0 / power, "law": 1.0 / (1.0 + count * beta)}
        for kind, found in powers.items()
        for count, power in enumerate(found)
    ]


def transitions(states: Tensor, actions: Tensor) -> Transitions:
    """Pairs of state [N, Do] and action [N, Da] as the offline room learns from them; there is nothing after any."""
    count = len(states)
    normalizer = Normalizer(states.shape[1], actions.shape[1])
    normalizer.fit(states.numpy(), actions.numpy(), standardize_obs=True)
    return Transitions(
        states=normalizer.standardize_obs(states).float(),
        here=torch.arange(count),
        action=normalizer.standardize_action(actions).float(),
        reward=torch.zeros(count),
        terminal=torch.ones(count),
        timeout=torch.zeros(count),
        bounds=torch.arange(count + 1),
        normalizer=normalizer,
        reward_scale=1.0,
        clip=lambda action: action,  # experts of the theory have no box
    )


def renewals(data: Transitions, clone: Field, energy: Energy, learn: LearnParams, seed: int) -> Iterator[Field]:
    """The flow on the data, and what it is after each renewal."""
    yield clone
    stage = flows.renewed(data, clone, energy, learn.improvement.beta, learn, seed)
    while stage.step < stage.steps:
        stage.advance()
        if stage.step % learn.improvement.renew_every == 0:
            yield stage.fit.average


class Probe:
    """States in which policies are measured, and actions of the expert in each."""

    def __init__(self, expert: Expert, params: TemperatureParams, seed: int) -> None:
        """Draw them."""
        self.expert, self.actions = expert, params.actions
        generator = torch_generator(seed, "weighting temperature")
        self.states = expert.states(params.states, generator)
        rows = self.states.repeat_interleave(params.pool, dim=0)
        drawn = [expert.sample(rows, generator).view(params.states, params.pool, -1) for _ in range(2)]
        # one set for what is measured, another for what a power's mean is: their errors are then independent
        self.support, self.own = (log_density(expert, actions, self.states) for actions in drawn)

    def closed(self, beta: float) -> float:
        """The power of the expert's own actions under weights exp(-beta E)."""
        return power_of(mean_log_density(self.support, 1.0 + beta), self.own)

    def power(self, network: Field, data: Transitions, learn: LearnParams) -> float:
        """The power of a flow."""
        generator = torch_generator(0, "weighting temperature draws")
        states = data.normalizer.standardize_obs(self.states).float()
        drawn = support_of(flows.drawing(network, data, learn), states, self.actions, generator)
        repeated = states.repeat_interleave(self.actions, dim=0)
        _, actions = units(data, repeated, drawn.flatten(0, 1))
        log_pi = log_density(self.expert, actions.view(drawn.shape), self.states)
        return power_of(float(log_pi.mean()), self.own)

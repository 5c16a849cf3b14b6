"""Demonstrations -> E_phi -> centred reward of the mixture -> Q -> QIPO, beside QIPO on the simulator's dense reward.

clone     the flow on all of the mixture, from which both start: the floor
centred   QIPO on the centred reward of E_phi; the mixture's own rewards are not read
dense     QIPO on the dense reward: the ceiling

Critic, method and recipe are the offline room's, and the same for both rewards, each times 1000 over the range of its
returns (CEP's code), for beta is measured in that. All episodes end by the clock: whether one succeeded is not known of
unlabelled data, so critics look beyond every end, and those of the centred reward, of which there is more the longer an
episode lasts, do not learn to put off success because nothing follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from energyflow.datasets.episodes import Episodes
from energyflow.envs.tasks import make_env
from energyflow.learning.evaluation import SIMULATORS
from energyflow.offline.learner import Sizes, learner_of
from energyflow.offline.methods.sections import LearnParams
from energyflow.offline.network import Field
from energyflow.offline.train import Training
from energyflow.offline.transitions import Transitions
from energyflow.studies.weighting import flows
from energyflow.studies.weighting.energy import ExpertEnergy, expert_energy, pairs
from energyflow.studies.weighting.mixture import demonstrations, mix, standardised
from energyflow.studies.weighting.sections import Chain


def rows(subject: str, seed: int, params: Chain, _inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """A row a method and episode: `success` and `length`, from the initial state of `env_seed`."""
    learn, mixture = params.learn, mix(subject, seed, params).data
    energy = expert_energy(demonstrations(subject, seed, params), params.model, params.energy, seed)
    data = {
        name: standardised(each, learn.rewards)
        for name, each in {"centred": relabelled(mixture, energy), "dense": mixture}.items()
    }
    clone = flows.flow(data["dense"], torch.zeros(len(data["dense"])), learn, seed)
    policies = {name: improved(clone, each, learn, seed) for name, each in data.items()}
    envs = [make_env(subject) for _ in range(min(SIMULATORS, learn.evaluate.episodes))]
    return [
        {"subject": subject, "seed": seed, "method": name} | episode
        for name, network in ({"clone": clone} | policies).items()
        for episode in flows.episodes(
            flows.drawing(network, data["dense"], learn), data["dense"], envs, learn, params.mixture.horizon, seed
        )
    ]


def relabelled(data: Episodes, energy: ExpertEnergy) -> Episodes:
    """The same episodes, each step with the centred reward of what was done."""
    reward = energy.reward(*pairs(data)).double()
    parts = torch.split(reward, [len(episode) for episode in data.episodes])
    told = zip(data.episodes, parts, strict=True)
    return replace(data, episodes=[replace(episode, rewards=part.numpy()) for episode, part in told])


def improved(clone: Field, data: Transitions, params: LearnParams, seed: int) -> Field:
    """QIPO from a behaviour flow: critic, then improvement."""
    learner = learner_of(flows.LEARNER, Sizes(data.obs_dim, data.action_dim), params, seed)
    training = Training(learner, data, {"behaviour": clone})
    while training.todo:
        stage = training.start()
        while stage.step < stage.steps:
            stage.advance()
        training.finish()
    found = training.parts["policy"]
    assert isinstance(found, Field)
    return found

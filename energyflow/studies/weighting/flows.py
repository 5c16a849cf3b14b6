"""Flow policies that differ by their data alone, and their episodes.

All are the straight flow of the offline room: one network, one recipe, one solver, one plain loss. A weight w(s, a) is
the chance with which a transition is drawn,

    P(i) = w_i / sum_j w_j,    L = E_{i ~ P} || v(a_i,t, t; s_i) - u_t0(a_i,t | a_i) ||^2

which in expectation is the loss weighted by w (Remark 4.6) and self-normalised over the data set: over a batch the
weights would be normalised by a noisy number, and a batch of few effective rows would count as much as another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from energyflow.config.sections import Level
from energyflow.core.seeding import torch_generator
from energyflow.envs.rollout import Episode, rollout
from energyflow.envs.simulator import Array, Simulator
from energyflow.offline import weights
from energyflow.offline.actors import Actor, drawn_from, support_of
from energyflow.offline.fit import fit
from energyflow.offline.learner import Sizes, learner_of
from energyflow.offline.losses import matching_loss
from energyflow.offline.methods.qipo import QIPO, QIPOStage
from energyflow.offline.methods.sections import LearnParams
from energyflow.offline.network import Field
from energyflow.offline.paths import PATHS
from energyflow.offline.transitions import Transitions
from energyflow.studies.weighting.energy import Energy, EnergyCritic, units

OT = PATHS["ot"]
LEARNER = "qipo_ot"
UNPERTURBED = Level(hand=0.0, object=0.0, goal=0.0)


def flow(data: Transitions, log_weight: Tensor, params: LearnParams, seed: int) -> Field:
    """A flow on transitions that are drawn with probability ~ exp(log_weight) [N]; -inf leaves one out."""

    def loss(network: Field, generator: torch.Generator) -> Tensor:
        rows = weights.resampled(log_weight, params.behaviour.batch_size, generator)
        return matching_loss(network, OT, data.action[rows], generator, data.obs(rows))

    network = Field(data.action_dim, params.hidden, params.time_dim, seed, condition_dim=data.obs_dim)
    return fit(network, loss, params.behaviour, seed, "weighted flow")


def renewed(
    data: Transitions, behaviour: Field, energy: Energy, beta: float, params: LearnParams, seed: int
) -> QIPOStage:
    """QIPO from a behaviour flow towards mu exp(-beta E), not yet advanced; beta is that of all renewals together."""
    own = params.model_copy(update={"improvement": params.improvement.model_copy(update={"beta": beta})})
    learner = learner_of(LEARNER, Sizes(data.obs_dim, data.action_dim), own, seed)
    assert isinstance(learner, QIPO)
    return QIPOStage(learner, data, behaviour, EnergyCritic(energy, data))


def drawing(network: Field, data: Transitions, params: LearnParams) -> Actor:
    """Draw actions of a flow."""
    return drawn_from(network, OT, data.action_dim, params.acting.ot)


def best_of(actor: Actor, energy: Energy, data: Transitions, count: int) -> Actor:
    """Of `count` actions of an actor, the one of the lowest energy."""

    def best(states: Tensor, generator: torch.Generator) -> Tensor:
        drawn = data.clip(support_of(actor, states, count, generator))
        repeated = states.repeat_interleave(count, dim=0)
        first = energy(*units(data, repeated, drawn.flatten(0, 1))).view(-1, count).argmin(dim=1)
        return drawn[torch.arange(len(states)), first]

    return best


def episodes(
    actor: Actor, data: Transitions, envs: Sequence[Simulator], params: LearnParams, horizon: int, seed: int
) -> list[dict[str, Any]]:
    """One row an episode: `episode`, `env_seed`, `success`, `length`; the same initial states whoever acts."""
    generator, known = torch_generator(seed, "weighting evaluation"), data.normalizer

    def plan(obs: Array, _elapsed: Any) -> Array:
        states = known.standardize_obs(torch.from_numpy(obs[:, -1])).float()
        with torch.no_grad():
            chosen = known.unstandardize_action(actor(states, generator).double()).clamp(-1.0, 1.0)
        found: Array = chosen[:, None].numpy().astype(np.float64)
        return found

    first, count = params.evaluate.seed, params.evaluate.episodes
    wanted = [Episode(index, first + index, "0", UNPERTURBED) for index in range(count)]
    return [
        {
            "episode": outcome.episode.index,
            "env_seed": outcome.episode.env_seed,
            "success": int(outcome.success),
            "length": outcome.length,
        }
        for outcome in rollout(plan, envs, wanted, obs_horizon=1, horizon=horizon)
    ]

"""Log-density of an action under the flow policy, by the exact change of variables.

    log p(a | s) = log N(a_0; 0, I) - int_0^1 div v(a_t, s, t) dt,    da_t/dt = v(a_t, s, t),  a_1 = a

The flow runs backwards from the action to its noise in a fixed number of classical Runge-Kutta steps; the divergence is
the exact trace of the Jacobian, not an estimate, so the density is a function. In standardised action units: another
unit adds a constant. The reward is log p in the unit of rewards/unit.py, which removes it.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor

from energyflow.config.section import Section
from energyflow.core.errors import UserError
from energyflow.policies.flow_policy import FlowPolicy
from energyflow.rewards.base import Ingredients, RewardSource, Transitions
from energyflow.rewards.demonstrations import demonstration_windows
from energyflow.rewards.registry import Source
from energyflow.rewards.unit import Unit, measure

MAX_ROWS = 16384  # rows per forward pass: bounds memory, not the result


class LikelihoodSettings(Section):
    """Steps of the integration of the flow's divergence."""

    steps: int = Field(10, ge=1, le=10_000)  # [ours] Runge-Kutta steps


SOURCES = {
    "likelihood": Source(
        "Likelihood",
        "log-density of the action under the flow policy",
        LikelihoodSettings,
        "flow_policy",
    ),
}


class Likelihood:
    """Log p(a | s), in its unit."""

    frozen = True

    def __init__(self, model: FlowPolicy, own: LikelihoodSettings, unit: Unit) -> None:
        self.model, self.own, self.unit = model, own, unit
        self.window = (model.spec.obs_horizon, model.spec.pred_horizon)
        self.measured = unit.measured

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""
        return self.unit.of(log_density(self.model, batch.obs, batch.action, self.own.steps))


def log_density(model: FlowPolicy, obs: Tensor, action: Tensor, steps: int) -> Tensor:
    """Log-density [B], standardised, of chunks [B, Tp, Da] in states [B, To, Do], environment units."""
    states, chunks = model.normalizer.standardize_obs(obs), model.normalizer.standardize_action(action)
    size = max(1, MAX_ROWS // chunks[0].numel())
    pieces = zip(torch.split(states, size), torch.split(chunks, size), strict=True)
    return torch.cat([_log_density(model, s, a, steps) for s, a in pieces])


@torch.no_grad()
def _log_density(model: FlowPolicy, states: Tensor, chunks: Tensor, steps: int) -> Tensor:
    action, gain, width = chunks, chunks.new_zeros(len(chunks)), 1.0 / steps

    def slope(at: Tensor, time: float) -> tuple[Tensor, Tensor]:
        return velocity_and_divergence(model, at, states, time)

    for index in range(steps):  # from t = 1 down to 0
        time = 1.0 - index * width
        v1, d1 = slope(action, time)
        v2, d2 = slope(action - 0.5 * width * v1, time - 0.5 * width)
        v3, d3 = slope(action - 0.5 * width * v2, time - 0.5 * width)
        v4, d4 = slope(action - width * v3, time - width)
        action = action - width * (v1 + 2.0 * v2 + 2.0 * v3 + v4) / 6.0
        gain = gain + width * (d1 + 2.0 * d2 + 2.0 * d3 + d4) / 6.0
    dimension = chunks[0].numel()
    base = -0.5 * action.square().sum(dim=(1, 2)) - 0.5 * dimension * math.log(2.0 * math.pi)
    return base - gain


def velocity_and_divergence(model: FlowPolicy, action: Tensor, states: Tensor, time: float) -> tuple[Tensor, Tensor]:
    """V [B, Tp, Da] and its divergence [B]: rows repeated once a coordinate, so one backward pass gives the trace."""
    count, dimension = len(action), action[0].numel()
    with torch.enable_grad():
        rows = action.repeat_interleave(dimension, dim=0).requires_grad_()
        field = model.field(rows, states.repeat_interleave(dimension, dim=0), rows.new_full((len(rows),), time))
        which = torch.eye(dimension).repeat(count, 1)  # row k of each group differentiates coordinate k
        (slope,) = torch.autograd.grad((field.flatten(1) * which).sum(), rows)
    trace = (slope.flatten(1) * which).sum(dim=1).reshape(count, dimension).sum(dim=1)
    return field.detach()[::dimension], trace


def make(given: Ingredients) -> RewardSource:
    """Measure the unit on the demonstrations.

    Raises:
        UserError: the model is no flow policy, or finds all actions equally likely.
    """
    assert given.demos is not None
    if not isinstance(given.model, FlowPolicy):
        raise UserError(f"source '{given.name}' reads a model of method 'flow_policy'")
    model, own = given.model, LikelihoodSettings(**given.params.source_params)
    window = model.spec.obs_horizon, model.spec.pred_horizon
    obs, action = demonstration_windows(given.demos.episodes, window, given.seed)
    unit = measure(lambda a: log_density(model, obs, a, own.steps), action, model.normalizer, given.seed, "the flow")
    return Likelihood(model, own, unit)

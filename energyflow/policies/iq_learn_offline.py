"""IQ-Learn from demonstrations alone (Garg et al. 2021): a soft Q-function whose own reward explains them.

    V(s) = E_{a ~ pi} [Q(s, a) - alpha log pi(a | s)],    r(s, a) = Q(s, a) - gamma V(s')
    J_Q  = E_demo [ -r + (V(s) - gamma V(s')) + r^2 / (4 c) ]        chi-squared form, value term on demonstrations

Inside J_Q, V(s') is that of a target network and is not differentiated. The actor is soft actor-critic's on the
demonstrated states. Episodes do not end: the last observation of a demonstration follows itself. Decoded by `sample`, a
draw of the actor, tanh of a Gaussian; by `mean`, tanh of the Gaussian's mean.
"""

from __future__ import annotations

import copy
from typing import Annotated

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.func import functional_call

from energyflow.config.section import Section
from energyflow.config.sections import Activation, TrainParams
from energyflow.networks.blocks import SMOOTH_ACTIVATIONS
from energyflow.networks.build import Spec, mlp_of
from energyflow.policies import squashed
from energyflow.policies.base import Policy
from energyflow.policies.layers import perceptron
from energyflow.policies.registry import Method


class IQLearnParams(Section):
    """Discount, fixed temperature alpha, c of the chi-squared term, target rate, range of the actor's log deviation."""

    activation: Activation = "silu"  # [ours] as the other methods; ReLU in the published code
    discount: float = Field(0.99, ge=0, lt=1)  # [code]
    temperature: float = Field(0.01, gt=0, le=1e6)  # [code] fixed: learning it breaks the method
    chi: float = Field(0.5, gt=0, le=1e6)  # [code] c of the chi-squared term 1 / (4 c) r^2
    tau: float = Field(0.005, gt=0, le=1)  # [code] Polyak rate of the target network
    # [code] range of the actor's log deviation
    log_std: list[Annotated[float, Field(ge=-20, le=10)]] = Field([-5.0, 2.0], min_length=2, max_length=2)

    @field_validator("log_std")
    @classmethod
    def _ordered(cls, bounds: list[float]) -> list[float]:
        if bounds[0] >= bounds[1]:
            raise ValueError("the first must be below the second")
        return bounds


METHODS = {
    "iq_learn_offline": Method(
        "IQ-Learn (offline)",
        IQLearnParams,
        "IQLearnOffline",
        lr={"mlp": 2.5e-4, "unet": 3.0e-4},
        transitions=(2, 2),
        published="iq_learn",
        variant_of="iq_learn",
    ),
}


class IQLearnOffline(Policy):
    """Trained on (s_t, a_t, s_{t+1}): an observation beside each action, To = Tp = 2. Acts one step at a time."""

    sequences = True
    transitions = True
    one_pass = True

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build actor, critic and target critic."""
        super().__init__(spec, params)
        self.own = IQLearnParams(**params.method_params)
        hidden, activation = mlp_of(params.network).hidden, SMOOTH_ACTIVATIONS[self.own.activation]
        self.critic = perceptron(spec.obs_dim + spec.action_dim, hidden, 1, activation)
        self.actor = perceptron(spec.obs_dim, hidden, 2 * spec.action_dim, activation)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """J_Q, whose gradient reaches the critic alone, plus the actor's loss, which reaches the actor alone."""
        state, following, taken = obs[:, 0], obs[:, 1], action[:, 0]
        with torch.no_grad():
            next_action, next_density = self._act(following, generator)
            later = self.own.discount * self._soft(self._q(self.target, following, next_action), next_density)
        chosen, density = self._act(state, generator)
        value = self._soft(self._q(self.critic, state, chosen.detach()), density.detach())
        reward = self._q(self.critic, state, taken) - later
        explains = -reward + (value - later) + reward.square() / (4.0 * self.own.chi)
        judge = {name: parameter.detach() for name, parameter in self.critic.named_parameters()}
        judged = functional_call(self.critic, judge, (torch.cat([state, chosen], dim=-1),)).squeeze(-1)
        return (explains - self._soft(judged, density)).mean()

    @torch.no_grad()
    def after_step(self) -> None:
        """Let the target critic follow."""
        for slow, fast in zip(self.target.parameters(), self.critic.parameters(), strict=True):
            slow.lerp_(fast, self.own.tau)

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """A draw of the actor in the newest observation, repeated over the chunk, of which one step is executed."""
        action, _ = self._act(obs[:, -1], generator)
        return action[:, None].expand(-1, self.spec.pred_horizon, -1)

    def mean(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """The actor's squashed mean, in the same form; draws nothing."""
        mean, _ = self._gaussian(obs[:, -1])
        action = self.normalizer.standardize_action(mean.tanh())
        return action[:, None].expand(-1, self.spec.pred_horizon, -1)

    def recovered(self, obs: Tensor, action: Tensor, next_obs: Tensor, noise: Tensor) -> Tensor:
        """r(s, a) = Q(s, a) - gamma V(s'), with V(s') the mean over fixed draws of the actor.

        Args:
            obs: [B, Do], standardised units.
            action: [B, Da], standardised units.
            next_obs: [B, Do], standardised units.
            noise: [M, Da], standard normal: the same draws in every state, so that the reward is a function.

        Returns:
            [B].
        """
        mean, log_std = self._gaussian(next_obs)
        draws, density = squashed.sample(mean[:, None], log_std[:, None], noise)
        states = next_obs[:, None].expand(-1, len(noise), -1)
        values = self._soft(self._q(self.critic, states, self.normalizer.standardize_action(draws)), density)
        return self._q(self.critic, obs, action) - self.own.discount * values.mean(dim=1)

    def _gaussian(self, state: Tensor) -> tuple[Tensor, Tensor]:
        mean, raw = self.actor(state).chunk(2, dim=-1)
        low, high = self.own.log_std
        return mean, low + 0.5 * (high - low) * (raw.tanh() + 1.0)

    def _act(self, state: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Standardised actions and their log-density in the action box: [B, Da], [B]."""
        mean, log_std = self._gaussian(state)
        action, density = squashed.sample(mean, log_std, self.noise(mean, generator))
        return self.normalizer.standardize_action(action), density

    def _soft(self, value: Tensor, density: Tensor) -> Tensor:
        return value - self.own.temperature * density

    @staticmethod
    def _q(critic: nn.Module, state: Tensor, action: Tensor) -> Tensor:
        value: Tensor = critic(torch.cat([state, action], dim=-1))
        return value.squeeze(-1)

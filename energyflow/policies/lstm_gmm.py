"""LSTM-GMM: robomimic's BC-RNN-GMM (Mandlekar et al. 2021), written from its equations.

    h_t = LSTM(o_t, h_{t-1}), h_0 = 0
    p(a_t | h_t) = sum_k w_k(h_t) N(a_t; tanh(mu_k(h_t)), diag(s_k(h_t)^2)),  s_k = softplus(.) + min_std

Trained on windows that hold an observation beside each action. In a rollout it acts one step at a time, and its hidden
state is reset to zero every To steps, so that it never sees a longer sequence than in training. Decoded by `sample`, a
draw of the mixture; by `mean`, the mean of its most likely mode, for that of the mixture lies between its modes.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from energyflow.config.section import Section
from energyflow.config.sections import Decoder, TrainParams
from energyflow.networks.build import Spec
from energyflow.policies.base import Policy
from energyflow.policies.registry import Method


class MixtureParams(Section):
    """Recurrent network and mixture: robomimic 0.3.0's BC-RNN-GMM [code]."""

    hidden: int = Field(128, ge=1, le=65_536)  # [ours] 400 [code]: an update takes a fifth of the time
    layers: int = Field(2, ge=1, le=64)  # [code]
    modes: int = Field(5, ge=1, le=10**6)  # [code]
    min_std: float = Field(1.0e-4, gt=0, le=10)  # [code]


METHODS = {
    "lstm_gmm": Method(
        "LSTM-GMM",
        MixtureParams,
        "LSTMGMM",
        lr={"mlp": 4.0e-3, "unet": 1.0e-4},
        network="recurrent",
        train={"obs_horizon": 10, "pred_horizon": 10, "exec_horizon": 1},  # [code] windows of 10, one action a plan
    ),
}


class LSTMGMM(Policy):
    """Mixture of Gaussians over the next action, in the action box; its parameters are linear in an LSTM's output."""

    sequences = True
    one_pass = True

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build the LSTM and one linear head each for means, standard deviations and logits."""
        super().__init__(spec, params)
        self.own = MixtureParams(**params.method_params)
        self.lstm = nn.LSTM(spec.obs_dim, self.own.hidden, self.own.layers, batch_first=True)
        self.means = nn.Linear(self.own.hidden, self.own.modes * spec.action_dim)
        self.scales = nn.Linear(self.own.hidden, self.own.modes * spec.action_dim)
        self.logits = nn.Linear(self.own.hidden, self.own.modes)

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """-log p(a_t | o_1..o_t), mean over the window; see `Model.loss`. Negative when the fit is narrow."""
        # The tanh keeps means in [-1, 1]: the density is of actions in the box, not of standardised ones.
        target = self.normalizer.unstandardize_action(action)[:, :, None]
        log_weights, means, stds = self.mixture(obs)
        log_modes = (-0.5 * ((target - means) / stds).square() - stds.log() - 0.5 * math.log(2.0 * math.pi)).sum(-1)
        return -torch.logsumexp(log_weights + log_modes, dim=-1).mean()

    def mixture(self, obs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run over sequences [B, T, Do], standardised, from a zero hidden state.

        Returns:
            Log weights [B, T, K], means and standard deviations [B, T, K, Da] of the K modes, in the action box.
        """
        hidden, _ = self.lstm(obs)
        shape = (*hidden.shape[:2], self.own.modes, self.spec.action_dim)
        means = self.means(hidden).reshape(shape).tanh()
        stds = F.softplus(self.scales(hidden).reshape(shape)) + self.own.min_std
        return self.logits(hidden).log_softmax(dim=-1), means, stds

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """An action after the last of To observations: [B, To, Do] -> [B, 1, Da], both standardised."""
        return self.normalizer.standardize_action(self.plan(obs, generator, nfe, None, "sample"))

    def mean(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """The mean of the most likely mode, in the same form; draws nothing."""
        return self.normalizer.standardize_action(self.plan(obs, generator, nfe, None, "mean"))

    def plan(
        self, obs: Tensor, generator: torch.Generator, nfe: int, elapsed: Tensor | None, decoder: Decoder
    ) -> Tensor:
        """Plan one action: [B, 1, Da]. See `Policy.act`; there is no telling a second action before its observation.

        The hidden state is a function of the observations since the last reset, `elapsed` mod To steps ago, which are
        all in `obs`: nothing has to be remembered from call to call.
        """
        horizon = self.spec.obs_horizon
        if elapsed is None:
            elapsed = torch.full((len(obs),), horizon - 1, device=obs.device)
        log_weights, means, stds = self._now(obs, elapsed % horizon)
        if decoder == "mean":
            mode, actions = log_weights.argmax(dim=-1), means
        else:
            mode = torch.multinomial(log_weights.exp(), 1, generator=generator)[:, 0]
            actions = means + stds * self.noise(means, generator)  # of every mode: draws as PyTorch's mixture does
        return actions[torch.arange(len(obs), device=obs.device), mode][:, None]

    def _now(self, obs: Tensor, phase: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The mixture [B, K] and [B, K, Da] of the next action, from the last `phase` + 1 frames of obs [B, To, Do]."""
        rows = torch.arange(len(obs), device=obs.device)
        ahead = torch.arange(self.spec.obs_horizon, device=obs.device) + (self.spec.obs_horizon - 1 - phase)[:, None]
        # Frames beyond the last are repeats that nobody reads: an output depends on earlier frames alone.
        since_reset = obs[rows[:, None], ahead.clamp(max=self.spec.obs_horizon - 1)]
        log_weights, means, stds = self.mixture(since_reset)
        return log_weights[rows, phase], means[rows, phase], stds[rows, phase]

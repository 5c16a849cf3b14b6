"""Read a trained energy at one noise level: of actions, of references, and of its own best action."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from energyflow.core.seeding import torch_generator
from energyflow.networks.blocks import gradient
from energyflow.policies import karras
from energyflow.policies.base import EnergyPolicy

MAX_ROWS = 16384  # energy rows per forward pass: bounds memory, not the result
PROPOSALS = 4  # of the energy's own actions: enough to find the best mode of a scripted expert
PROPOSAL_STEPS = 8


class Readout:
    """A frozen energy at one noise level, with M fixed reference chunks from N(0, I), standardised."""

    def __init__(self, model: EnergyPolicy, sigma: float, references: int, seed: int) -> None:
        """Fix the references.

        Args:
            model: the energy policy; its parameters are not changed.
            sigma: read-out noise level, in standard deviations of the demonstrated actions.
            references: M.
            seed: of the reference chunks.
        """
        self.model = model
        self.sigma = sigma
        spec = model.spec
        self.window = (int(spec.obs_horizon), int(spec.pred_horizon))
        shape = (references, spec.pred_horizon, spec.action_dim)
        self.references = torch.randn(shape, generator=torch_generator(seed, "reward references"))
        self.noise = torch.randn((PROPOSALS, *shape[1:]), generator=torch_generator(seed, "reward proposals"))
        self.start = max(float(model.params.method_params["sigma_max"]), sigma)

    @torch.no_grad()
    def energy(self, obs: Tensor, action: Tensor) -> Tensor:
        """Energy [B] of chunks [B, Tp, Da] in states [B, To, Do], environment units."""
        normalizer = self.model.normalizer
        return self._energy(normalizer.standardize_obs(obs.float()), normalizer.standardize_action(action.float()))

    @torch.no_grad()
    def baseline(self, obs: Tensor) -> Tensor:
        """Mean energy [B] of the references in states [B, To, Do], environment units."""
        states = self.model.normalizer.standardize_obs(obs.float())
        count = len(self.references)
        rows = states.repeat_interleave(count, dim=0)
        chunks = self.references.repeat(len(states), 1, 1)
        return self._energy(rows, chunks).reshape(len(states), count).mean(dim=1)

    def centered(self, obs: Tensor, action: Tensor) -> Tensor:
        """Advantage [B] of chunks over the references, unscaled: -(E(a, s) - mean_j E(a'_j, s))."""
        return self.baseline(obs) - self.energy(obs, action)

    def floor(self, obs: Tensor) -> Tensor:
        """Energy [B] of the best of the chunks that the energy itself proposes in states [B, To, Do]."""
        return self.proposed(obs).amin(dim=1)

    @torch.no_grad()
    def proposed(self, obs: Tensor) -> Tensor:
        """Energies [B, PROPOSALS] of the chunks that the energy itself proposes in states [B, To, Do].

        The proposals follow the probability flow from fixed noise down to the read-out level inside the
        action box: functions of the state alone, free of random draws.
        """
        states = self.model.normalizer.standardize_obs(obs.float())
        parts = [self._proposed(part) for part in torch.split(states, MAX_ROWS // PROPOSALS)]
        return torch.cat(parts)

    def _proposed(self, states: Tensor) -> Tensor:
        rows = states.repeat_interleave(PROPOSALS, dim=0)
        low, high = (self.model.normalizer.standardize_action(torch.full_like(self.noise[0], x)) for x in (-1.0, 1.0))

        def denoise(action: Tensor, sigma: float) -> Tensor:
            levels = action.new_full((len(action),), sigma)
            slope = gradient(lambda a: self.model.energy(a, rows, levels), action, create_graph=False)
            return (action - sigma**2 * slope).clamp(low, high)

        ladder = np.geomspace(self.start, self.sigma, PROPOSAL_STEPS).tolist()
        proposals = karras.euler(denoise, self.start * self.noise.repeat(len(states), 1, 1), [*ladder, 0.0])
        return self._energy(rows, proposals).reshape(len(states), PROPOSALS)

    def _energy(self, states: Tensor, chunks: Tensor) -> Tensor:
        sigma = torch.full((len(states),), self.sigma)
        pieces = zip(*(torch.split(x, MAX_ROWS) for x in (chunks, states, sigma)), strict=True)
        parts = [self.model.energy(a, s, n) for a, s, n in pieces]
        return torch.cat(parts)

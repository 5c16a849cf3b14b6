"""Circulation in the fields of trained robot policies: the chunk space of a task instead of an expert's actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energyflow.core.files import read_json
from energyflow.core.seeding import torch_generator
from energyflow.datasets.format import load_demos
from energyflow.datasets.windows import make_windows
from energyflow.policies.base import ScorePolicy
from energyflow.studies.theory.checks.circulation import measured
from energyflow.studies.theory.checks.subject import model_of
from energyflow.studies.theory.experts.base import normal
from energyflow.studies.theory.readings import ROWS
from energyflow.studies.theory.sections import Circulation

NODES = 12  # of the quadrature along an edge, which is short here: the noise around one chunk


def rows(subject: str, seed: int, params: Circulation, inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """A row a checkpoint and noise level, at demonstrated chunks plus sigma * eps; see `circulation.measured`.

    Args:
        subject: suite and task.
        seed: of the checkpoints.
        params: noise levels, states, triangles of each.
        inputs: the checkpoints (model.safetensors) and the demonstrations (demos.hdf5).
    """
    (demos,) = (path for path in inputs if path.suffix == ".hdf5")
    found = []
    for path in (path for path in inputs if path.suffix == ".safetensors"):
        model = model_of(path)
        data = load_demos(demos, model.spec.obs_keys)
        windows = make_windows(data, model.spec.obs_horizon, model.spec.pred_horizon)
        generator = torch_generator(seed, "theory robots")
        chosen = torch.randint(len(windows.obs), (params.states,), generator=generator)
        obs = model.normalizer.standardize_obs(windows.obs[chosen])
        chunks = model.normalizer.standardize_action(windows.actions[chosen])
        for sigma in params.sigmas:
            rows_of = torch.arange(params.states).repeat_interleave(params.triangles)
            eps = normal((len(rows_of), 3, *chunks.shape[1:]), generator)
            corners = (chunks[rows_of][:, None] + sigma * eps).flatten(2)
            record = read_json(path.with_suffix(".json"))
            identity = {"subject": subject, "seed": seed, "model": record["method"], "dim": corners.shape[2]}
            identity |= {"parameters": record["parameters"], "sigma": sigma, "triangles": "support"}
            field = score_of(model, chunks.shape[1:], sigma)
            found.append(identity | measured(field, field, corners, obs[rows_of].flatten(1), NODES))
    return found


def score_of(model: ScorePolicy, shape: torch.Size, sigma: float) -> Callable[[Tensor, Tensor], Tensor]:
    """The field of a policy at a noise level, on flattened chunks [N, Tp * Da] and observations [N, To * Do].

    Differentiable where the chunks require a gradient, and else evaluated piece by piece.
    """

    def of_piece(actions: Tensor, states: Tensor) -> Tensor:
        obs = states.reshape(len(states), model.spec.obs_horizon, -1)
        return model.score(actions.reshape(-1, *shape), obs, actions.new_full((len(actions),), sigma)).flatten(1)

    def score(actions: Tensor, states: Tensor) -> Tensor:
        if actions.requires_grad:
            return of_piece(actions, states)
        pieces = zip(torch.split(actions, ROWS), torch.split(states, ROWS), strict=True)
        return torch.cat([of_piece(a, s) for a, s in pieces])

    return score

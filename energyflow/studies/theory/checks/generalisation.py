"""Theorem 3.6 and Lemma 3.8: train and held-out denoising loss of energy and vector networks of equal size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energyflow.core.seeding import torch_generator
from energyflow.policies.base import Policy
from energyflow.studies.theory.checks.subject import described, model_of
from energyflow.studies.theory.experts.bandits import Bandit
from energyflow.studies.theory.experts.registry import make_expert
from energyflow.studies.theory.models import draw
from energyflow.studies.theory.sections import Generalisation

HELD_OUT = 500_000  # added to the seed: demonstrations that no training sees


def rows(subject: str, seed: int, params: Generalisation, models: Sequence[Path]) -> list[dict[str, Any]]:
    """One row a model: the denoising loss per coordinate on three sets, and the two gaps.

    train, held_out    loss on the training pairs, and on as many fresh ones of the same distribution
    shifted            loss on fresh pairs in states beyond the training range
    gap, gap_shifted   held_out - train, shifted - train
    """
    expert = make_expert(subject)
    assert isinstance(expert, Bandit)  # it has states beyond its training range
    found = []
    for path in models:
        model, identity = model_of(path), described(path, subject)
        generator = torch_generator(seed, "theory shifted states")
        states = expert.shifted_states(params.samples, generator)
        sets = {
            "train": draw(expert, identity["demos"], seed),
            "held_out": draw(expert, params.samples, seed + HELD_OUT),
            "shifted": (states, expert.sample(states, generator)),
        }
        losses = {name: loss(model, *pairs, params.samples, seed) for name, pairs in sets.items()}
        gaps = {"gap": losses["held_out"] - losses["train"], "gap_shifted": losses["shifted"] - losses["train"]}
        found.append({"seed": seed, **identity} | losses | gaps)
    return found


@torch.no_grad()
def loss(model: Policy, states: Tensor, actions: Tensor, samples: int, seed: int) -> float:
    """The training loss of the model on pairs [N, Do], [N, Da], each as often as `samples` allows, with fresh noise."""
    repeats = max(1, samples // len(states))
    obs = model.normalizer.standardize_obs(states).repeat(repeats, 1)[:, None]
    chunk = model.normalizer.standardize_action(actions).repeat(repeats, 1)[:, None]
    generator = torch_generator(seed, "theory loss")
    parts = zip(torch.split(obs, 8192), torch.split(chunk, 8192), strict=True)
    losses = [float(model.loss(o, a, generator)) * len(o) for o, a in parts]
    return sum(losses) / len(obs)

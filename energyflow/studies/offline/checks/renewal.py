"""One self-normalised step against several, each from the law that the last one made (equation 5.4).

On Gaussians: `linear`, mu = N(0, 1) with Q = a, whose tilted law is N(beta, 1); `quadratic`, an expert N(0, 1) whose
own energy a^2 / 2 is the weight, so that l renewals make N(0, 1 / (1 + l beta)): temperature alpha / (1 + l beta).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energyflow.core.errors import UserError, nearest
from energyflow.core.seeding import torch_generator
from energyflow.offline import weights
from energyflow.studies.offline.sections import Renewal

SUBJECTS = ("linear", "quadratic")
CHUNK = 4_000_000  # numbers drawn at once


def step(
    subject: str, mean: float, std: float, beta: float, m: int, repeats: int, draws: torch.Generator
) -> tuple[float, float]:
    """Mean and standard deviation of the weighted law of m actions from N(mean, std^2), in expectation over draws."""
    total = torch.zeros(2, dtype=torch.float64)
    done = 0
    while done < repeats:
        count = min(repeats - done, max(1, CHUNK // m))
        action = mean + std * torch.randn((count, m), generator=draws, dtype=torch.float64)
        weight = weights.support_softmax(beta * value(subject, action))
        total += torch.stack([(weight * action**power).sum() for power in (1, 2)])
        done += count
    first, second = (total / repeats).tolist()
    return first, math.sqrt(second - first**2)


def value(subject: str, action: Tensor) -> Tensor:
    """Q, or minus the expert's energy."""
    return action if subject == "linear" else -0.5 * action.square()


def exact(subject: str, beta: float) -> tuple[float, float]:
    """Mean and standard deviation of the tilted law."""
    return (beta, 1.0) if subject == "linear" else (0.0, 1.0 / math.sqrt(1.0 + beta))


def rows(subject: str, seed: int, params: Renewal, _inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """One row a setting.

    kind          `once`: one step of beta with M support actions; `renewed`: after so many renewals of `params.beta`
    beta          in total
    mean, std     of the law that results, a Gaussian being fitted after each renewal
    exact_mean, exact_std

    Raises:
        UserError: there is no such subject.
    """
    if subject not in SUBJECTS:
        raise UserError(f"unknown subject '{subject}' of the renewal check; {nearest(subject, SUBJECTS)}")
    draws = torch_generator(seed, f"offline renewal {subject}")
    found: list[dict[str, Any]] = []

    def add(kind: str, m: int, beta: float, renewals: int, law: tuple[float, float]) -> None:
        wanted = exact(subject, beta)
        row = {"seed": seed, "subject": subject, "kind": kind, "m": m, "beta": beta, "renewals": renewals}
        row |= {"mean": law[0], "std": law[1], "exact_mean": wanted[0], "exact_std": wanted[1]}
        found.append(row)

    totals = [params.beta * count for count in range(1, params.renewals + 1)]
    for m in dict.fromkeys([*params.actions, params.m]):
        for beta in dict.fromkeys([*params.betas, *totals]):
            add("once", m, beta, 1, step(subject, 0.0, 1.0, beta, m, params.repeats, draws))
    law = (0.0, 1.0)
    for count, total in enumerate(totals, start=1):
        law = step(subject, *law, params.beta, params.m, params.repeats, draws)
        add("renewed", params.m, total, count, law)
    return found

"""Time of one action, figure 4: guidance differentiates an energy at each step of the solver, weighting does not.

Networks have fresh weights: the time of a pass does not depend on them. All alternatives act in one process, in turn,
on as many threads as the job has (one), for one state at a time.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from energyflow.config.sections import MLPParams, NetworkParams, TrainParams
from energyflow.core.errors import UserError, nearest
from energyflow.core.seeding import integer_seed, torch_generator
from energyflow.networks.build import Spec
from energyflow.offline.actors import Actor, drawn_from
from energyflow.offline.network import Energy, Field, parameters
from energyflow.offline.paths import OT, VP
from energyflow.offline.samplers import energy_guided
from energyflow.policies.energyflow import EnergyFlow
from energyflow.policies.plan import fast_plan
from energyflow.studies.offline.sections import ActingCheck, ActingSize
from energyflow.studies.timing import Work, interleave

# Widths of observation and action; those of HalfCheetah are Walker2d's.
SHAPES = {"hopper": (11, 3), "walker2d": (17, 6), "antmaze": (29, 8)}
REFERENCE = "qgpo"


def offline_methods(
    obs_dim: int, action_dim: int, size: ActingSize, seed: int
) -> dict[str, tuple[Actor, dict[str, int]]]:
    """QIPO on both paths and QGPO: who acts, its passes an action (a gradient counts as two), its learned numbers."""
    given = (action_dim, size.hidden, size.time_dim, seed)
    field = Field(*given, condition_dim=obs_dim).eval().requires_grad_(False)
    energy = Energy(*given, condition_dim=obs_dim).eval().requires_grad_(False)
    path, alone, both = VP(), parameters(field), parameters(field, energy)

    def about(passes: int, learned: int) -> dict[str, int]:
        return {"passes": passes, "parameters": learned}

    ot, vp = size.ot.evaluations, size.vp.evaluations
    guided = energy_guided(field, energy, path)
    return {
        "qipo_ot": (drawn_from(field, OT(), action_dim, size.ot), about(ot, alone)),
        "qipo_diff": (drawn_from(field, path, action_dim, size.vp), about(vp, alone)),
        "qgpo": (drawn_from(guided, path, action_dim, size.vp), about(3 * vp, both)),
    }


def energyflow(obs_dim: int, action_dim: int, size: ActingSize, method: dict[str, Any], seed: int) -> EnergyFlow:
    """EnergyFlow's policy of these widths that sees one observation and plans one action."""
    network = NetworkParams(kind="mlp", mlp=MLPParams(hidden=size.hidden, time_dim=size.time_dim))
    # nothing is trained: of the section of a training, the model reads these alone
    own: dict[str, Any] = {"method": "energyflow", "method_params": method, "network": network}
    params = TrainParams.model_construct(None, **own)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer_seed(seed, "offline acting"))
        policy = EnergyFlow(Spec(obs_dim, action_dim, 1, 1, 1, ("state",)), params)
    return policy.eval().requires_grad_(False)


def works(obs_dim: int, action_dim: int, size: ActingSize, params: ActingCheck, seed: int) -> dict[str, Any]:
    """Method -> (one action in one state, what is known of it)."""
    draws = torch_generator(seed, "offline acting")
    state = torch.randn((1, obs_dim), generator=draws)
    found: dict[str, Any] = {
        name: (partial(actor, state, draws), about)
        for name, (actor, about) in offline_methods(obs_dim, action_dim, size, seed).items()
    }
    policy = energyflow(obs_dim, action_dim, size, params.energyflow, seed)
    about = {"passes": 2 * policy.nfe, "parameters": parameters(policy)}
    frames = state[:, None]
    found["energyflow"] = (partial(policy.sample, frames, draws, policy.nfe), about)
    found["energyflow_frozen"] = (partial(fast_plan(policy, draws), np.asarray(frames), None), about)
    return found


def rows(subject: str, seed: int, params: ActingCheck, _inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """One row a size and method, on the widths of an environment; the seed is a repetition.

    method              `qgpo`, `qipo_diff`, `qipo_ot`; `energyflow`, and `energyflow_frozen`, the same in NumPy
    passes, parameters  of networks in one action, a gradient being two; learned numbers
    ms                  CPU milliseconds of one action, median over rounds; `ms_low` and `ms_high`: their range
    faster              1 - time / QGPO's in the same round, median, and its range

    Raises:
        UserError: there is no such subject.
    """
    if subject not in SHAPES:
        raise UserError(f"unknown subject '{subject}' of the acting check; {nearest(subject, SHAPES)}")
    found = []
    for size, numbers in params.sizes.items():
        each = works(*SHAPES[subject], numbers, params, seed)
        alternatives: dict[str, Work] = {name: work for name, (work, _) in each.items()}
        times = interleave(alternatives, params.rounds, params.calls)
        for name, (_, about) in each.items():
            row = {"seed": seed, "subject": subject, "size": size, "method": name, **about}
            faster = [1.0 - ours / theirs for ours, theirs in zip(times[name], times[REFERENCE], strict=True)]
            for column, values in (("ms", times[name]), ("faster", faster)):
                numbers_of = (statistics.median(values), min(values), max(values))
                row |= dict(zip((column, f"{column}_low", f"{column}_high"), numbers_of, strict=True))
            found.append(row)
    return found

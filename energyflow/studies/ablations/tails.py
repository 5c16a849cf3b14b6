"""How far sampled actions lie from what the demonstrator intended, where nobody was trained.

The demonstrator's density is known: what it intends plus N(0, s^2) (`collect.label_noise`; where that is null, what was
executed is the label, and s is `collect.noise`). So an error is counted in s, per coordinate of the first action of a
chunk; of a policy that is the demonstrator, 0.27 % lie beyond three. Observations are those of demonstrations of their
own, which no model has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from energyflow.core.errors import UserError
from energyflow.core.seeding import torch_generator
from energyflow.datasets.format import Demonstration, Demos
from energyflow.datasets.scripted import demonstrate
from energyflow.datasets.windows import make_windows
from energyflow.envs.tasks import make_env
from energyflow.policies.base import Policy
from energyflow.policies.checkpoint import load
from energyflow.studies.ablations.resolve import VARIANTS, name_of
from energyflow.studies.ablations.sections import TailsParams

METHODS = {variant: method for method, variant in VARIANTS.items()}
MOST = 5  # attempts at each demonstration: an expert that fails more often is no demonstrator


def rows(subject: str, seed: int, params: TailsParams, inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """A row a policy and held-out demonstration.

    method, centred, law    whose actions; what it does not have is empty
    nfe, std                evaluations a plan; s, in actions of the box
    demo, n                 seed of the demonstration; coordinates that were looked at, of all draws
    beyond                  share of them beyond 3 s of the intention
    square                  mean square of the errors, in s^2
    spread                  mean variance of the draws at one observation, in s^2

    Args:
        subject: suite and task.
        seed: of the checkpoints.
        params: demonstrations, draws, evaluations, and how demonstrations are collected.
        inputs: checkpoints (model.safetensors).
    """
    policies = [policy for path in inputs if isinstance(policy := load(path, subject), Policy)]
    std, held = params.std(subject), held_out(subject, params, policies[0].spec.obs_keys)
    return [row | {"task": subject, "seed": seed} for policy in policies for row in measured(policy, held, std, params)]


def held_out(task: str, params: TailsParams, obs_keys: tuple[str, ...]) -> dict[int, Demonstration]:
    """Demonstrations by their seed, disturbed as those of the training, whose labels are the intentions themselves.

    Raises:
        UserError: the expert fails too often.
    """
    env = make_env(task, obs_keys)
    collect = params.collect[task].model_copy(update={"label_noise": 0.0})
    found: dict[int, Demonstration] = {}
    for seed in range(params.seed, params.seed + MOST * params.demos):
        demonstration = demonstrate(env, seed, collect)
        if demonstration is not None:
            found[seed] = demonstration
        if len(found) == params.demos:
            return found
    raise UserError(f"{task}: the scripted expert succeeded in {len(found)} of {MOST * params.demos} attempts")


@torch.no_grad()
def measured(policy: Policy, held: dict[int, Demonstration], std: float, params: TailsParams) -> list[dict[str, Any]]:
    """The rows of one policy; its draws do not depend on which others are measured."""
    own, spec = policy.params.method_params, policy.spec
    about: dict[str, Any] = {"method": METHODS.get(policy.params.method, policy.params.method)}
    about |= {key: name_of(own[key]) if key in own else None for key in ("centred", "law")}
    found = []
    for demo, demonstration in held.items():
        windows = make_windows(Demos(Path(), "", {}, spec.obs_keys, [demonstration]), spec.obs_horizon, 1)
        obs = windows.obs.repeat_interleave(params.draws, dim=0)
        actions = policy.act(obs, torch_generator(demo, "tails"), params.nfe)[:, 0].double()
        errors = ((actions - windows.actions.repeat_interleave(params.draws, dim=0)[:, 0]) / std).view(
            len(windows.obs), params.draws, -1
        )
        row = {"nfe": params.nfe, "std": std, "demo": demo, "n": errors.numel()}
        row |= {"beyond": float((errors.abs() > 3.0).double().mean()), "square": float(errors.square().mean())}
        found.append(about | row | {"spread": float(errors.var(dim=1).mean())})
    return found

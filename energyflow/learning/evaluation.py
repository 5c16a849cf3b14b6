"""From a checkpoint to per-episode rows: the same held-out initial states for every method."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from energyflow.config.sections import Decoder, EvaluateParams
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.core.provenance import Existing, Run
from energyflow.core.seeding import torch_generator
from energyflow.envs.rollout import Episode, Outcome, Plan, rollout
from energyflow.envs.tasks import has_simulator, make_env, suite_of
from energyflow.policies.base import Policy, default_device
from energyflow.policies.checkpoint import checkpoint_file, load
from energyflow.policies.plan import fast_plan

SIMULATORS = 12  # of one job: building one costs 0.2 s, a planning call costs about the same for 1 and for 12


def episodes_of(params: EvaluateParams) -> list[Episode]:
    """Every (level, initial state) of the section; level by level, episode i at env seed `seed + i`."""
    return [
        Episode(index, params.seed + index, name, level)
        for name, level in params.levels.items()
        for index in range(params.episodes)
    ]


def plans_of(policy: Policy, params: EvaluateParams) -> list[tuple[Decoder, int]]:
    """What plans episodes: each decoder at the method's own number of evaluations, or draws at each one of a sweep."""
    if params.nfe:
        return [("sample", nfe) for nfe in params.nfe]
    return [(decoder, policy.nfe) for decoder in params.decoders]


def planner(policy: Policy, generator: torch.Generator, nfe: int, decoder: Decoder = "sample") -> Plan:
    """What rollouts ask: the executed part [B, exec_horizon, Da] of a chunk."""
    whole = fast_plan(policy, generator, nfe, decoder)

    def plan(obs: NDArray[np.float64], elapsed: NDArray[np.int64]) -> NDArray[np.float64]:
        return whole(obs, elapsed)[:, : policy.spec.exec_horizon].astype(np.float64)

    return plan


def _rows(outcomes: list[Outcome], **identity: Any) -> list[dict[str, Any]]:
    return [
        identity
        | {
            "level": outcome.episode.level_name,
            "episode": outcome.episode.index,
            "env_seed": outcome.episode.env_seed,
            "success": int(outcome.success),
            "return": outcome.total_reward,
            "length": outcome.length,
            "seconds": round(outcome.seconds, 4),
        }
        for outcome in outcomes
    ]


def check_policy_fits(policy: Policy, task: str) -> None:
    """Compare a policy with a task's simulator, before that is built.

    Raises:
        UserError: the width of the observation or of the action differs.
    """
    widths = suite_of(task).widths
    if widths is None:
        return
    (known, acts), spec = widths(task), policy.spec
    for what, mine, theirs in (
        ("observes", spec.obs_dim, sum(known.get(key, 0) for key in spec.obs_keys)),
        ("acts by", spec.action_dim, acts),
    ):
        if mine != theirs and (what == "acts by" or known.keys() >= set(spec.obs_keys)):
            raise UserError(
                f"the policy {what} {mine} numbers ({', '.join(spec.obs_keys)}), but the simulator of {task} has"
                f" {theirs}: the demonstrations were recorded in another version of it, or are of another task"
            )


def evaluate(
    task: str, seed: int, params: EvaluateParams, model: Path, out: Path, *, existing: Existing = "replace"
) -> None:
    """Roll a checkpoint out and write `episodes.csv` and `run.json`.

    With `params.nfe` empty, every level by each decoder at the method's own number of network evaluations; otherwise
    every level by draws at each number of the list.

    Raises:
        UserError: the checkpoint is missing, damaged, of another task, or of one without a simulator; the widths of
            policy and simulator differ; or `out` holds a run of other inputs, and `existing` says to refuse.
    """
    model, device = checkpoint_file(model), default_device()
    policy = load(model, task).to(device)
    if params.env is None and not has_simulator(task):
        differs = read_json(model.with_suffix(".json"))["demos"].get("differs")
        raise UserError(
            f"{model}: {task} has demonstrations only, and no simulator here" + (differs and f": {differs}")
        )
    if params.env is None:
        check_policy_fits(policy, task)
    method = policy.params.method
    run = Run("evaluate", out, params=params.model_dump(), inputs=[model], task=task, method=method, seed=seed)
    if run.is_there(("episodes.csv",), existing):
        return
    with run:
        episodes = episodes_of(params)
        envs = [make_env(task, policy.spec.obs_keys, params.env) for _ in range(min(SIMULATORS, len(episodes)))]
        rows, outcomes = [], list[Outcome]()
        for decoder, nfe in plans_of(policy, params):
            # Where both decoders are one function, their rows are the same episodes, which are run once.
            if not outcomes or not policy.deterministic:
                generator = torch_generator(seed, f"evaluation {decoder} nfe {nfe}", device)
                outcomes = rollout(
                    planner(policy, generator, nfe, decoder),
                    envs,
                    episodes,
                    obs_horizon=policy.spec.obs_horizon,
                    horizon=params.horizon,
                )
            taken = policy.evaluations(decoder, nfe)
            rows += _rows(outcomes, task=task, method=method, seed=seed, nfe=taken, decoder=decoder)
        run.write_csv("episodes.csv", rows)
        run.note(device=str(device), episodes=len(rows))


def evaluate_expert(task: str, params: EvaluateParams, out: Path) -> None:
    """Run the scripted expert, undisturbed and of the fixed style, from the same states: the ceiling of every curve."""
    env = make_env(task)
    with Run("expert", out, params=params.model_dump(), inputs=[], task=task, method="expert", seed=0) as run:
        outcomes = []
        for episode in episodes_of(params):
            started, done = time.perf_counter(), False
            outcome = Outcome(episode, False, 0.0, 0, 0.0)
            obs = env.reset(episode.env_seed, episode.level)
            expert = env.expert(style=None)
            while not done:
                obs, reward, outcome.success = env.step(expert(obs))
                outcome.total_reward += reward
                outcome.length += 1
                done = outcome.success or outcome.length >= params.horizon
            outcome.seconds = time.perf_counter() - started
            outcomes.append(outcome)
        run.write_csv("episodes.csv", _rows(outcomes, task=task, method="expert", seed=0, nfe=0, decoder="expert"))
        run.note(episodes=len(outcomes))

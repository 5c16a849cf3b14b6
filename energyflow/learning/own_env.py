"""A policy in its user's own environment: rollouts of any Gymnasium environment, one row an episode."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gymnasium as gym
import pandas as pd
from gymnasium.envs.registration import EnvSpec

from energyflow.config.sections import Decoder, EvaluateParams, Level
from energyflow.core.errors import UserError
from energyflow.core.provenance import Existing, Run
from energyflow.core.seeding import torch_generator
from energyflow.envs.film import check_film, filming
from energyflow.envs.gym_env import GymSimulator, make
from energyflow.envs.rollout import rollout
from energyflow.learning.evaluation import episodes_of, planner, plans_of
from energyflow.policies.base import Policy, default_device
from energyflow.policies.checkpoint import checkpoint_file, load, read_description

AS_IT_IS = {"0": Level(hand=0.0, object=0.0, goal=0.0)}  # nobody but the environment knows how to perturb it
FPS = 30.0  # of a film of an environment that does not say its own


def horizon_of(env: gym.Env[Any, Any], asked: int | None) -> int:
    """Steps that an episode takes at most.

    Raises:
        UserError: nobody says: neither the caller nor the environment's registration.
    """
    said = asked or (env.spec.max_episode_steps if env.spec is not None else None)
    if said is None:
        name = env.spec.id if env.spec is not None else type(env.unwrapped).__name__
        raise UserError(f"{name}: has no max_episode_steps: say how many steps an episode takes at most (horizon)")
    return int(said)


def _check_fits(policy: Policy, simulator: GymSimulator) -> None:
    spec = policy.spec
    for what, mine, theirs in (
        ("observes", spec.obs_dim, simulator.obs_dim),
        ("acts by", spec.action_dim, simulator.action_dim),
    ):
        if mine != theirs:
            raise UserError(
                f"{simulator.name}: the policy {what} {mine} numbers"
                f"{' (' + ', '.join(spec.obs_keys) + ')' if what == 'observes' else ''}, the environment {theirs}"
            )


def roll_out(
    policy: Policy, env: gym.Env[Any, Any], params: EvaluateParams, *, seed: int = 0, video: Path | None = None
) -> list[dict[str, Any]]:
    """Run every episode by every decoder: the initial state of episode i is `env.reset(seed=params.seed + i)`.

    Success is `info["success"]` or `info["is_success"]` at any step; an episode runs on until the environment ends it,
    or for `params.horizon` steps. Where `info` never says either, the rows have no success.

    Args:
        policy: its observations are found by their keys in a dictionary, or are the one box.
        env: with `render_mode="rgb_array"` if it is filmed.
        params: episodes, seed, horizon, decoders.
        seed: of the noise that plans are drawn from.
        video: film of the first episode.

    Returns:
        One row an episode: nfe, decoder, level, episode, env_seed, success, return, length, seconds.

    Raises:
        UserError: observations or actions do not fit, an observation is not finite, or no picture is rendered.
    """
    rows, device = [], next(policy.parameters()).device
    with ExitStack() as held:
        simulator = GymSimulator(env, policy.spec.obs_keys)
        _check_fits(policy, simulator)
        if video is not None:
            rate = float(env.metadata.get("render_fps") or FPS)
            simulator.film = held.enter_context(filming(video, rate))
        for decoder, nfe in plans_of(policy, params):
            generator = torch_generator(seed, f"evaluation {decoder} nfe {nfe}", device)
            outcomes = rollout(
                planner(policy, generator, nfe, decoder),
                [simulator],
                episodes_of(params),
                obs_horizon=policy.spec.obs_horizon,
                horizon=params.horizon,
            )
            spoken = any(said is not None for said in simulator.endings.values())
            for outcome in outcomes:
                success = {"success": int(simulator.endings[outcome.episode.env_seed] or 0)} if spoken else {}
                rows.append(
                    {"nfe": policy.evaluations(decoder, nfe), "decoder": decoder}
                    | {"level": outcome.episode.level_name, "episode": outcome.episode.index}
                    | {"env_seed": outcome.episode.env_seed}
                    | success
                    | {"return": outcome.total_reward, "length": outcome.length, "seconds": round(outcome.seconds, 4)}
                )
    return rows


def evaluate(
    policy: Policy | str | Path,
    env: gym.Env[Any, Any] | str,
    episodes: int = 50,
    *,
    seed: int = 0,
    horizon: int | None = None,
    decoder: Decoder = "sample",
    video: str | Path | None = None,
) -> pd.DataFrame:
    """Roll a policy out in any Gymnasium environment: see `energyflow.evaluate`, which is this."""
    policy = policy if isinstance(policy, Policy) else load(policy)
    film = None if video is None else Path(video)
    if film is not None:
        check_film(film)
    if isinstance(env, str):
        env = make(env, render_mode="rgb_array" if film else None)
    params = EvaluateParams(
        episodes=episodes, seed=seed, horizon=horizon_of(env, horizon), levels=AS_IT_IS, decoders=[decoder]
    )
    return pd.DataFrame(roll_out(policy, env, params, seed=seed, video=film))


def _arguments(spec: EnvSpec) -> dict[str, Any]:
    """What an environment was built with, apart from whether it draws."""
    return {key: value for key, value in spec.kwargs.items() if key != "render_mode"}


def evaluate_run(
    model: Path,
    env: gym.Env[Any, Any],
    seed: int,
    params: EvaluateParams,
    out: Path,
    *,
    video: Path | None = None,
    existing: Existing = "replace",
) -> None:
    """Roll a checkpoint out in a user's environment and write `episodes.csv` and `run.json`; see `roll_out`.

    Raises:
        UserError: as `roll_out`; the checkpoint is missing or damaged; or `out` holds a run of other inputs, and
            `existing` says to refuse.
    """
    model = checkpoint_file(model)
    policy, trained = load(model).to(default_device()), read_description(model)
    identity = {"task": trained.task, "method": trained.method, "seed": seed}
    built = {"env": env.spec.id, "env_kwargs": _arguments(env.spec)} if env.spec is not None else {}
    run = Run("evaluate", out, params=params.model_dump(), inputs=[model], **identity, **built)
    if run.is_there(("episodes.csv",), existing) and (video is None or video.is_file()):
        return
    with run:
        rows = roll_out(policy, env, params, seed=seed, video=video)
        run.write_csv("episodes.csv", [identity | row for row in rows])
        run.note(device=str(default_device()), episodes=len(rows))

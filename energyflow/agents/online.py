"""Methods that are trained in the simulator: soft actor-critic from and beside demonstrations, to a checkpoint."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from energyflow.agents.agent import Agent
from energyflow.agents.cloned import ClonedAgent
from energyflow.agents.sac import train_sac
from energyflow.config.section import describe
from energyflow.config.sections import NetworkParams, OnlineParams, ShapeParams, TrainParams
from energyflow.core.errors import UserError
from energyflow.core.files import sha256
from energyflow.core.provenance import Run
from energyflow.core.registry import implementation
from energyflow.core.resume import ResumePoint
from energyflow.core.seeding import integer_seed
from energyflow.datasets.format import Demos, load_demos
from energyflow.datasets.windows import make_windows
from energyflow.envs.simulator import Simulator
from energyflow.envs.tasks import check_simulated, make_env
from energyflow.learning.trainer import Trainer
from energyflow.networks.build import Spec
from energyflow.policies.checkpoint import save
from energyflow.policies.registry import METHODS
from energyflow.policies.soft_actor import SoftActor
from energyflow.rewards.registry import SOURCES
from energyflow.rewards.sources import ends_at_success, make_source

UNCLIPPED = sys.float_info.max  # neither SAC nor cloning clips gradients
ROWS = ["loss", "success", "return", "shaped_return"]  # of train.csv, by step


def new_actor(params: OnlineParams, data: Demos, seed: int, steps: int) -> SoftActor:
    """An actor with fresh weights, whose parameters say that it is trained for `steps` steps."""
    spec = Spec(data.obs_dim, data.action_dim, 1, 1, 1, data.obs_keys)
    section = TrainParams(
        method=params.method,
        method_params={"hidden": params.shape.hidden},
        network=NetworkParams(kind="mlp"),
        lr=params.shape.learning_rate,
        steps=steps,
        batch_size=params.shape.batch_size,
        warmup_steps=0,
        ema_decay=0.0,
        ema_warmup=False,
        precision="float32",
        obs_horizon=1,
        pred_horizon=1,
        exec_horizon=1,
        weight_decay=0.0,
        grad_clip=UNCLIPPED,
        obs_keys=params.obs_keys,
        standardize_obs=params.standardize_obs,
        log_every=params.shape.eval_every,
        resume_every=params.shape.eval_every,
    )
    with torch.random.fork_rng(devices=[]):  # initialisers only know the global generator
        torch.manual_seed(integer_seed(seed, "initial weights"))
        actor = SoftActor(spec, section)
    actor.normalizer.fit(data.observations, data.actions, standardize_obs=params.standardize_obs)
    return actor


def clone(params: OnlineParams, data: Demos, seed: int) -> SoftActor:
    """An actor that imitates the demonstrations, by the shared trainer, at the agent's own rate and batch size."""
    actor = new_actor(params, data, seed, params.clone_steps)
    trainer = Trainer(actor, make_windows(data, 1, 1), seed, torch.device("cpu"))
    while trainer.step < params.clone_steps:
        trainer.advance()
    return actor.eval()


def paired(actor: SoftActor, agent: Agent) -> list[tuple[Tensor, Tensor]]:
    """Parameters of the policy, each beside the agent's own, of which it is a copy.

    The agent's last layer holds the rows of `means`, then those of `log_std`.
    """
    *hidden, last = agent.actor.layers
    linear = [module for module in actor.body if isinstance(module, nn.Linear)]
    pairs = list(zip(linear, ((layer.weight[0], layer.bias[0, 0]) for layer in hidden), strict=True))
    heads = zip(last.weight[0].chunk(2), last.bias[0, 0].chunk(2), strict=True)
    pairs += zip((actor.means, actor.log_std), heads, strict=True)
    return [pair for ours, theirs in pairs for pair in zip((ours.weight.data, ours.bias.data), theirs, strict=True)]


def into_agent(actor: SoftActor, agent: Agent) -> None:
    """Give the agent the weights of the policy."""
    for ours, theirs in paired(actor, agent):
        theirs.copy_(ours)


def from_agent(agent: Agent, actor: SoftActor) -> SoftActor:
    """Take the agent's weights over into the policy."""
    for ours, theirs in paired(actor, agent):
        ours.copy_(theirs)
    return actor


def build_online(simulator: Simulator, shape: ShapeParams, seed: int, *, params: OnlineParams, data: Demos) -> Agent:
    """Set up the agent of an online method: on standardised observations, with what the method adds."""
    start = clone(params, data, seed) if params.clone_steps else new_actor(params, data, seed, shape.steps)
    given = simulator.obs_dim, simulator.action_dim, shape, seed, start.normalizer
    if params.clone_steps:
        cloned = ClonedAgent(*given, online=params)
        into_agent(start, cloned)
        return cloned
    method = METHODS[params.method]
    if method.online is not None and method.online.agent is not None:
        kind = implementation(method.online.agent)
        agent: Agent = kind(*given, own=method.params(**params.own), share=params.demo_share)
        return agent
    return Agent(*given)


def agent_section(params: OnlineParams) -> ShapeParams:
    """Numbers of the agent: those of its source, and how much of a batch is demonstrated, an action a step.

    Raises:
        UserError: the two do not go together.
    """
    mixed = {"demo_share": params.demo_share} | ({"action_repeat": 1} if params.demo_share else {})
    try:
        return ShapeParams(**params.shape.model_dump() | mixed)
    except ValidationError as error:
        raise UserError(f"online.demo_share, of '{params.method}': {describe(error)}") from None


def train_online(task: str, seed: int, params: OnlineParams, demos: Path, model: Path | None, out: Path) -> None:
    """Train an online method; write `model.safetensors`, `model.json`, `train.csv` and `run.json`.

    The last actor is saved: there is no selection on success. A killed run continues as those of `run_shape`.

    Args:
        task: simulated one.
        seed: of the run.
        params: every number.
        demos: the demonstrations.
        model: checkpoint of the reward model, if the method's source reads one.
        out: folder of the outputs.

    Raises:
        UserError: the task is unknown or has no simulator; the method learns offline; two numbers do not go together;
            the demonstrations or the reward model are missing, damaged or of another task; the reward model gives no
            scale; a weight became NaN or infinite; the disk is full; or another process is writing into `out`.
    """
    check_simulated(task)
    online = METHODS[params.method].online
    if online is None:
        raise UserError(f"method '{params.method}' learns from demonstrations alone: energyflow train")
    name, shape = online.source, agent_section(params)
    inputs = [demos, *([model] if model is not None and SOURCES[name].model else [])]
    source, data = make_source(name, task, params.shape, seed, model, demos), load_demos(demos, params.obs_keys)
    section = params.model_dump(mode="json")
    identity = {"task": task, "seed": seed, "params": section}
    with Run("train_online", out, params=section, inputs=inputs, task=task, method=params.method, seed=seed) as run:
        resume = ResumePoint(out, identity | {"inputs": [sha256(path) for path in inputs]})
        learner, rows = train_sac(
            lambda: make_env(task, data.obs_keys),
            source,
            shape,
            seed,
            terminate=ends_at_success(name, shape),
            demos=data.episodes,
            resume=resume,
            build=partial(build_online, params=params, data=data),
        )
        save(
            from_agent(learner.agent, new_actor(params, data, seed, shape.steps)),
            out / "model.safetensors",
            {"task": task, "seed": seed, "demos": data.description},
        )
        curve = pd.DataFrame(rows["curve"]).dropna(subset="loss")  # no loss: a mark before the first update
        run.write_csv("train.csv", curve.groupby("step")[ROWS].mean().reset_index())
        run.note(**source.measured, episodes=len(rows["episodes"]), matmul=learner.kernels)
        resume.remove()

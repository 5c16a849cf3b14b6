"""The state of SAC, as tensors and JSON: everything its next step depends on. Files: energyflow/core/resume.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from energyflow.agents.agent import Agent
from energyflow.agents.env import EpisodeEnv
from energyflow.agents.relabel import RelabelBuffer
from energyflow.core.resume import ResumePoint
from energyflow.core.tensors import below, optimizer_tensors, restore_optimizer, within
from energyflow.rewards.base import ChangingSource

BUFFER = (
    "observations",
    "next_observations",
    "actions",
    "rewards",
    "dones",
    "timeouts",
    "success",
    "start",
    "learned",
)
COUNTERS = ("num_timesteps", "_n_updates", "_episode_num", "loss_sum", "loss_count")


def _optimizers(sac: Agent) -> dict[str, torch.optim.Optimizer]:
    found = {"actor": sac.actor.optimizer, "critic": sac.critic.optimizer, "ent_coef": sac.ent_coef_optimizer}
    return {name: optimizer for name, optimizer in found.items() if optimizer is not None}


def _buffer(sac: Agent) -> RelabelBuffer:
    assert isinstance(sac.replay_buffer, RelabelBuffer)
    return sac.replay_buffer


def save_state(point: ResumePoint, sac: Agent, env: EpisodeEnv, rows: dict[str, Any]) -> None:
    """Write a resume point; call it between two episodes and two updates only.

    Raises:
        UserError: the disk is full.
    """
    buffer = _buffer(sac)
    tensors: dict[str, Tensor] = below("policy/", sac.policy.state_dict())
    if sac.log_ent_coef is not None:  # learned, not fixed
        tensors["log_ent_coef"] = sac.log_ent_coef
    for name, optimizer in _optimizers(sac).items():
        tensors |= below(f"optimizer/{name}/", optimizer_tensors(optimizer))
    if isinstance(buffer.source, ChangingSource):
        tensors |= below("source/", buffer.source.tensors())
    for name in BUFFER:
        tensors[f"buffer/{name}"] = torch.as_tensor(getattr(buffer, name)[: buffer.pos])
    tensors["rng/torch"] = torch.get_rng_state()
    drawn: Any = np.random.get_state(legacy=False)  # Stable-Baselines3 samples with this generator
    tensors["rng/numpy"] = torch.as_tensor(drawn["state"].pop("key").astype(np.int64))
    state = {
        "counters": {name: getattr(sac, name) for name in COUNTERS},
        "known": buffer.known,
        "episode": env.episode,
        "numpy": drawn,
        "action_space": sac.action_space.np_random.bit_generator.state,
        "rows": rows,
    }
    point.store(tensors, state)


def load_state(point: ResumePoint, sac: Agent, env: EpisodeEnv, rows: dict[str, Any]) -> bool:
    """Restore a resume point into a freshly built agent; `learn` then continues as if nothing had happened.

    Returns:
        Whether there was one that could be continued; see `ResumePoint.load`.
    """
    stored = point.load()
    if stored is None:
        return False
    tensors, state = stored
    sac.policy.load_state_dict(within(tensors, "policy/"))
    if sac.log_ent_coef is not None:
        sac.log_ent_coef.data.copy_(tensors["log_ent_coef"])
    for name, optimizer in _optimizers(sac).items():
        restore_optimizer(optimizer, within(tensors, f"optimizer/{name}/"))
    buffer = _buffer(sac)
    if isinstance(buffer.source, ChangingSource):
        buffer.source.load(within(tensors, "source/"))
    for name in BUFFER:
        values = tensors[f"buffer/{name}"].numpy()
        getattr(buffer, name)[: len(values)] = values
        buffer.pos = len(values)
    buffer.known = state["known"]
    for name, value in state["counters"].items():
        setattr(sac, name, value)
    env.episode = state["episode"] - 1  # `learn` resets the environment into the episode that was about to begin
    rows |= state["rows"]
    drawn = state["numpy"]
    drawn["state"]["key"] = tensors["rng/numpy"].numpy().astype(np.uint32)
    np.random.set_state(drawn)
    sac.action_space.np_random.bit_generator.state = state["action_space"]
    torch.set_rng_state(tensors["rng/torch"])
    return True

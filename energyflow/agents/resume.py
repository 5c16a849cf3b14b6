"""Resume points of SAC: everything the next step depends on, as safetensors with JSON (no pickle)."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from energyflow.agents.agent import Agent
from energyflow.agents.env import EpisodeEnv
from energyflow.agents.relabel import RelabelBuffer
from energyflow.agents.state import optimizer_tensors, restore_optimizer, within
from energyflow.core.files import atomic_path
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

log = logging.getLogger(__name__)


def _optimizers(sac: Agent) -> dict[str, torch.optim.Optimizer]:
    found = {"actor": sac.actor.optimizer, "critic": sac.critic.optimizer, "ent_coef": sac.ent_coef_optimizer}
    return {name: optimizer for name, optimizer in found.items() if optimizer is not None}


def _buffer(sac: Agent) -> RelabelBuffer:
    assert isinstance(sac.replay_buffer, RelabelBuffer)
    return sac.replay_buffer


def save_state(path: Path, sac: Agent, env: EpisodeEnv, rows: dict[str, Any], identity: dict[str, Any]) -> None:
    """Write a resume point; call it between two episodes and two updates only.

    Raises:
        UserError: the disk is full.
    """
    buffer = _buffer(sac)
    tensors: dict[str, Tensor] = {f"policy/{k}": v for k, v in sac.policy.state_dict().items()}
    if sac.log_ent_coef is not None:  # learned, not fixed
        tensors["log_ent_coef"] = sac.log_ent_coef.detach()
    for name, optimizer in _optimizers(sac).items():
        tensors |= {f"optimizer/{name}/{key}": value for key, value in optimizer_tensors(optimizer).items()}
    if isinstance(buffer.source, ChangingSource):
        tensors |= {f"source/{key}": value for key, value in buffer.source.tensors().items()}
    for name in BUFFER:
        tensors[f"buffer/{name}"] = torch.as_tensor(getattr(buffer, name)[: buffer.pos])
    tensors["rng/torch"] = torch.get_rng_state()
    drawn: Any = np.random.get_state(legacy=False)  # Stable-Baselines3 samples with this generator
    tensors["rng/numpy"] = torch.as_tensor(drawn["state"].pop("key").astype(np.int64))
    header = {
        "identity": identity,
        "counters": {name: getattr(sac, name) for name in COUNTERS},
        "known": buffer.known,
        "episode": env.episode,
        "numpy": drawn,
        "action_space": sac.action_space.np_random.bit_generator.state,
        "rows": rows,
    }
    with atomic_path(path) as temporary:
        save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, metadata={"state": json.dumps(header)})


def load_state(path: Path, sac: Agent, env: EpisodeEnv, rows: dict[str, Any], identity: dict[str, Any]) -> bool:
    """Restore a resume point into a freshly built agent; `learn` then continues as if nothing had happened.

    Returns:
        Whether it was restored; a missing, damaged or foreign file is left out of account with a warning.
    """
    if not path.exists():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads(file.metadata()["state"])
            tensors: dict[str, Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        log.warning("%s: damaged resume point (%s); starting over", path, error)
        return False
    if header["identity"] != identity:
        log.warning("%s: resume point of another run (params or inputs differ); starting over", path)
        return False
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
    buffer.known = header["known"]
    for name, value in header["counters"].items():
        setattr(sac, name, value)
    env.episode = header["episode"] - 1  # `learn` resets the environment into the episode that was about to begin
    rows |= header["rows"]
    drawn = header["numpy"]
    drawn["state"]["key"] = tensors["rng/numpy"].numpy().astype(np.uint32)
    np.random.set_state(drawn)
    sac.action_space.np_random.bit_generator.state = header["action_space"]
    torch.set_rng_state(tensors["rng/torch"])
    return True

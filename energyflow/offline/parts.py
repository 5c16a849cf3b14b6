"""Finished networks of a run, which other runs on the same data may start from: `behaviour` and `critic`.

All methods that are compared then have the same critic. What a network was trained with is written beside it, and
one of other data, seeds or numbers is refused, not quietly trained again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from energyflow.core.errors import UserError
from energyflow.core.tensors import note_of, read_tensors, write_tensors
from energyflow.datasets.episodes import Episodes
from energyflow.offline.learner import Learner

FORMAT = 1
SHARED = ("behaviour", "critic")


def part_file(folder: Path, name: str, learner: Learner) -> Path:
    """Where a shared network lies: `behaviour_ot.safetensors`, `critic_softmax.safetensors`."""
    kind = learner.method.path if name == "behaviour" else learner.critic_kind
    return folder / f"{name}_{kind}.safetensors"


def identity(name: str, learner: Learner, data: Episodes) -> dict[str, Any]:
    """What a shared network depends on."""
    params = learner.params.model_dump(mode="json")
    found = {
        "obs_dim": data.obs_dim,
        "action_dim": data.action_dim,
        "data": data.sha256,
        "obs_keys": list(data.layout),
        "seed": learner.seed,
    }
    if name == "behaviour" or learner.critic_kind == "softmax":
        found |= {key: params[key] for key in ("hidden", "time_dim", "behaviour")}
    if name == "critic":
        found |= {"rewards": params["rewards"], "critic": params["critic"] | {"kind": learner.critic_kind}}
    return found


def write_part(folder: Path, name: str, network: nn.Module, learner: Learner, data: Episodes) -> None:
    """Write a finished network among the outputs.

    Raises:
        UserError: the disk is full.
    """
    note = {"format": FORMAT, "identity": identity(name, learner, data)}
    note |= {"support": learner.method.path} if name == "critic" else {}  # the path of the mu that it drew from
    write_tensors(part_file(folder, name, learner), network.state_dict(), note)


def read_part(folder: Path, name: str, learner: Learner, data: Episodes) -> nn.Module | None:
    """A finished network of another run; None if that run has none of the kind.

    Raises:
        UserError: it is damaged, of other widths than the data, or was trained with other data, seed or numbers.
    """
    path = part_file(folder, name, learner)
    if not path.is_file():
        return None
    tensors, note = read_tensors(path, FORMAT)
    theirs, ours = note.get("identity") or {}, identity(name, learner, data)
    for key, what in (("obs_dim", "observations"), ("action_dim", "actions")):
        if theirs.get(key) != ours[key]:
            raise UserError(f"{data.path}: {what}: {ours[key]} numbers at each step, but {path} has {theirs.get(key)}")
    differ = [key for key, value in ours.items() if theirs.get(key) != value]
    if differ:
        raise UserError(f"{path}: trained otherwise ({', '.join(differ)}); leave it out, or train with the same")
    network = learner.network(name)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(f"{path}: does not fit {note_of(path).name}: {' '.join(str(error).split())}") from None
    return network.eval().requires_grad_(False)

"""Finished networks of a run, which other runs on the same data may start from: `behaviour` and `critic`.

All methods that are compared then have the same critic. What a network was trained with is written beside it, and
one of other data, seeds or numbers is refused, not quietly trained again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from energyflow.core.errors import UserError
from energyflow.core.tensors import below, note_of, read_tensors, within, write_tensors
from energyflow.datasets.episodes import Episodes
from energyflow.offline.learner import Learner

FORMAT = 1
PARTS = "parts.safetensors"
SHARED = ("behaviour", "critic")


def key_of(name: str, learner: Learner) -> str:
    """Name of a shared network in the file: `behaviour_ot`, `critic_softmax`."""
    return f"{name}_{learner.method.path if name == 'behaviour' else learner.critic_kind}"


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


def write_parts(folder: Path, networks: Mapping[str, nn.Module], learner: Learner, data: Episodes) -> None:
    """Write the networks that a run has trained, of which there may be none, among its outputs.

    Raises:
        UserError: the disk is full.
    """
    tensors: dict[str, Tensor] = {}
    notes = {}
    for name, network in networks.items():
        key = key_of(name, learner)
        tensors |= below(f"{key}/", network.state_dict())
        notes[key] = identity(name, learner, data)
    note = {"format": FORMAT, "networks": notes, "support": learner.method.path}  # of a critic: whose draws it has seen
    write_tensors(folder / PARTS, tensors, note)


def read_part(folder: Path, name: str, learner: Learner, data: Episodes) -> nn.Module | None:
    """A network that another run has trained; None if it has trained none of the kind.

    Raises:
        UserError: the file is missing or damaged; the network is of other widths than the data, or was trained with
            other data, seed or numbers.
    """
    path, key = folder / PARTS, key_of(name, learner)
    tensors, note = read_tensors(path, FORMAT)
    networks = note.get("networks")
    if not isinstance(networks, dict) or not isinstance(networks.get(key, {}), dict):
        raise UserError(f"{note_of(path)}: networks: expected what each was trained with; train again")
    if key not in networks:
        return None
    theirs, ours = networks[key], identity(name, learner, data)
    where = f"{key} of {path}"
    for width, what in (("obs_dim", "observations"), ("action_dim", "actions")):
        if theirs.get(width) != ours[width]:
            raise UserError(
                f"{data.path}: {what}: {ours[width]} numbers at each step, but {where} has {theirs.get(width)}"
            )
    differ = [entry for entry, value in ours.items() if theirs.get(entry) != value]
    if differ:
        raise UserError(f"{where}: trained otherwise ({', '.join(differ)}); leave it out, or train with the same")
    network = learner.network(name)
    try:
        network.load_state_dict(within(tensors, f"{key}/"))
    except RuntimeError as error:
        raise UserError(f"{path}: does not fit {note_of(path).name}: {' '.join(str(error).split())}") from None
    return network.eval().requires_grad_(False)

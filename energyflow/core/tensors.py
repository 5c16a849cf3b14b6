"""Tensors on disk: safetensors, and beside them a JSON note that carries the digest of both. No pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.optim import Optimizer

from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path, read_json

# What the library raises where the bytes are no safetensors file of types that torch knows.
NOT_TENSORS = (SafetensorError, KeyError, TypeError, ValueError, RuntimeError)


def note_of(path: Path) -> Path:
    """The JSON beside a safetensors file."""
    return path.with_suffix(".json")


def _digest(data: bytes, note: dict[str, Any]) -> str:
    return hashlib.sha256(data + json.dumps(note, sort_keys=True).encode()).hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, Tensor], note: dict[str, Any]) -> None:
    """Write `<name>.safetensors` and `<name>.json`, both or, on a failure, neither.

    Args:
        path: of the safetensors file.
        tensors: by name, on any device.
        note: JSON values; `format` is what `read_tensors` asks for.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    data = save({name: value.detach().cpu().contiguous() for name, value in tensors.items()})
    note = json.loads(json.dumps(note))
    sealed = note | {"digest": _digest(data, note)}
    with atomic_path(note_of(path)) as beside, atomic_path(path) as temporary:
        temporary.write_bytes(data)
        beside.write_text(json.dumps(sealed, indent=2, sort_keys=True) + "\n")


def read_tensors(path: Path, version: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Args:
        path: of the safetensors file.
        version: the only `format` that is read.

    Returns:
        The tensors, on the CPU, and the note without its digest.

    Raises:
        UserError: one of the files is missing, of another format or damaged in any bit.
    """
    note = read_json(note_of(path))
    if note.get("format") != version:
        raise UserError(f"{note_of(path)}: format {note.get('format')!r}, this version reads {version}")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    if note.pop("digest", None) != _digest(data, note):
        raise UserError(f"{path}: damaged, it or {note_of(path).name} is not as it was written (the digest differs)")
    try:
        return load(data), note
    except NOT_TENSORS as error:
        raise UserError(f"{path}: damaged, no safetensors ({' '.join(str(error).split())})") from None


def within(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries below a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries with a prefix before their names."""
    return {f"{prefix}{name}": value for name, value in tensors.items()}


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """State of an optimiser: `<parameter>/<entry>`."""
    found: dict[str, Tensor] = {}
    for index, state in optimizer.state_dict()["state"].items():
        found |= below(f"{index}/", {entry: value.clone() for entry, value in state.items()})
    return found


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Continue where `optimizer_tensors` was taken; learning rates and the like stay as they are."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, entry = name.split("/")
        state.setdefault(int(index), {})[entry] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})

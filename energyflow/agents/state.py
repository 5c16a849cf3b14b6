"""Optimisers as named tensors, for resume points without pickle."""

from __future__ import annotations

import torch
from torch import Tensor


def within(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries below a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """State of an optimiser: `<parameter>/<entry>`."""
    found: dict[str, Tensor] = {}
    for index, state in optimizer.state_dict()["state"].items():
        found |= {f"{index}/{entry}": value.clone() for entry, value in state.items()}
    return found


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Continue where `optimizer_tensors` was taken; learning rates and the like stay as they are."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, entry = name.split("/")
        state.setdefault(int(index), {})[entry] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})

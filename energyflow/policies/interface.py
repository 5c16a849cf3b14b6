"""What a user hands to a policy: NumPy or torch, one vector or one array a key, a batch or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from energyflow.core.errors import UserError, nearest
from energyflow.networks.build import Spec

Array = Tensor | NDArray[Any]
Observation = Array | Mapping[str, Array]


def as_batch(obs: Observation, spec: Spec) -> tuple[Tensor, bool]:
    """Bring observations into the form of the networks' input.

    Args:
        obs: [To, Do] or [B, To, Do]; or arrays [To, D] or [B, To, D] by observation key, without the last axis where
            an observation is one number. Further keys are ignored.
        spec: sizes and keys of the policy.

    Returns:
        [B, To, Do] in double precision, and whether it came as a batch.

    Raises:
        UserError: a key is missing, a size is wrong, or a value is no finite number.
    """
    if isinstance(obs, Mapping):
        for key in spec.obs_keys:
            if key not in obs:
                raise UserError(
                    f"no observation '{key}'; {nearest(key, map(str, obs))}. In all: {', '.join(spec.obs_keys)}"
                )
        parts = [_tensor(obs[key], f"observation '{key}'") for key in spec.obs_keys]
        rank = max(part.dim() for part in parts)
        parts = [part[..., None] if part.dim() == rank - 1 else part for part in parts]
        if len({part.shape[:-1] for part in parts}) > 1 or rank < 2:
            sizes = ", ".join(f"{key} {list(part.shape)}" for key, part in zip(spec.obs_keys, parts, strict=True))
            raise UserError(f"observations must agree in all sizes but the last, [To, D] or [B, To, D]; got {sizes}")
        given = (
            "{" + ", ".join(f"{key}: {part.shape[-1]}" for key, part in zip(spec.obs_keys, parts, strict=True)) + "}"
        )
        joined = torch.cat(parts, dim=-1)
    else:
        joined = _tensor(obs, "observations")
        given = str(list(joined.shape))
    expected = f"{spec.obs_horizon} steps of {spec.obs_dim} numbers ({', '.join(spec.obs_keys)})"
    if joined.dim() not in (2, 3) or joined.shape[-2:] != (spec.obs_horizon, spec.obs_dim):
        raise UserError(
            f"this policy observes {expected}, [{spec.obs_horizon}, {spec.obs_dim}] or a batch of them;"
            f" got {given}, in all {list(joined.shape)}"
        )
    if not bool(torch.isfinite(joined).all()):
        raise UserError("the observations hold NaN or infinity")
    return (joined, True) if joined.dim() == 3 else (joined[None], False)


def _tensor(values: Any, what: str) -> Tensor:
    try:
        return torch.as_tensor(values).double()
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{what}: no array of numbers ({error})") from None


def like(action: Tensor, obs: Observation) -> Any:
    """Actions as the same kind of array as the observations: library, precision, and device of a tensor."""
    given = next(iter(obs.values())) if isinstance(obs, Mapping) else obs
    if isinstance(given, Tensor):
        return action.to(given.device, given.dtype if given.is_floating_point() else torch.float32)
    kind = np.asarray(given).dtype
    return action.cpu().numpy().astype(kind if kind in (np.float32, np.float64) else np.float64)

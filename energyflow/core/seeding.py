"""One generator per (seed, purpose): no global random state anywhere in the library."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def integer_seed(seed: int, purpose: str) -> int:
    """Derive an independent 63-bit seed from a user's seed and the name of what it is for."""
    words = np.frombuffer(hashlib.sha256(purpose.encode()).digest()[:16], dtype=np.uint32)
    state = np.random.SeedSequence([seed, *words.tolist()]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def generator(seed: int, purpose: str) -> np.random.Generator:
    """NumPy generator for one purpose."""
    return np.random.default_rng(integer_seed(seed, purpose))


def torch_generator(seed: int, purpose: str, device: str | torch.device = "cpu") -> torch.Generator:
    """Torch generator for one purpose, on the device that will draw from it."""
    return torch.Generator(device=device).manual_seed(integer_seed(seed, purpose))

"""The closed-form expert of the rewards, which agents learn from as well."""

from __future__ import annotations

from tests.rewards.conftest import every, expert_demos, make_readout, shape

__all__ = ["every", "expert_demos", "make_readout", "shape"]

"""Policies of fresh weights: what is served does not depend on what was learnt."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from energyflow.networks.build import Spec
from energyflow.pipeline.params import Params
from energyflow.policies.base import Policy
from energyflow.policies.checkpoint import build

OBS, ACTION = 5, 2
KEYS = {"arm": 3, "cup": 2}


@pytest.fixture(scope="session")
def fresh(smoke: Params) -> Callable[[str], Policy]:
    def make(method: str) -> Policy:
        params = smoke.train[method]
        torch.manual_seed(0)
        spec = Spec(OBS, ACTION, params.obs_horizon, params.pred_horizon, params.exec_horizon, tuple(KEYS))
        found = build(spec, params).eval().requires_grad_(False)
        assert isinstance(found, Policy)
        found.normalizer.obs_std.fill_(0.5)
        found.normalizer.action_mean.copy_(torch.tensor([0.1, -0.2]))
        found.normalizer.action_low.copy_(torch.tensor([-2.0, -0.5]))
        return found

    return make

"""What a GPU's tf32 does to training, imitated on a CPU: inputs of every product are rounded to ten bits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from energyflow.config.params import Params
from energyflow.networks import convolution
from energyflow.networks.build import Spec
from energyflow.policies.base import Model
from energyflow.policies.checkpoint import build

SMALL = {"down_dims": [16, 32, 32], "groups": 4, "cond_dim": 16}
FACTORS = {"aten::mm": (0, 1), "aten::bmm": (0, 1), "aten::addmm": (1, 2), "aten::addmm_": (1, 2)}


def rounded(x: Tensor) -> Tensor:
    """To ten bits after the leading one, as tf32 has them."""
    return ((x.contiguous().view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)


class Rounding(TorchDispatchMode):
    """Products as a GPU computes them in tf32."""

    seen = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name
        if name in FACTORS:
            self.seen += 1
            args = [rounded(each) if place in FACTORS[name] else each for place, each in enumerate(args)]
        return func(*args, **(kwargs or {}))


def model_of(paper: Params, method: str) -> Model:
    section = paper.train[method]
    assert section.network.unet is not None
    network = section.network.model_copy(update={"unet": section.network.unet.model_copy(update=SMALL)})
    torch.manual_seed(0)
    return build(Spec(3, 2, 2, 8, 4, ("state",)), section.model_copy(update={"network": network}))


def gradient(model: Model, seed: int) -> Tensor:
    """Of the loss of one batch, in one vector."""
    generator = torch.Generator().manual_seed(seed)
    obs, actions = torch.randn(256, 2, 3, generator=generator), torch.randn(256, 8, 2, generator=generator)
    model.zero_grad()
    model.loss(obs, actions, generator).backward()  # type: ignore[no-untyped-call]
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_rounding_is_to_ten_bits() -> None:
    x = torch.tensor([1.0, 1.0 + 2**-10, 1.0 + 2**-12, -3.0 - 2**-8, 0.0])
    assert rounded(x).tolist() == [1.0, 1.0 + 2**-10, 1.0, -3.0 - 2**-8, 0.0]


@pytest.mark.parametrize("method", ["energyflow_paper", "energyflow", "flow_policy"])
def test_a_gradient_changes_far_less_than_from_batch_to_batch(
    paper: Params, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convolution, "pays", lambda length, kernel, *_: kernel > 1)
    model = model_of(paper, method).eval()  # a spectral norm stays as it is
    plain, other = (gradient(model, seed) for seed in (0, 1))
    with Rounding() as rounding:
        cut = gradient(model, 0)
    assert rounding.seen > 100
    assert 0.0 < float((cut - plain).norm()) < 0.02 * float((other - plain).norm())

"""A convolution by frequencies: the same numbers from fewer products, also to the precision of float32."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from energyflow.networks.spectral import direct_products, pays, products, scheme, transform

CPU = torch.device("cpu")
SIZES = [(4, 5), (8, 5), (16, 5), (8, 3), (16, 3), (5, 5), (1, 3), (2, 7), (4, 1)]


def by_frequencies(x: Tensor, weight: Tensor) -> Tensor:
    by = scheme(len(x), len(weight), x.dtype, CPU)
    return transform(by.y.T, torch.bmm(transform(by.x, x), transform(by.w, weight)))


def pytorchs(x: Tensor, weight: Tensor) -> Tensor:
    padding = len(weight) // 2
    return F.conv1d(x.permute(1, 2, 0), weight.permute(2, 1, 0), padding=padding).permute(2, 0, 1)


@pytest.mark.parametrize(("length", "kernel"), SIZES)
def test_it_is_the_convolution(length: int, kernel: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(n, 6, 6, generator=generator, dtype=torch.float64) for n in (length, kernel))
    torch.testing.assert_close(by_frequencies(x, weight), pytorchs(x, weight), rtol=1e-12, atol=1e-12)
    assert all(len(matrix) == products(length, kernel) for matrix in scheme(length, kernel, torch.float64, CPU))


@pytest.mark.parametrize(("length", "channels"), [(4, 256), (8, 128), (16, 64)])
def test_its_rounding_is_that_of_float32_sums(length: int, channels: int) -> None:
    """Root mean square over that of the result: at most three times that of PyTorch's own convolution."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(length, 32, channels, generator=generator)
    weight = torch.randn(5, channels, channels, generator=generator)
    exact = pytorchs(x.double(), weight.double())
    ours, theirs = ((found(x, weight) - exact).square().mean().sqrt() for found in (by_frequencies, pytorchs))
    assert float(ours / exact.square().mean().sqrt()) < 1e-6
    assert float(ours) < 3.0 * float(theirs)


def test_products_saved() -> None:
    assert [products(length, 5) for length in (4, 8, 16)] == [8, 14, 26]
    assert [direct_products(length, 5) for length in (4, 8, 16)] == [14, 34, 74]
    assert direct_products(2, 7) == 4


def test_it_pays_for_batches_of_wide_layers_alone() -> None:
    assert pays(4, 5, 256, 256, 256)
    assert pays(16, 5, 256, 64, 64)
    assert not pays(4, 5, 1, 256, 256)  # a plan: the weights would be transformed for one row
    assert not pays(16, 5, 256, 4, 64)  # the first layer
    assert not pays(4, 1, 256, 256, 256)  # one product a step as it is

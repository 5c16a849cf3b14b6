"""Which matrix products a training step uses: PyTorch's default ones, or, on a CPU, oneDNN's at the same precision.

PyTorch hands float32 products to oneDNN once it may round their inputs to bfloat16. Processors with matrix units
(AMX) do round. The others run oneDNN's float32 kernels, which are up to twice as fast as the default ones (MKL, on
AMD) where a batch is large, and slower where it is a single plan. So a check decides, once a process, and only what is
exact to float32 is ever used. On a GPU its units for tf32 are used where the parameters ask for them.

The activations of a U-Net are a few megabytes each. The C library returns so much to the system as soon as it is free,
and the system clears every page when it is asked for again: a tenth of a step, unless the library is told to keep it.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from energyflow.config.sections import Precision

TRIM_THRESHOLD, MMAP_THRESHOLD, MOST = -1, -3, 2**31 - 1  # of glibc's mallopt

Kernels = Literal["default", "onednn", "tf32"]

# Rows, inner and outer widths: batches, chunks and layers as they occur, odd numbers among them.
SHAPES = ((128, 206, 256), (512, 64, 64), (33, 7, 65))
# Largest error over |x| |y|, sums of float32 in any order: 4e-7 was seen. Rounded inputs give 3e-5 (tf32), 2e-4 (bf16).
TOLERANCE = 2e-6


def exact(product: Callable[[Tensor, Tensor], Tensor]) -> bool:
    """Whether `product` of float32 matrices keeps their precision, by comparison with float64."""
    generator = torch.Generator().manual_seed(0)
    for rows, inner, columns in SHAPES:
        x, y = (torch.randn(shape, generator=generator) for shape in ((rows, inner), (inner, columns)))
        scale = x.double().abs() @ y.double().abs()
        for left, right in ((x, y), (x, y.T.contiguous().T), (x.T.contiguous().T, y)):  # plain, forward, gradient
            error = (product(left, right).double() - x.double() @ y.double()).abs()
            if not bool((error <= TOLERANCE * scale).all()):
                return False
    return True


@contextmanager
def using(kernels: Kernels) -> Iterator[None]:
    """Compute float32 products with these kernels inside the block, and with the former ones after it."""
    if kernels == "default":
        yield
        return
    here, asked = {"onednn": (torch.backends.mkldnn, "bf16"), "tf32": (torch.backends.cuda, "tf32")}[kernels]
    matmul = here.matmul
    before = matmul.fp32_precision
    matmul.fp32_precision = asked
    try:
        yield
    finally:
        matmul.fp32_precision = before


def _product(x: Tensor, y: Tensor) -> Tensor:
    return torch.addmm(torch.zeros(()), x, y)


@cache
def exact_onednn() -> bool:
    """Whether this build has oneDNN's kernels and this processor runs them in float32."""
    if not (
        torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.backends.mkldnn, "matmul")
    ):
        return False
    with using("onednn"):
        return exact(torch.mm) and exact(_product)


def fastest(device: torch.device, precision: Precision = "float32") -> Kernels:
    """The kernels for training on a device: oneDNN's on a CPU where they are exact; on a GPU, what is asked for."""
    if device.type == "cuda":
        return "tf32" if precision == "tf32" else "default"
    return "onednn" if device.type == "cpu" and exact_onednn() else "default"


def keep_memory() -> bool:
    """Have glibc keep freed memory for the next allocation; say whether it will. Other libraries do as they do."""
    if platform.libc_ver()[0] != "glibc":
        return False
    settings = [ctypes.CDLL(None).mallopt(name, MOST) for name in (TRIM_THRESHOLD, MMAP_THRESHOLD)]
    return all(settings)

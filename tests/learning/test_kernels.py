"""The switch to oneDNN's matrix products never costs precision, and ends with the block that asked for it."""

from __future__ import annotations

import platform
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from energyflow.learning import kernels
from energyflow.learning.kernels import Kernels, exact, fastest, keep_memory, using

CPU = torch.device("cpu")


def rounded(bits: int) -> Callable[[Tensor, Tensor], Tensor]:
    """A product of inputs rounded to so many bits after the leading one: 7 are bfloat16's, 10 are tf32's."""

    def cut(x: Tensor) -> Tensor:
        mantissa, exponent = torch.frexp(x)
        return torch.ldexp((mantissa * 2.0 ** (bits + 1)).round() / 2.0 ** (bits + 1), exponent)

    return lambda x, y: cut(x) @ cut(y)


def test_float32_passes_and_rounded_inputs_do_not() -> None:
    assert exact(torch.mm)
    assert exact(lambda x, y: (x.double() @ y.double()).float())
    assert not exact(lambda x, y: (x.bfloat16() @ y.bfloat16()).float())
    for bits in (7, 10):  # bfloat16, tf32
        assert not exact(rounded(bits))


def test_a_processor_that_rounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "mm", rounded(7))
    kernels.exact_onednn.cache_clear()
    try:
        assert fastest(CPU, "tf32") == "default"
    finally:
        kernels.exact_onednn.cache_clear()


def test_a_build_without_the_switch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    kernels.exact_onednn.cache_clear()
    try:
        assert fastest(CPU, "float32") == "default"
    finally:
        kernels.exact_onednn.cache_clear()


def test_a_gpu_rounds_where_it_is_asked_to_and_other_devices_never_do() -> None:
    assert fastest(torch.device("cuda"), "float32") == "default"
    assert fastest(torch.device("cuda"), "tf32") == "tf32"
    assert fastest(torch.device("mps"), "tf32") == "default"
    assert fastest(CPU, "tf32") == fastest(CPU, "float32")


@pytest.mark.parametrize(("kernels", "precision"), [("onednn", "bf16"), ("tf32", "tf32")])
def test_the_switch_is_restored_also_after_an_error(kernels: Kernels, precision: str) -> None:
    matmul = torch.backends.mkldnn.matmul if kernels == "onednn" else torch.backends.cuda.matmul
    before = matmul.fp32_precision
    with using(kernels):
        assert matmul.fp32_precision == precision
    assert matmul.fp32_precision == before
    with pytest.raises(ZeroDivisionError), using(kernels):
        raise ZeroDivisionError
    assert matmul.fp32_precision == before
    with using("default"):
        assert matmul.fp32_precision == before


def test_memory_is_kept_where_the_c_library_can() -> None:
    assert keep_memory() == (platform.libc_ver()[0] == "glibc")

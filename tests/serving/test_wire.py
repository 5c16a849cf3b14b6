"""Messages: what is sent arrives, in openpi's framing; whatever else arrives is one line."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energyflow.core.errors import UserError

msgpack = pytest.importorskip("msgpack")
wire = pytest.importorskip("energyflow.serving.wire")


@pytest.mark.parametrize("kind", ["b1", "i1", "<i2", "<i4", ">i8", "u1", "<f2", "<f4", "<f8", ">f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_arrays_arrive_as_they_were_sent(kind: str, shape: tuple[int, ...]) -> None:
    sent = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind)
    (found,) = wire.unpack(wire.pack({"x": sent})).values()
    assert (found.dtype, found.shape) == (sent.dtype, sent.shape)
    np.testing.assert_array_equal(found, sent)


def test_the_framing_is_openpis() -> None:
    raw = msgpack.unpackb(
        wire.pack({"state": np.array([1.0, 2.0], np.float32), "gain": np.float32(0.5), "n": [1, "a"]})
    )
    assert raw["state"] == {
        b"__ndarray__": True,
        b"data": np.array([1.0, 2.0], np.float32).tobytes(),
        b"dtype": "<f4",
        b"shape": [2],
    }
    assert raw["gain"] == {b"__npgeneric__": True, b"data": 0.5, b"dtype": "<f4"}
    assert raw["n"] == [1, "a"]
    transposed = np.arange(6.0).reshape(2, 3).T
    np.testing.assert_array_equal(wire.unpack(wire.pack({"x": transposed}))["x"], transposed)


def framed(**changed: Any) -> bytes:
    whole = {b"__ndarray__": True, b"data": bytes(8), b"dtype": "<f4", b"shape": [2]}
    whole |= {key.encode(): value for key, value in changed.items()}
    packed: bytes = msgpack.packb({"state": whole})
    return packed


@pytest.mark.parametrize(
    "data",
    [
        framed(dtype="|O"),
        framed(dtype="<f8,<f8"),
        framed(dtype="2000000000<f4"),
        framed(dtype=None),
        framed(dtype=["<f4"]),
        framed(shape=[3]),
        framed(shape=[-1]),
        framed(shape=[2**62, 2]),
        framed(shape=[2.0]),
        framed(shape=[True, 2]),
        framed(shape=[1] * 9),
        framed(shape=2),
        framed(data=bytes(7)),
        framed(data=b""),
        framed(data=b"", shape=[2**40]),
        framed(data="12345678"),
        framed(data=None),
        msgpack.packb({"state": {b"__npgeneric__": True, b"data": "red", b"dtype": "<f4"}}),
        msgpack.packb({"state": {b"__npgeneric__": True, b"data": 10**4, b"dtype": "<i1"}}),
        msgpack.packb([1, 2]),
        msgpack.packb({1: 2}),
        b"\xdd\xff\xff\xff\xff",  # a list of four thousand million entries
        b"\x91" * 100_000,
        b"\xc1",
        b"",
        "text",
    ],
)
def test_what_is_no_message_is_one_line(data: Any) -> None:
    with pytest.raises(UserError) as caught:
        wire.unpack(data)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_bytes_do_anything_but_be_read_or_refused(data: bytes) -> None:
    with suppress(UserError):
        assert isinstance(wire.unpack(data), dict)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_no_damaged_message_does_either(place: int, noise: bytes) -> None:
    whole = wire.pack({"arm": np.zeros(3), "cup": np.ones(2, np.float32), "gain": np.float32(1), "prompt": "pour"})
    place %= len(whole)
    with suppress(UserError):
        assert isinstance(wire.unpack(whole[:place] + noise + whole[place + len(noise) :]), dict)


def test_what_cannot_be_sent_is_told() -> None:
    for value in (object(), np.array([object()]), np.array(["red"]), np.zeros(2, complex), 2**70):
        with pytest.raises(UserError, match="cannot be sent"):
            wire.pack({"x": value})


def test_the_client_needs_no_torch() -> None:
    pytest.importorskip("websockets")
    code = "import sys, energyflow.serving.client; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "energyflow" in loaded
    assert not {"torch", "pandas", "h5py", "pydantic", "gymnasium", "scipy", "matplotlib"} & set(loaded)

"""Messages between a robot and a policy server: msgpack maps whose arrays are type, shape and bytes. No pickle.

The framing is openpi's (`openpi_client.msgpack_numpy`), so that its client is understood:

    array   {b"__ndarray__": true, b"dtype": "<f4", b"shape": [3], b"data": 12 bytes}
    scalar  {b"__npgeneric__": true, b"dtype": "<f4", b"data": 0.5}

Real numbers of up to eight bytes are the only types that are read or written. Imports neither torch nor the rest of
the library: a robot's computer needs NumPy, msgpack and websockets alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from energyflow.core.errors import UserError

try:
    import msgpack
except ImportError:  # an extra
    raise UserError("serving needs msgpack and websockets: pip install 'energyflow[serve]'") from None

RESET = "__reset__"  # true in a request whose observation is the first of an episode
FLAT = "observation"  # key of an observation that is one vector
ARRAY, SCALAR, DTYPE, SHAPE, DATA = b"__ndarray__", b"__npgeneric__", b"dtype", b"shape", b"data"
KINDS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
DTYPES = {np.dtype(order + kind).str: np.dtype(order + kind) for kind in KINDS for order in "<>"}
MOST_AXES = 8
# What msgpack and NumPy raise on bytes that are no message.
MALFORMED = (ValueError, TypeError, OverflowError, RecursionError, MemoryError, msgpack.UnpackException)


def pack(message: Mapping[str, Any]) -> bytes:
    """A message as bytes.

    Raises:
        UserError: it holds what is neither a plain value nor an array of numbers.
    """
    try:
        found: bytes = msgpack.packb(dict(message), default=_framed)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"cannot be sent: {_line(error)}") from None
    return found


def unpack(data: Any) -> dict[Any, Any]:
    """A message from bytes that anybody may have sent.

    Raises:
        UserError: they are no message; the reason in one line.
    """
    if not isinstance(data, bytes):
        raise UserError("expected a binary frame, a msgpack map; got text")
    try:
        found = msgpack.unpackb(data, object_hook=_unframed)
    except UserError:
        raise
    except MALFORMED as error:
        raise UserError(f"not a msgpack message ({_line(error)})") from None
    if not isinstance(found, dict):
        raise UserError(f"expected a msgpack map, got {type(found).__name__}")
    return found


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _framed(value: Any) -> Any:
    """What msgpack does not know: an array, or a number of NumPy's."""
    if isinstance(value, np.ndarray | np.generic) and value.dtype.str in DTYPES:
        if isinstance(value, np.ndarray):
            return {ARRAY: True, DATA: value.tobytes(), DTYPE: value.dtype.str, SHAPE: list(value.shape)}
        return {SCALAR: True, DATA: value.item(), DTYPE: value.dtype.str}
    kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    raise TypeError(f"{kind} is neither a plain value nor an array of numbers")


def _unframed(value: dict[Any, Any]) -> Any:
    """The array that a map frames, or the map itself.

    Raises:
        UserError: type, shape and bytes do not fit each other.
    """
    if ARRAY not in value and SCALAR not in value:
        return value
    dtype = DTYPES.get(name) if isinstance(name := value.get(DTYPE), str) else None
    if dtype is None:
        raise UserError(f"array of type {str(name)[:40]!r}: expected one of {', '.join(KINDS)}, as '<f4'")
    if SCALAR in value:
        with np.errstate(over="ignore"):
            return dtype.type(value.get(DATA))
    shape, data = value.get(SHAPE), value.get(DATA)
    if not isinstance(shape, list) or len(shape) > MOST_AXES:
        raise UserError(f"array without a shape of at most {MOST_AXES} sizes")
    if not all(type(size) is int and size >= 0 for size in shape):
        raise UserError("array with a size that is no whole number from 0 on")
    if not isinstance(data, bytes) or len(data) != math.prod(shape) * dtype.itemsize:
        held = len(data) if isinstance(data, bytes) else type(data).__name__
        raise UserError(f"array of shape {shape} and type {name}: {held} bytes do not fit")
    return np.frombuffer(data, dtype).reshape(shape) if data else np.zeros(shape, dtype)

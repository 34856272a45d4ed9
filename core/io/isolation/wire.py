"""Messages between the application and its workers: a head of JSON, then raw bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from io import RawIOBase
from struct import Struct
from typing import Any

import numpy as np

from core.domain import Pixels

Head = dict[str, Any]
Body = bytes | memoryview

_SIZES = Struct("<IQ")
MAX_HEAD_BYTES = 8 * 2**20


class BrokenWireError(Exception):
    """The other side has gone, or does not speak as agreed."""


def send(pipe: RawIOBase, head: Mapping[str, Any], body: Body = b"") -> None:
    """Write one message.

    Raises
    ------
    BrokenWireError
        When nobody reads it.
    """
    text = json.dumps(head).encode()
    try:
        _write(pipe, _SIZES.pack(len(text), len(body)) + text)
        _write(pipe, body)
    except (OSError, ValueError):
        raise BrokenWireError from None


def receive(pipe: RawIOBase, *, max_body_bytes: int) -> tuple[Head, memoryview]:
    """Read one message.

    Raises
    ------
    BrokenWireError
        When there is none, or it is longer than it may be.
    """
    try:
        head_bytes, body_bytes = _SIZES.unpack(_read(pipe, _SIZES.size))
        if head_bytes > MAX_HEAD_BYTES or body_bytes > max_body_bytes:
            raise BrokenWireError
        head = json.loads(bytes(_read(pipe, head_bytes)))
        body = _read(pipe, body_bytes)
    except (OSError, ValueError, RecursionError):
        raise BrokenWireError from None
    if not isinstance(head, dict):
        raise BrokenWireError
    return head, body


def _write(pipe: RawIOBase, content: Body) -> None:
    left = memoryview(content)
    while left:
        left = left[pipe.write(left) or 0 :]


def _read(pipe: RawIOBase, size: int) -> memoryview:
    """Read straight into the memory that is kept: for pixels faster than a segment of shared memory and a copy."""
    content = np.empty(size, np.uint8).data if size else memoryview(b"")
    filled = 0
    while filled < size:
        count = pipe.readinto(content[filled:])
        if not count:
            raise BrokenWireError
        filled += count
    return content


# ── Pixels ────────────────────────────────────────────────────────────────────────────────────────────────────────


def describe(pixels: Pixels) -> tuple[Head, memoryview]:
    """Return what the other side must know to make an array of the bytes, and the bytes."""
    whole = np.ascontiguousarray(pixels)
    return {"dtype": whole.dtype.str, "shape": list(whole.shape)}, whole.reshape(-1).view(np.uint8).data


def as_pixels(head: Mapping[str, Any], body: memoryview) -> Pixels:
    """Make the array that was described.

    Raises
    ------
    BrokenWireError
        When the bytes are not what is described.
    """
    try:
        dtype, shape = np.dtype(str(head["dtype"])), tuple(int(side) for side in head["shape"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise BrokenWireError from None
    size = math.prod(shape) * dtype.itemsize
    if dtype.kind not in "buif" or not 2 <= len(shape) <= 4 or min(shape) < 0 or size != len(body):
        raise BrokenWireError
    return np.frombuffer(body, dtype).reshape(shape)

"""Images and series of every kind of pixel, for the tests of the viewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain import Acquisition, Frame, Image, Intensity, Position, Series


def image_of(pixels: NDArray[Any], **parts: Any) -> Image:
    """Return an image with these pixels."""
    is_colour = pixels.ndim == 3
    settings: dict[str, Any] = {
        "intensity": Intensity.RGB if is_colour else Intensity.GRAY,
        "photometric_interpretation": "RGB" if is_colour else "MONOCHROME2",
        "uid": "made",
    }
    return Image(pixels=pixels, **settings | parts)


def frame_of(image: Image, *, load: Callable[[], Image] | None = None, position: Position | None = None) -> Frame:
    """Return a frame that is decoded into this image."""
    return Frame(uid=image.uid, load=load or (lambda: image), shape=image.shape, position=position)


def series_of(images: Sequence[Image], **parts: Any) -> Series:
    """Return a series of these images."""
    frames = tuple(frame_of(image) for image in images)
    return Series(
        uid="series", title="Made", frames=frames, acquisition=parts.pop("acquisition", Acquisition()), **parts
    )


def unpacked(content: bytes) -> tuple[dict[str, Any], NDArray[Any], bytes]:
    """Return header, stored pixels and the bytes behind them, read after the layout in `core.ui.viewer.encoding`."""
    import json

    assert content[:4] == b"LBX1"
    length = int.from_bytes(content[4:8], "little")
    header = json.loads(content[8 : 8 + length])
    shape = (header["rows"], header["columns"], *((3,) if header["channels"] == 3 else ()))
    kind = np.dtype(header["dtype"]).newbyteorder("<")
    size = int(np.prod(shape)) * kind.itemsize
    start = 8 + length
    assert start % 8 == 0
    return header, np.frombuffer(content[start : start + size], kind).reshape(shape), content[start + size :]

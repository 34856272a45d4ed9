"""One picture as the bytes that the browser gets: a header in JSON, then the values at full depth.

    "LBX1" · header length (uint32) · header (JSON, padded to 8 bytes) · pixels · entries of the VOI LUTs (uint16)
           · graphics, where there are any (a bit a pixel, the first in the lowest)

Everything is little-endian. Pixels are after the modality LUT; integers that span fewer than 65,536 values travel in
16 bits or less, and the header's `rescale` brings them back: value = slope × stored + intercept.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain import Acquisition, Frame, Image, Intensity, Pixels, Voi, VoiLut
from core.ui.viewer.orientation import edge_letters
from core.ui.windows import window_choices

MAGIC = b"LBX1"
ALIGNMENT = 8
"""Offsets that every element type of a typed array can begin at."""

UNITS = {Intensity.HU: "HU"}
"""What a value is measured in; anything else is spoken of as a stored value."""


def encode_frame(image: Image, frame: Frame, acquisition: Acquisition) -> bytes:
    """Return a picture and everything that is needed to show, probe and measure it.

    Parameters
    ----------
    image : Image
        Of `frame`, decoded.
    frame : Frame
        Its position gives the letters at the edges.
    acquisition : Acquisition
        Decides which windows go by a name.
    """
    stored, intercept = narrow(image.pixels)
    tables: list[NDArray[np.uint16]] = []
    header = {
        "rows": image.shape[0],
        "columns": image.shape[1],
        "channels": 3 if image.is_colour else 1,
        "dtype": stored.dtype.name,
        "rescale": {"slope": 1, "intercept": intercept},
        "photometric_interpretation": image.photometric_interpretation,
        "padding": None if image.padding is None else [float(end) for end in image.padding],
        "unit": UNITS.get(image.intensity, ""),
        "spacing": _spacing(image),
        "edges": edge_letters(frame.position, frame.directions),
        "windows": [] if image.is_colour else _windows(image, acquisition, tables),
        "graphics": image.graphics is not None,
    }
    content = [stored.tobytes(), *(table.astype("<u2").tobytes() for table in tables)]
    if image.graphics is not None:
        content.append(np.packbits(image.graphics, bitorder="little").tobytes())
    return b"".join([*_head(header), *content])


def narrow(pixels: Pixels) -> tuple[Pixels, int]:
    """Return values in the smallest type of JavaScript's arrays that holds them exactly, little-endian and in C order.

    Returns
    -------
    stored : ndarray
        uint8, int16, uint16, int32, float32 or float64.
    intercept : int
        To be added to each stored value.
    """
    if pixels.dtype.kind == "b":
        pixels = pixels.astype(np.uint8)
    if pixels.dtype.kind == "f":
        return _little(pixels, _float_type(pixels)), 0
    low, high = (int(pixels.min()), int(pixels.max())) if pixels.size else (0, 0)
    for kind in (np.uint8, np.int16, np.uint16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max and kind is not np.int32:
            return _little(pixels, kind), 0
        if kind is np.uint16 and high - low <= np.iinfo(kind).max:
            return _little(pixels.astype(np.int64) - low, kind), low
    fits = np.iinfo(np.int32).min <= low and high <= np.iinfo(np.int32).max
    return _little(pixels, np.int32 if fits else np.float64), 0


def _float_type(pixels: Pixels) -> type[np.floating[Any]]:
    if pixels.dtype.itemsize <= 4:
        return np.float32
    with np.errstate(over="ignore"):
        is_exact = np.array_equal(pixels.astype(np.float32), pixels, equal_nan=True)
    return np.float32 if is_exact else np.float64


def _little(pixels: Pixels, kind: type[np.generic]) -> Pixels:
    return np.ascontiguousarray(pixels, dtype=np.dtype(kind).newbyteorder("<"))


def _spacing(image: Image) -> dict[str, Any] | None:
    if image.spacing is None:
        return None
    return {"row_mm": image.spacing.row_mm, "column_mm": image.spacing.column_mm, "source": image.spacing.source}


def _windows(image: Image, acquisition: Acquisition, tables: list[NDArray[np.uint16]]) -> list[dict[str, Any]]:
    """List the windows by name; the entries of VOI LUTs go to `tables`, to follow the pixels."""
    choices = window_choices(image, acquisition)
    return [{"name": name, **_window(make(), tables)} for name, make in choices.items()]


def _window(voi: Voi, tables: list[NDArray[np.uint16]]) -> dict[str, Any]:
    if not isinstance(voi, VoiLut):
        return {"center": float(voi.center), "width": float(voi.width), "function": str(voi.function)}
    first = sum(table.size for table in tables)
    tables.append(voi.values)
    return {"lut": {"first_value": int(voi.first_value), "bits": voi.bits, "first": first, "entries": voi.values.size}}


def _head(header: dict[str, Any]) -> tuple[bytes, bytes]:
    text = json.dumps(header, allow_nan=False).encode("utf-8")
    fixed = len(MAGIC) + 4
    text += b" " * (-(fixed + len(text)) % ALIGNMENT)
    return MAGIC + struct.pack("<I", len(text)), text

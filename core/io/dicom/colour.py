"""Colour pixels: palette and YBR become RGB of 8 bits.

References
----------
DICOM PS3.3, C.7.6.3.1.2 (photometric interpretation), C.7.6.3.1.5 and C.7.9 (palette colour lookup tables).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, convert_color_space

from core.domain import Pixels
from core.errors import StudyError


def to_rgb(pixels: Pixels, photometric_interpretation: str, *, bits: int) -> NDArray[np.uint8]:
    """Return (rows, columns, 3) pixels of RGB or YBR as RGB of 8 bits.

    `bits` is BitsStored: deeper pixels keep their 8 highest bits.
    """
    eight = _eight_bits(pixels, bits)
    if photometric_interpretation in ("YBR_FULL", "YBR_FULL_422"):
        return np.asarray(convert_color_space(eight, "YBR_FULL", "RGB"), np.uint8)
    return eight


def _eight_bits(pixels: Pixels, bits: int) -> NDArray[np.uint8]:
    if bits == 8:
        return np.ascontiguousarray(pixels, np.uint8)
    if bits < 8:
        return (pixels.astype(np.uint16) * 255 // (2**bits - 1)).astype(np.uint8)
    return (pixels >> (bits - 8)).astype(np.uint8)


def apply_palette(indices: Pixels, dataset: Dataset) -> NDArray[np.uint8]:
    """Return (rows, columns) palette indices as (rows, columns, 3) RGB of 8 bits."""
    try:
        rgb = apply_color_lut(indices, dataset)[..., :3]
    except Exception as error:
        raise StudyError(
            "The palette of this colour image is missing or damaged (Palette Color Lookup Table).",
            hint="Export the image as RGB.",
            code="damaged-palette",
        ) from error
    return np.ascontiguousarray(rgb >> 8 if rgb.dtype.itemsize == 2 else rgb, np.uint8)

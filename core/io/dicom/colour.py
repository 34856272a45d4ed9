"""Colour pixels: YBR and deep RGB become RGB of 8 bits.

References
----------
DICOM PS3.3, C.7.6.3.1.2 (photometric interpretation).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.processing import convert_color_space

from core.domain import Pixels


def to_rgb(pixels: Pixels, photometric_interpretation: str, *, bits: int) -> NDArray[np.uint8]:
    """Return (rows, columns, 3) pixels of RGB or YBR as RGB of 8 bits.

    `bits` is BitsStored: deeper pixels keep their 8 highest bits.
    """
    eight = np.ascontiguousarray(_eight_bits(pixels, bits))
    if photometric_interpretation in ("YBR_FULL", "YBR_FULL_422"):
        return np.asarray(convert_color_space(eight, "YBR_FULL", "RGB"), np.uint8)
    return eight


def _eight_bits(pixels: Pixels, bits: int) -> NDArray[np.uint8]:
    if bits < 8:
        return np.asarray(pixels.astype(np.uint16) * 255 // (2**bits - 1), np.uint8)
    return np.asarray(pixels >> (bits - 8) if bits > 8 else pixels).astype(np.uint8, copy=False)

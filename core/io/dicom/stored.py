"""One frame of stored pixels: decompressed, unpacked, in the machine's byte order, unused bits removed.

References
----------
DICOM PS3.5, 8.1.1 (bits), 8.2 (encodings); PS3.3, C.7.6.3.1.
"""

from __future__ import annotations

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder

from core.domain import Pixels
from core.errors import StudyError
from core.io.dicom.header import DicomFile
from core.io.dicom.syntax import Family


def read_stored(file: DicomFile, index: int) -> tuple[Pixels, str]:
    """Decode one frame.

    Returns
    -------
    pixels : ndarray, (rows, columns) or (rows, columns, 3)
        Stored values, of the dtype that BitsAllocated and PixelRepresentation ask for.
    photometric_interpretation : str
        Of these pixels: a decoder may have converted colour already.

    Raises
    ------
    StudyError
        Where the pixels are damaged.
    """
    native = file.codec.family is Family.NATIVE
    source = file.pixel_data if native else encapsulate([_encoded(file, index)], has_bot=False)
    try:
        pixels, properties = get_decoder(file.codec.decode_as).as_array(
            source, index=index if native else 0, raw=True, decoding_plugin=file.codec.plugin, **_options(file)
        )
    except Exception as error:  # every decoder has its own exceptions
        raise StudyError(
            f"The pixels cannot be decoded: they are damaged, or not what the header says ({file.syntax.name}).",
            hint="Export the file again.",
            code="damaged-pixel-data",
        ) from error
    return _significant_bits(file, pixels), str(properties["photometric_interpretation"])


def _encoded(file: DicomFile, index: int) -> bytes:
    return b"".join(bytes(file.pixel_data[start:stop]) for start, stop in file.spans[index])


def _options(file: DicomFile) -> dict[str, object]:
    layout = file.layout
    options: dict[str, object] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "samples_per_pixel": layout.samples_per_pixel,
        "number_of_frames": layout.frames if file.codec.family is Family.NATIVE else 1,
        "photometric_interpretation": layout.photometric_interpretation,
        "planar_configuration": layout.planar_configuration,
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "pixel_representation": int(layout.is_signed),
        "pixel_keyword": layout.keyword,
        "pixel_vr": file.pixel_vr,
        "correct_unused_bits": False,
    }
    return options


def _significant_bits(file: DicomFile, pixels: Pixels) -> Pixels:
    """Keep BitsStored bits below HighBit, extend the sign, and use the machine's byte order."""
    layout = file.layout
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if file.codec.family not in (Family.NATIVE, Family.RLE) or layout.is_float or layout.bits_allocated == 1:
        return pixels
    above = layout.bits_allocated - 1 - layout.high_bit
    below = layout.bits_allocated - layout.bits_stored
    return pixels if below == 0 else np.right_shift(np.left_shift(pixels, above), below)

"""One frame of stored pixels: decompressed, unpacked, in the machine's byte order, unused bits removed.

References
----------
DICOM PS3.5, 8.1.1 (bits), 8.2 (encodings); PS3.3, C.7.6.3.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.encaps import encapsulate

from core.domain import Notice, Pixels
from core.io.dicom.codestream import check_codestream, repair_jpeg, repair_jpeg2000
from core.io.dicom.decoder import damaged, decode_pixels
from core.io.dicom.header import DicomFile
from core.io.dicom.layout import Layout
from core.io.dicom.syntax import Family
from core.io.isolation import decode_apart

REPAIRED = Notice(
    "codestream-repaired",
    "The compressed pixels break a rule of their encoding that strict decoders insist on; this was repaired, and no "
    "pixel depends on it.",
)

HIGH_BIT_IGNORED = Notice(
    "high-bit-ignored",
    "The header says that pixels are stored in the upper bits of each word (HighBit), but they are in the lower ones "
    "and were read so.",
)


def read_stored(file: DicomFile, index: int) -> tuple[Pixels, str, tuple[Notice, ...]]:
    """Decode one frame.

    Returns
    -------
    pixels : ndarray, (rows, columns) or (rows, columns, 3)
        Stored values.
    photometric_interpretation : str
        Of these pixels: a decoder may have converted colour already.
    notices : tuple of Notice
        What had to be repaired.

    Raises
    ------
    StudyError
        Where the pixels are damaged.
    """
    if file.codec.family is Family.NATIVE and file.layout.bits_allocated == 1:
        return _single_bits(file, index), file.layout.photometric_interpretation, ()
    if file.codec.family is Family.NATIVE:
        # Of uncompressed pixels NumPy alone makes an array, so there is nothing that needs a process of its own.
        pixels, facts = decode_pixels(
            file.pixel_data, syntax=str(file.codec.decode_as), index=index, attributes=_attributes(file)
        )
        high_bit, notices = _high_bit(file.layout, pixels)
        return _significant_bits(file.layout, pixels, high_bit=high_bit), facts["photometric_interpretation"], notices
    frame, repaired = _repaired(file, _encoded(file, index))
    codestream = check_codestream(frame, file.layout, file.codec.family)
    allocated = file.layout.bits_allocated
    if file.codec.family is Family.JPEG:  # the decoder returns the smallest whole bytes, whatever BitsAllocated is
        allocated = 8 if codestream.precision <= 8 else 16
    pixels, photometric = _apart(file, frame, bits_allocated=allocated)
    if file.codec.family in (Family.JPEG, Family.RLE):
        pixels = _significant_bits(file.layout, pixels, high_bit=file.layout.bits_stored - 1)
    return pixels, photometric, (REPAIRED,) if repaired else ()


def _single_bits(file: DicomFile, index: int) -> Pixels:
    """Unpack one frame of bits. Frames follow each other without padding, so they may share a byte (PS3.5, 8.1.1)."""
    layout = file.layout
    count = layout.rows * layout.columns * layout.samples_per_pixel
    first = index * count // 16 * 2
    packed = np.frombuffer(file.pixel_data, np.uint8)[first : -(-(index + 1) * count // 16) * 2]
    if file.pixel_vr == "OW" and not file.is_little_endian:
        packed = packed[: len(packed) // 2 * 2].view(np.uint16).byteswap().view(np.uint8)
    bits = np.unpackbits(packed, bitorder="little")[index * count - 8 * first :][:count]
    shape = (layout.rows, layout.columns, layout.samples_per_pixel)
    return bits.reshape(shape[:2] if layout.samples_per_pixel == 1 else shape)


def _encoded(file: DicomFile, index: int) -> bytes:
    return b"".join(file.pixel_data[start:stop] for start, stop in file.spans[index])


def _repaired(file: DicomFile, frame: bytes) -> tuple[bytes, bool]:
    if file.codec.family is Family.JPEG:
        return repair_jpeg(frame)
    if file.codec.family is Family.JPEG_2000:
        return repair_jpeg2000(frame)
    return frame, False


def _apart(file: DicomFile, frame: bytes, *, bits_allocated: int) -> tuple[Pixels, str]:
    """Decode a compressed frame in another process: its decoder is written in C, and the frame may be hostile."""
    layout = file.layout
    decoded = decode_apart(
        decode_pixels,
        encapsulate([frame], has_bot=False),
        limits=file.limits,
        max_result_bytes=layout.rows * layout.columns * layout.samples_per_pixel * max(bits_allocated // 8, 1),
        syntax=str(file.codec.decode_as),
        plugin=file.codec.plugin,
        attributes=_attributes(file) | {"number_of_frames": 1, "bits_allocated": bits_allocated},
    )
    pixels, photometric = decoded.pixels, decoded.facts.get("photometric_interpretation")
    if pixels is None or pixels.shape[:2] != (layout.rows, layout.columns) or not isinstance(photometric, str):
        raise damaged(file.syntax.name)
    return pixels, photometric


def _attributes(file: DicomFile) -> dict[str, Any]:
    """Return what a decoder must know of the header, under the names that pydicom gives it."""
    layout = file.layout
    return {
        "rows": layout.rows,
        "columns": layout.columns,
        "samples_per_pixel": layout.samples_per_pixel,
        "number_of_frames": layout.frames,
        "photometric_interpretation": layout.photometric_interpretation,
        "planar_configuration": layout.planar_configuration,
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "pixel_representation": int(layout.is_signed),
        "pixel_keyword": layout.keyword,
        "pixel_vr": file.pixel_vr,
        "correct_unused_bits": False,
    }


def _high_bit(layout: Layout, pixels: Pixels) -> tuple[int, tuple[Notice, ...]]:
    """Return the highest stored bit, not believing a HighBit that would leave nothing of the pixels."""
    lowest = layout.bits_stored - 1
    if layout.high_bit == lowest or layout.is_float:
        return lowest, ()
    low, high = (-(1 << lowest), 1 << lowest) if layout.is_signed else (0, 2 << lowest)
    if low <= pixels.min() and pixels.max() < high:
        return lowest, (HIGH_BIT_IGNORED,)
    return layout.high_bit, ()


def _significant_bits(layout: Layout, pixels: Pixels, *, high_bit: int) -> Pixels:
    """Keep BitsStored bits, the highest of which is HighBit, and extend the sign."""
    container = 8 * pixels.dtype.itemsize
    if layout.is_float or layout.bits_allocated == 1 or container <= layout.bits_stored:
        return pixels
    shifted = np.left_shift(pixels, container - 1 - high_bit)
    return np.right_shift(shifted, container - layout.bits_stored, out=shifted)

"""What a compressed frame says of itself, compared with the header before anything is decoded, and two repairs.

References
----------
ITU-T T.81 (JPEG), B.2; ITU-T T.87 (JPEG-LS), C.2; ITU-T T.800 (JPEG 2000), A.4 and A.5; DICOM PS3.5, G.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from pydicom.uid import JPEG2000, UID, JPEGExtended12Bit, JPEGLSNearLossless

from core.errors import StudyError
from core.io.dicom.layout import Layout
from core.io.dicom.syntax import Family


@dataclass(frozen=True, slots=True)
class Codestream:
    """Size and depth of a compressed frame. `precision` is in bits per sample."""

    rows: int
    columns: int
    samples_per_pixel: int
    precision: int


def check_codestream(frame: bytes, layout: Layout, family: Family) -> Codestream:
    """Return what a frame says of itself.

    Raises
    ------
    StudyError
        Where it cannot be read, or is not the size that the header says: a decoder would allocate what the frame
        asks for.
    """
    try:
        found = _read(frame, layout, family)
    except (struct.error, IndexError, ValueError):
        found = None
    if found is None:
        raise StudyError(
            "The compressed pixels are damaged: they do not begin as their encoding demands.",
            hint="Export the file again.",
            code="damaged-pixel-data",
        )
    announced = (layout.rows, layout.columns, layout.samples_per_pixel)
    if (found.rows, found.columns, found.samples_per_pixel) != announced:
        raise StudyError(
            f"The compressed image is {_in_words(found.rows, found.columns, found.samples_per_pixel)}, "
            f"but the header says {_in_words(*announced)}.",
            hint="The file is damaged, or two images were mixed up; export it again.",
            code="size-mismatch",
        )
    return found


def _in_words(rows: int, columns: int, samples_per_pixel: int) -> str:
    return f"{rows} × {columns} pixels (SamplesPerPixel {samples_per_pixel})"


def _read(frame: bytes, layout: Layout, family: Family) -> Codestream | None:
    if family is Family.JPEG_2000:
        return _read_jpeg2000(frame)
    if family is Family.RLE:
        return _read_rle(frame, layout)
    return _read_jpeg(frame)


def guess_syntax(frame: bytes) -> UID | None:
    """Return a transfer syntax that reads a frame, from its first bytes; None where they are not known."""
    if frame.startswith((_JPEG_2000_START, _JP2_SIGNATURE)):
        return JPEG2000
    markers = [marker for marker, _ in _segments(frame)]
    if _JPEG_LS_FRAME in markers:
        return JPEGLSNearLossless
    return JPEGExtended12Bit if any(map(_is_frame_header, markers)) else None


# ── JPEG and JPEG-LS ──────────────────────────────────────────────────────────────────────────────────────────────

_MARKER = Struct(">HH")
_FRAME_HEADER = Struct(">BHHB")
_START_OF_SCAN = 0xFFDA
_SEQUENTIAL = (0xFFC0, 0xFFC1)
_NOT_FRAMES = (0xFFC4, 0xFFC8, 0xFFCC)
_JPEG_LS_FRAME = 0xFFF7


def _segments(frame: bytes) -> Iterator[tuple[int, int]]:
    """Yield marker and position of each segment between start of image and first scan, that of the scan included."""
    if frame[:2] != b"\xff\xd8":
        return
    position = 2
    while position + _MARKER.size <= len(frame):
        if frame[position : position + 2] == b"\xff\xff":  # fill byte, T.81 B.1.1.2
            position += 1
            continue
        marker, length = _MARKER.unpack_from(frame, position)
        yield marker, position
        if marker == _START_OF_SCAN or marker < 0xFFC0 or length < 2:
            return
        position += 2 + length


def _is_frame_header(marker: int) -> bool:
    return (0xFFC0 <= marker <= 0xFFCF and marker not in _NOT_FRAMES) or marker == _JPEG_LS_FRAME


def _read_jpeg(frame: bytes) -> Codestream | None:
    for marker, position in _segments(frame):
        if _is_frame_header(marker):
            precision, rows, columns, samples = _FRAME_HEADER.unpack_from(frame, position + 4)
            return Codestream(rows, columns, samples, precision)
    return None


def repair_jpeg(frame: bytes) -> tuple[bytes, bool]:
    """Return a frame whose sequential scans cover the whole spectrum, and whether that had to be repaired.

    Some encoders of 12-bit JPEG leave the end of spectral selection at 0. In the sequential modes it must be 63
    (T.81, table B.3) and can mean nothing else, but a strict decoder refuses the image.
    """
    markers = dict(_segments(frame))
    scan = markers.get(_START_OF_SCAN)
    if scan is None or not any(marker in markers for marker in _SEQUENTIAL):
        return frame, False
    spectrum = scan + 5 + 2 * frame[scan + 4]
    if frame[spectrum : spectrum + 2] != b"\x00\x00":
        return frame, False
    return frame[: spectrum + 1] + b"\x3f" + frame[spectrum + 2 :], True


# ── JPEG 2000 ─────────────────────────────────────────────────────────────────────────────────────────────────────

_SIZE = Struct(">HH8IH")
_TILE_PART = Struct(">HHHI")
_TILE_PART_MARKER = 0xFF90
_END_OF_CODESTREAM = b"\xff\xd9"
_JPEG_2000_START = b"\xff\x4f\xff\x51"
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "


def _codestream_start(frame: bytes) -> int:
    """Return where the codestream begins: at once, as DICOM demands, or in the box of a JP2 file."""
    return frame.index(_JPEG_2000_START) if frame.startswith(_JP2_SIGNATURE) else 0


def _read_jpeg2000(frame: bytes) -> Codestream | None:
    start = _codestream_start(frame)
    if not frame.startswith(_JPEG_2000_START, start):
        return None
    fields = _SIZE.unpack_from(frame, start + 4)
    right, bottom, left, top = fields[2:6]
    samples = fields[10]
    depths = frame[start + 4 + _SIZE.size : start + 4 + _SIZE.size + 3 * samples : 3]
    return Codestream(bottom - top, right - left, samples, max(depth & 0x7F for depth in depths) + 1)


def repair_jpeg2000(frame: bytes) -> tuple[bytes, bool]:
    """Return a codestream that ends after its last tile-part, and whether that had to be repaired.

    Some devices pad the codestream with a comment there, where only another tile-part or the end may follow (T.800,
    A.4.4); OpenJPEG then refuses the image.
    """
    position = frame.find(_TILE_PART_MARKER.to_bytes(2, "big"), _codestream_start(frame))
    if position < 0:
        return frame, False
    while position + _TILE_PART.size <= len(frame):
        marker, _, _, length = _TILE_PART.unpack_from(frame, position)
        if marker != _TILE_PART_MARKER:
            break
        if length == 0:  # the last tile-part, up to the end
            return frame, False
        position += length
    if position > len(frame) or frame[position : position + 2] in (b"", _END_OF_CODESTREAM):
        return frame, False
    return frame[:position] + _END_OF_CODESTREAM, True


# ── RLE ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_rle(frame: bytes, layout: Layout) -> Codestream | None:
    """Check the count of segments; the frame itself does not say its size, PS3.5 G.5."""
    segments = int.from_bytes(frame[:4], "little")
    if len(frame) < 64 or segments != layout.samples_per_pixel * layout.bits_allocated // 8:
        return None
    return Codestream(layout.rows, layout.columns, layout.samples_per_pixel, layout.bits_allocated)

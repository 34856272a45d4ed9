"""From bytes to a dataset whose pixel data are located, not read.

References
----------
DICOM PS3.10, 7.1 (file meta information); PS3.5, 7 and A.5.
"""

from __future__ import annotations

import logging
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from core.errors import StudyError
from core.io.dicom.attributes import text
from core.io.limits import Limits

# pydicom's warnings and log lines quote the values that they complain of, which may name a patient.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")

_CHUNK = 2**20
_NOTHING = memoryview(b"")
UNDEFINED_LENGTH = 0xFFFFFFFF
FIRST_PIXEL_TAG = 0x7FE00008
_PREFIX_AT = 128
_BYTE_ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")


@dataclass(frozen=True, slots=True, eq=False)
class PixelElement:
    """Where the pixel data element lies: `body[offset : offset + length]`, if the file is as long as it says."""

    tag: int
    vr: str
    length: int
    offset: int


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """A header as it stands in the file, not checked yet.

    Attributes
    ----------
    dataset : Dataset
        Everything before the pixel data.
    syntax : UID
        TransferSyntaxUID, guessed between the uncompressed ones where the file does not say.
    media_storage_class : str or None
        MediaStorageSOPClassUID.
    body : memoryview
        The bytes that hold the dataset: those of the file, inflated where they are deflated.
    element : PixelElement or None
        None where there are no pixels.
    """

    dataset: Dataset
    syntax: UID
    media_storage_class: str | None
    body: memoryview
    element: PixelElement | None


def parse(content: bytes, limits: Limits) -> Parsed:
    """Parse the header of a file.

    Raises
    ------
    StudyError
        Where it is no DICOM file, is damaged, or asks for more than the limits allow.
    """
    try:
        parsed = _parse(content, limits)
    except StudyError:
        raise
    except Exception as error:  # pydicom raises nearly anything on a damaged header, and its words may hold identity
        # Where the stack ends in the midst of a tag, pydicom makes another error of it.
        if isinstance(error, RecursionError) or isinstance(error.__context__, RecursionError):
            raise _too_deep(limits) from None
        raise StudyError(
            "The header of this DICOM file is damaged and cannot be read.",
            hint="Export the file again.",
            code="damaged-header",
        ) from None
    _check_depth(parsed.dataset, limits)
    return parsed


def _parse(content: bytes, limits: Limits) -> Parsed:
    stream = BytesIO(content)  # shares the bytes
    stream.seek(_start(content))
    meta = read_dataset(stream, is_implicit_VR=False, is_little_endian=True, stop_when=_outside_file_meta)
    syntax = UID(text(meta, "TransferSyntaxUID") or "")
    if syntax == DeflatedExplicitVRLittleEndian:
        content = _inflate(memoryview(content)[stream.tell() :], limits)
        stream = BytesIO(content)
    syntax = syntax or _guess_syntax(content[stream.tell() : stream.tell() + 6])
    elements: list[PixelElement] = []

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        if int.__lt__(tag, FIRST_PIXEL_TAG):  # BaseTag's own comparison is ten times slower
            return False
        elements.append(PixelElement(int(tag), vr or "OW", length, stream.tell()))
        return True

    dataset = read_dataset(stream, syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian, stop_when=at_pixels)
    media_class = text(meta, "MediaStorageSOPClassUID")
    return Parsed(dataset, syntax, media_class, memoryview(content), elements[0] if elements else None)


def _outside_file_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) >> 16 != 0x0002


def _start(content: bytes) -> int:
    if content[_PREFIX_AT : _PREFIX_AT + 4] == b"DICM":
        return _PREFIX_AT + 4
    if looks_like_dataset(content):
        return 0
    raise StudyError(
        "This is not a DICOM file: the mark DICM is missing, and the bytes do not read as a header either.",
        hint="Send the files as the scanner or the archive exported them.",
        code="not-dicom",
    )


def looks_like_dataset(content: bytes) -> bool:
    """Return whether bytes without preamble begin with a plausible data element of group 0002 or 0008."""
    if len(content) < 8:
        return False
    for order in _BYTE_ORDERS:
        group, element = int.from_bytes(content[:2], order), int.from_bytes(content[2:4], order)
        if group in (0x0002, 0x0008) and element <= 0x0100:
            return _is_vr(content[4:6]) or int.from_bytes(content[4:8], order) <= len(content) - 8
    return False


def _is_vr(letters: bytes) -> bool:
    return letters.isalpha() and letters.isupper()


def _guess_syntax(first: bytes) -> UID:
    """Return the syntax of a dataset that does not name it, from the first bytes of its first element."""
    if not _is_vr(first[4:6]):
        return ImplicitVRLittleEndian
    # A group up to 00FF that is read in the wrong order is above 0400.
    return ExplicitVRBigEndian if int.from_bytes(first[:2], "little") >= 0x0400 else ExplicitVRLittleEndian


def _inflate(deflated: memoryview, limits: Limits) -> bytes:
    most = min(limits.max_inflated_bytes, limits.most_unpacked(len(deflated)))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    pieces: list[bytes] = []
    size = 0
    try:
        while size <= most and (piece := inflater.decompress(inflater.unconsumed_tail or deflated, _CHUNK)):
            pieces.append(piece)
            size += len(piece)
            deflated = _NOTHING
    except zlib.error:
        raise StudyError(
            "The deflated part of the file (Deflated Explicit VR Little Endian) is damaged.",
            hint="Export the file again.",
            code="damaged-header",
        ) from None
    if size > most:
        raise StudyError(
            f"The file inflates to more than {most / 2**20:.0f} MiB, which is not accepted of one of its size.",
            hint="Export it uncompressed.",
            code="inflates-too-far",
        )
    return b"".join(pieces)


def _check_depth(dataset: Dataset, limits: Limits) -> None:
    """Refuse what is nested too deep. Sequences of defined length are read on demand only, and count as leaves."""
    level, depth = [dataset], 0
    while level := [item for one in level for item in _items_of(one)]:
        depth += 1
        if depth > limits.max_sequence_depth:
            raise _too_deep(limits)


def _items_of(dataset: Dataset) -> list[Dataset]:
    sequences = [one for one in dataset.values() if isinstance(one, DataElement) and one.VR == "SQ"]
    return [item for sequence in sequences for item in sequence.value]


def _too_deep(limits: Limits) -> StudyError:
    return StudyError(
        f"The header holds sequences within sequences, more than {limits.max_sequence_depth} deep.",
        hint="No scanner writes this; export the file again.",
        code="sequences-too-deep",
    )

"""From the bytes of a file to its header. Pixels are located, not decoded, and never copied.

References
----------
DICOM PS3.10, 7.1 (file meta information); PS3.5, 7 and A.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from core.domain import Notice
from core.errors import StudyError
from core.io.dicom.attributes import text, value_of
from core.io.dicom.encapsulation import Span, frame_spans
from core.io.dicom.layout import Layout, read_layout
from core.io.dicom.syntax import Codec, Family, codec_of
from core.io.limits import Limits

UNDEFINED_LENGTH = 0xFFFFFFFF
_PREFIX_AT = 128
_PIXEL_KEYWORDS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
_FIRST_PIXEL_TAG = min(_PIXEL_KEYWORDS)


@dataclass(frozen=True, slots=True, eq=False)
class DicomFile:
    """A DICOM file whose header is read and checked, and whose pixels still lie where they came.

    Attributes
    ----------
    name : str
        What its owner calls it: shown to that person only.
    digest : str
        SHA-256 of the file's bytes, in hexadecimal.
    dataset : Dataset
        Everything before the pixel data.
    syntax : UID
        TransferSyntaxUID.
    codec : Codec
        What decodes it.
    layout : Layout
        Size and meaning of the pixel matrix.
    pixel_data : memoryview
        The value of the pixel data element: raw pixels, or items where the syntax is an encapsulated one.
    pixel_vr : str
        OB or OW; matters for 8-bit pixels in big endian.
    spans : tuple
        For each frame, where its fragments lie in `pixel_data`; empty for native pixels.
    notices : tuple of Notice
        What had to be assumed.
    """

    name: str = field(repr=False)
    digest: str
    dataset: Dataset = field(repr=False)
    syntax: UID
    codec: Codec
    layout: Layout
    pixel_data: memoryview = field(repr=False)
    pixel_vr: str
    spans: tuple[tuple[Span, ...], ...] = field(repr=False)
    notices: tuple[Notice, ...] = ()

    @property
    def is_little_endian(self) -> bool:
        """Whether words are stored low byte first."""
        return self.syntax != ExplicitVRBigEndian


def read_header(content: bytes, *, name: str, limits: Limits, digest: str | None = None) -> DicomFile:
    """Read the header of a DICOM file and check it against what the file holds.

    Parameters
    ----------
    content : bytes
        The whole file. It is kept, not copied.
    name : str
        What its owner calls it.
    limits : Limits
        What a header may ask for.
    digest : str, optional
        SHA-256 of `content` where the caller has it already.

    Raises
    ------
    StudyError
        Where it is no DICOM file, holds no picture, is damaged, or asks for more than the limits allow.
    """
    if not content:
        raise StudyError("The file is empty.", hint="Send it again.", code="empty-file")
    if len(content) > limits.max_file_bytes:
        raise StudyError(
            f"The file has {len(content) / 2**20:.0f} MiB; at most {limits.max_file_bytes / 2**20:.0f} are accepted.",
            code="file-too-large",
        )
    try:
        parsed = _parse(content, limits)
    except RecursionError:
        raise _too_deep(limits) from None
    except StudyError:
        raise
    except Exception as error:  # pydicom raises nearly anything on a damaged header; its words may hold identity
        raise StudyError(
            "The header of this DICOM file is damaged and cannot be read.",
            hint="Export the file again.",
            code="damaged-header",
        ) from error
    return _describe(parsed, name=name, digest=digest or hashlib.sha256(content).hexdigest(), limits=limits)


@dataclass(slots=True)
class _Parsed:
    """A header as it was parsed: what is known before any check."""

    dataset: Dataset
    syntax: UID
    media_sop_class: str | None
    body: memoryview
    pixel_tag: int = 0
    pixel_vr: str = ""
    pixel_length: int = 0
    pixel_offset: int = 0


def _parse(content: bytes, limits: Limits) -> _Parsed:
    stream = BytesIO(content)  # shares the bytes
    stream.seek(_dataset_start(content))
    meta = read_dataset(stream, False, True, stop_when=_outside_file_meta)  # noqa: FBT003
    syntax = UID(text(meta, "TransferSyntaxUID") or "")
    if syntax == DeflatedExplicitVRLittleEndian:
        content = _inflate(memoryview(content)[stream.tell() :], limits)
        stream = BytesIO(content)
    syntax = syntax or _guess_syntax(content[stream.tell() : stream.tell() + 6])
    parsed = _Parsed(Dataset(), syntax, text(meta, "MediaStorageSOPClassUID"), memoryview(content))

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        if int.__lt__(tag, _FIRST_PIXEL_TAG):
            return False
        parsed.pixel_tag, parsed.pixel_vr = int(tag), vr or "OW"
        parsed.pixel_length, parsed.pixel_offset = length, stream.tell()
        return True

    parsed.dataset = read_dataset(
        stream, syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian, stop_when=at_pixels
    )
    return parsed


def _dataset_start(content: bytes) -> int:
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
    for order in ("little", "big"):
        group = int.from_bytes(content[:2], order)  # type: ignore[arg-type]
        element = int.from_bytes(content[2:4], order)  # type: ignore[arg-type]
        if group in (0x0002, 0x0008) and element <= 0x0100:
            length = int.from_bytes(content[4:8], order)  # type: ignore[arg-type]
            return (content[4:6].isalpha() and content[4:6].isupper()) or length <= len(content) - 8
    return False


def _outside_file_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) >> 16 != 0x0002


def _guess_syntax(start: bytes) -> UID:
    """Return the syntax of a dataset that does not name it: explicit where a VR can be read, big endian where swapped."""
    if not (start[4:6].isalpha() and start[4:6].isupper()):
        return ImplicitVRLittleEndian
    is_big = int.from_bytes(start[:2], "little") >= 0x0400
    return ExplicitVRBigEndian if is_big else UID("1.2.840.10008.1.2.1")


def _inflate(deflated: memoryview, limits: Limits) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(deflated, limits.max_inflated_bytes)
    except zlib.error:
        raise StudyError(
            "The compressed header (Deflated Explicit VR Little Endian) is damaged.",
            hint="Export the file again.",
            code="damaged-header",
        ) from None
    if inflater.unconsumed_tail:
        raise StudyError(
            f"The file inflates to more than {limits.max_inflated_bytes / 2**20:.0f} MiB, which is not accepted.",
            hint="Export it uncompressed.",
            code="inflates-too-far",
        )
    return content


def _too_deep(limits: Limits) -> StudyError:
    return StudyError(
        f"The header holds sequences within sequences more than {limits.max_sequence_depth} deep.",
        hint="No scanner writes this; export the file again.",
        code="sequences-too-deep",
    )


def _describe(parsed: _Parsed, *, name: str, digest: str, limits: Limits) -> DicomFile:
    keyword = _PIXEL_KEYWORDS.get(parsed.pixel_tag)
    if keyword is None:
        raise _without_pixels(parsed)
    codec = codec_of(parsed.syntax)
    layout, notices = read_layout(parsed.dataset, keyword=keyword, limits=limits)
    data = parsed.body[parsed.pixel_offset :]
    spans: tuple[tuple[Span, ...], ...] = ()
    if codec.family is Family.NATIVE:
        data = _native(data, parsed.pixel_length, layout)
    else:
        spans = frame_spans(data, frames=layout.frames)
    return DicomFile(
        name=name,
        digest=digest,
        dataset=parsed.dataset,
        syntax=parsed.syntax,
        codec=codec,
        layout=layout,
        pixel_data=data,
        pixel_vr=parsed.pixel_vr,
        spans=spans,
        notices=notices,
    )


def _without_pixels(parsed: _Parsed) -> StudyError:
    uid = UID(text(parsed.dataset, "SOPClassUID") or parsed.media_sop_class or "")
    kind = uid.name.removesuffix(" Storage") if uid and uid.name != uid else ""
    if kind and "Image" not in kind:
        return StudyError(f"This is not an image: {kind}.", code="not-an-image")
    if not kind and value_of(parsed.dataset, "Rows") is None:
        return StudyError("This DICOM file holds no image.", code="not-an-image")
    return StudyError(
        f"This {kind or 'image'} has no pixels: PixelData (7FE0,0010) is missing.",
        hint="Only the header was exported; send the complete file.",
        code="no-pixel-data",
    )


def _native(data: memoryview, length: int, layout: Layout) -> memoryview:
    needed = -(-layout.frame_bits * layout.frames // 8)
    if length == 0:
        raise StudyError("The pixel data are empty.", hint="Send the file again.", code="empty-pixel-data")
    held = len(data) if length == UNDEFINED_LENGTH else min(length, len(data))
    if held < needed:
        raise StudyError(
            f"The pixel data are cut short: the header describes {layout.frames} frame(s) of {layout.rows} × "
            f"{layout.columns} pixels, which need {needed} bytes, and the file holds {held}.",
            hint="The transfer was probably interrupted; send the file again.",
            code="truncated-pixel-data",
        )
    return data[:held]

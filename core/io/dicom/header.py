"""The checked header of a file: everything that can be refused is refused here, before a pixel is decoded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian

from core.domain import Notice
from core.errors import StudyError
from core.io.dicom.attributes import text, values_of
from core.io.dicom.codestream import guess_syntax
from core.io.dicom.decoder import decode_pixels
from core.io.dicom.encapsulation import Frames, find_items, frame_spans
from core.io.dicom.layout import Layout, read_layout
from core.io.dicom.parsing import UNDEFINED_LENGTH, Parsed, PixelElement, parse
from core.io.dicom.preamble import preamble_notices
from core.io.dicom.syntax import Codec, Family, codec_of
from core.io.isolation import prepare
from core.io.limits import DEFAULT_LIMITS, Limits

_PIXEL_KEYWORDS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}


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
    limits : Limits
        What decoding may ask for.
    """

    name: str = field(repr=False)
    digest: str
    dataset: Dataset = field(repr=False)
    syntax: UID
    codec: Codec
    layout: Layout
    pixel_data: memoryview = field(repr=False)
    pixel_vr: str
    spans: Frames = field(repr=False, default=())
    notices: tuple[Notice, ...] = ()
    limits: Limits = DEFAULT_LIMITS

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
            f"The file has {len(content) / 2**20:.0f} MiB; at most {limits.max_file_bytes / 2**20:g} are accepted.",
            code="file-too-large",
        )
    parsed = parse(content, limits)
    element = parsed.element
    if element is None or element.tag not in _PIXEL_KEYWORDS:
        raise _without_pixels(parsed)
    file = _located(parsed, element, name=name, digest=digest or hashlib.sha256(content).hexdigest(), limits=limits)
    warnings = preamble_notices(content)
    return replace(file, notices=warnings + file.notices) if warnings else file


def _without_pixels(parsed: Parsed) -> StudyError:
    uid = UID(text(parsed.dataset, "SOPClassUID") or parsed.media_storage_class or "")
    kind = uid.name.removesuffix(" Storage") if uid.name != uid else ""
    if kind and "Image" not in kind:
        return StudyError(f"This is not an image: {kind}.", code="not-an-image")
    if not kind and not values_of(parsed.dataset, "Rows"):
        return StudyError("This DICOM file holds no image.", code="not-an-image")
    return StudyError(
        f"This {kind or 'image'} has no pixels: PixelData (7FE0,0010) is missing.",
        hint="Only the header was exported, or the file was cut short; send the complete file.",
        code="no-pixel-data",
    )


def _located(parsed: Parsed, element: PixelElement, *, name: str, digest: str, limits: Limits) -> DicomFile:
    syntax, encoding_notices = _syntax(parsed, element)
    codec = codec_of(syntax)
    layout, layout_notices = read_layout(parsed.dataset, keyword=_PIXEL_KEYWORDS[element.tag], limits=limits)
    data = parsed.body[element.offset :]
    if element.length == 0:
        raise StudyError("The pixel data are empty.", hint="Send the file again.", code="empty-pixel-data")
    if codec.family is Family.NATIVE:
        located = _native(data, element, layout)
    else:
        prepare(decode_pixels)
        located = _encapsulated(data, parsed.dataset, layout)
    return DicomFile(
        name=name,
        digest=digest,
        dataset=parsed.dataset,
        syntax=syntax,
        codec=codec,
        layout=located.layout,
        pixel_data=located.data,
        pixel_vr=element.vr,
        spans=located.spans,
        notices=encoding_notices + layout_notices + located.notices,
        limits=limits,
    )


def _syntax(parsed: Parsed, element: PixelElement) -> tuple[UID, tuple[Notice, ...]]:
    """Return the transfer syntax, told from the pixels where they are encapsulated against what the header says."""
    if element.length != UNDEFINED_LENGTH or codec_of(parsed.syntax).family is not Family.NATIVE:
        return parsed.syntax, ()
    data = parsed.body[element.offset :]
    fragments = find_items(data)[0][1:]
    guess = guess_syntax(bytes(data[slice(*fragments[0])])) if fragments else None
    if guess is None:
        raise StudyError(
            "The pixels are compressed, but the header does not say how (TransferSyntaxUID).",
            hint="Export the file again.",
            code="unknown-encoding",
        )
    message = f"The header does not say that the pixels are compressed; they look like {guess.name} and were read so."
    return guess, (Notice("encoding-assumed", message),)


# ── Where the pixels lie ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Located:
    """Pixel data cut to size, with the layout that they turn out to have."""

    layout: Layout
    data: memoryview
    spans: Frames = ()
    notices: tuple[Notice, ...] = ()


def _encapsulated(data: memoryview, dataset: Dataset, layout: Layout) -> _Located:
    items, end = find_items(data)
    table = b"".join(value for value in values_of(dataset, "ExtendedOffsetTable") if isinstance(value, bytes))
    extended = np.frombuffer(table, "<u8").tolist() if len(table) == 8 * layout.frames else []
    spans = frame_spans(items, data, frames=layout.frames, extended_offsets=extended)
    return _Located(layout, data[:end], spans, _trailing(data[end:]))


def _native(data: memoryview, element: PixelElement, layout: Layout) -> _Located:
    held = min(element.length, len(data))
    notices = _trailing(data[held:])
    if layout.photometric_interpretation == "YBR_FULL_422" and held >= layout.frame_bits * layout.frames * 3 // 16:
        layout = replace(layout, photometric_interpretation="YBR_FULL")
        notices += (_NOT_SUBSAMPLED,)
    needed = -(-layout.frame_bits * layout.frames // 8)
    if held < needed:
        frames = "one frame" if layout.frames == 1 else f"{layout.frames} frames"
        raise StudyError(
            f"The pixel data are cut short: the header describes {frames} of {layout.rows} × "
            f"{layout.columns} pixels, which need {needed} bytes, and the file holds {held}.",
            hint="The transfer was probably interrupted; send the file again.",
            code="truncated-pixel-data",
        )
    padded = needed + needed % 2
    notices += (_TRAILING,) if held > padded and not notices else ()
    return _Located(layout, data[: min(held, padded)], notices=notices)


_NOT_SUBSAMPLED = Notice(
    "not-subsampled",
    "The header says that colour is stored at half resolution (YBR_FULL_422), but the pixel data hold all of it; they "
    "were read so.",
)
_TRAILING = Notice("trailing-bytes", "The file goes on after its pixels; the bytes that follow were left out.")


def _trailing(rest: memoryview) -> tuple[Notice, ...]:
    """Note bytes after the pixel data that are no data element: a tag above that of the pixels must follow, or none."""
    if len(rest) < 2:
        return ()
    return () if int.from_bytes(rest[:2], "little") > 0x7FE0 else (_TRAILING,)

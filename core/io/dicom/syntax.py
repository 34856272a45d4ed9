"""Which decoder reads which transfer syntax. Exactly one each: a second opinion would hide a fault of the first.

References
----------
DICOM PS3.5, sections 8.2 and A; PS3.6, table A-1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from pydicom import uid
from pydicom.uid import UID

from core.errors import StudyError


class Family(Enum):
    """Kinds of pixel encoding, by the header of their codestream."""

    NATIVE = auto()
    JPEG = auto()
    JPEG_LS = auto()
    JPEG_2000 = auto()
    RLE = auto()


@dataclass(frozen=True, slots=True)
class Codec:
    """How pydicom is to decode a transfer syntax: as which syntax, by which plugin (empty: pydicom itself)."""

    family: Family
    decode_as: UID
    plugin: str = ""


_JPEG_PROGRESSIVE = ("1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55")
"""Retired: spectral selection (processes 6 and 8), full progression (10 and 12). The codestream says which it is, so
the decoder of sequential JPEG reads them too."""

CODECS: Mapping[str, Codec] = {
    **{
        syntax: Codec(Family.NATIVE, syntax)
        for syntax in (
            uid.ImplicitVRLittleEndian,
            uid.ExplicitVRLittleEndian,
            uid.ExplicitVRBigEndian,
            uid.DeflatedExplicitVRLittleEndian,
        )
    },
    **{
        syntax: Codec(Family.JPEG, syntax, "pylibjpeg")
        for syntax in (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1)
    },
    **{syntax: Codec(Family.JPEG, uid.JPEGExtended12Bit, "pylibjpeg") for syntax in _JPEG_PROGRESSIVE},
    **{syntax: Codec(Family.JPEG_LS, syntax, "pyjpegls") for syntax in (uid.JPEGLSLossless, uid.JPEGLSNearLossless)},
    **{
        syntax: Codec(Family.JPEG_2000, syntax, "pylibjpeg")
        for syntax in (uid.JPEG2000Lossless, uid.JPEG2000, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K)
    },
    uid.RLELossless: Codec(Family.RLE, uid.RLELossless, "pylibjpeg"),
}

_VIDEO = ("MPEG", "HEVC", "SMPTE")


def codec_of(syntax: UID) -> Codec:
    """Return the codec of a transfer syntax.

    Raises
    ------
    StudyError
        Where there is none; the message names the encoding.
    """
    codec = CODECS.get(syntax)
    if codec is not None:
        return codec
    name = syntax.name if syntax.name != syntax else "an unknown encoding"
    if any(word in name for word in _VIDEO):
        raise StudyError(
            f"The pixels are a video ({name}, TransferSyntaxUID {syntax}), which Lightbox does not play.",
            hint="Export the clip as a multi-frame image (JPEG Baseline or uncompressed).",
            code="unsupported-transfer-syntax",
        )
    raise StudyError(
        f"The pixels are encoded as {name}, TransferSyntaxUID {syntax}, which Lightbox cannot decode.",
        hint="Export the study uncompressed (Explicit VR Little Endian) or as JPEG 2000, JPEG-LS, JPEG or RLE.",
        code="unsupported-transfer-syntax",
    )

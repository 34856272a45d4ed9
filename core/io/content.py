"""What a file is, decided by its bytes and never by its name."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from core.errors import StudyError


@dataclass(frozen=True, eq=False)
class Source:
    """A file as its owner brought it. `name` is shown to that person only: it is never logged, exported or opened."""

    name: str = field(repr=False)
    content: bytes = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


class Kind(StrEnum):
    """The kinds of file that are told apart. The value is the name to show."""

    DICOM = "DICOM"
    DICOMDIR = "DICOMDIR"
    PNG = "PNG"
    JPEG = "JPEG"
    TIFF = "TIFF"
    BMP = "BMP"
    GIF = "GIF"
    NIFTI = "NIfTI"
    NIFTI_PAIR = "NIfTI header"
    ANALYZE = "Analyze 7.5 header"
    METAIMAGE = "MetaImage"
    METAIMAGE_HEADER = "MetaImage header"
    NRRD = "NRRD"
    NRRD_HEADER = "NRRD header"
    ZIP = "zip archive"
    GZIP = "gzip"
    EMPTY = "empty file"
    OTHER = "not a medical image"


RASTERS = frozenset({Kind.PNG, Kind.JPEG, Kind.TIFF, Kind.BMP, Kind.GIF})
VOLUMES = frozenset({Kind.NIFTI, Kind.METAIMAGE, Kind.NRRD})

HEAD_BYTES = 65536
"""How much of a file `identify` looks at."""

_SIGNATURES: tuple[tuple[int, bytes, Kind], ...] = (
    (128, b"DICM", Kind.DICOM),
    (0, b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (0, b"\xff\xd8\xff", Kind.JPEG),
    (0, b"II*\x00", Kind.TIFF),
    (0, b"MM\x00*", Kind.TIFF),
    (0, b"II+\x00", Kind.TIFF),
    (0, b"MM\x00+", Kind.TIFF),
    (0, b"GIF87a", Kind.GIF),
    (0, b"GIF89a", Kind.GIF),
    (0, b"PK\x03\x04", Kind.ZIP),
    (0, b"PK\x05\x06", Kind.ZIP),
    (0, b"PK\x07\x08", Kind.ZIP),
    (0, b"\x1f\x8b\x08", Kind.GZIP),
)

_STRANGERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "a PDF document"),
    (0, b"{\\rtf", "a text document (RTF)"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"MZ", "a Windows program"),
    (0, b"\x7fELF", "a Linux program"),
    (0, b"\xcf\xfa\xed\xfe", "a macOS program"),
    (8, b"WEBP", "a WebP picture"),
    (8, b"AVI ", "a video (AVI)"),
    (8, b"WAVE", "a sound file"),
    (4, b"ftypheic", "a HEIC picture"),
    (4, b"ftypheix", "a HEIC picture"),
    (4, b"ftypmif1", "a HEIC picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyp", "a video (MP4)"),
    (0, b"\x1aE\xdf\xa3", "a video (Matroska)"),
    (0, b"\x00\x00\x00\x0cjP  ", "a bare JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a bare JPEG 2000 picture"),
    (0, b"8BPS", "a Photoshop picture"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"SQLite format 3\x00", "a database"),
    (0, b"<?xml", "an XML text"),
    (0, b"<!DOCTYPE html", "a web page"),
    (0, b"<html", "a web page"),
)

_DICOMDIR_UID = b"1.2.840.10008.1.3.10"
_VALUE_REPRESENTATIONS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)


def identify(content: bytes) -> Kind:
    """Return what the bytes are."""
    if not content:
        return Kind.EMPTY
    kind = next((kind for offset, magic, kind in _SIGNATURES if content.startswith(magic, offset)), None)
    if kind is Kind.DICOM and _DICOMDIR_UID + b"\x00" in content[128:1024]:
        return Kind.DICOMDIR
    return kind or _identify_by_structure(content)


def has_preamble(content: bytes) -> bool:
    """Whether the bytes begin as DICOM files do, PS3.10 7.1, rather than only look like a data set."""
    return content.startswith(b"DICM", 128)


def _identify_by_structure(content: bytes) -> Kind:
    for recognise in (_nrrd_kind, _nifti_kind, _metaimage_kind, _bmp_kind, _bare_dicom_kind):
        kind = recognise(content)
        if kind is not None:
            return kind
    return Kind.OTHER


def _nrrd_kind(content: bytes) -> Kind | None:
    """Return the kind of an NRRD file; its header ends at the first empty line and may name a separate data file."""
    if not content.startswith(b"NRRD000"):
        return None
    header = content[:HEAD_BYTES].replace(b"\r\n", b"\n").partition(b"\n\n")[0].lower()
    detached = any(line.startswith((b"data file:", b"datafile:")) for line in header.split(b"\n"))
    return Kind.NRRD_HEADER if detached else Kind.NRRD


def _nifti_kind(content: bytes) -> Kind | None:
    """Return the kind of a NIfTI-1, NIfTI-2 or Analyze 7.5 header, by `sizeof_hdr` in either byte order and magic."""
    size = content[:4]
    if size in (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c") and len(content) >= 348:
        magic = content[344:348]
        return {b"n+1\x00": Kind.NIFTI, b"ni1\x00": Kind.NIFTI_PAIR}.get(magic, Kind.ANALYZE)
    if size in (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c"):
        return {b"n+2\x00": Kind.NIFTI, b"ni2\x00": Kind.NIFTI_PAIR}.get(content[4:8])
    return None


def _metaimage_kind(content: bytes) -> Kind | None:
    """Return the kind of a MetaImage; ElementDataFile is the last line of its header and says where the pixels are."""
    head = content[:16384]
    start = head.find(b"ElementDataFile")
    if start < 0 or b"NDims" not in head[:start] or not head[:1].isalpha():
        return None
    value = head[start:].partition(b"=")[2].partition(b"\n")[0].strip()
    return Kind.METAIMAGE if value.upper() == b"LOCAL" else Kind.METAIMAGE_HEADER


def _bmp_kind(content: bytes) -> Kind | None:
    """Return BMP where "BM" is followed by a known size of the information header; two letters alone are any text."""
    is_bmp = content.startswith(b"BM") and content[14:18] in {
        bytes((size, 0, 0, 0)) for size in (12, 40, 52, 56, 64, 108, 124)
    }
    return Kind.BMP if is_bmp else None


def _bare_dicom_kind(content: bytes) -> Kind | None:
    """Return DICOM for a data set without preamble whose first element is one that a data set begins with.

    That is group 0002 or 0008 with, in explicit VR, a known value representation, or, in implicit VR, a length that
    is even and lies inside the file.
    """
    for order in ("little", "big"):
        group = int.from_bytes(content[0:2], order)
        element = int.from_bytes(content[2:4], order)
        if group not in {0x0002, 0x0008} or element > 0x0200 or len(content) < 12:
            continue
        length = int.from_bytes(content[4:8], order)
        if content[4:6] in _VALUE_REPRESENTATIONS or (length % 2 == 0 and 8 + length < len(content) and length <= 256):
            return Kind.DICOM
    return None


_REFUSALS: dict[Kind, tuple[str, str, str]] = {
    Kind.EMPTY: ("The file is empty.", "Copy it again from where it came.", "empty-file"),
    Kind.DICOMDIR: (
        "This is a DICOMDIR, the table of contents of a disc; it holds no pictures itself.",
        "Bring the folders that lie beside it.",
        "dicomdir",
    ),
    Kind.NIFTI_PAIR: (
        "This is the header of a NIfTI pair (.hdr); its pixels are in a second file (.img), which is not here.",
        "Bring both files together, or save the volume as one file, .nii or .nii.gz.",
        "missing-pixel-file",
    ),
    Kind.ANALYZE: (
        "This is an Analyze 7.5 header; its pixels are in a second file, and it does not tell left from right.",
        "Convert the volume to NIfTI (.nii or .nii.gz).",
        "missing-pixel-file",
    ),
    Kind.METAIMAGE_HEADER: (
        "This is a MetaImage header (.mhd); its pixels are in a second file (ElementDataFile), which is not here.",
        "Bring both files together, or save the volume as one file, .mha.",
        "missing-pixel-file",
    ),
    Kind.NRRD_HEADER: (
        "This is a detached NRRD header (.nhdr); its pixels are in a second file, which is not here.",
        "Bring both files together, or save the volume as one file, .nrrd.",
        "missing-pixel-file",
    ),
    Kind.ZIP: (
        "This is a zip archive, or an Office document, inside an archive.",
        "Unpack it and bring the files that it holds.",
        "nested-archive",
    ),
    Kind.GZIP: ("This is a gzip file inside an archive of its own kind.", "Unpack it first.", "nested-archive"),
}


def refusal(content: bytes) -> StudyError:
    """Return the reason why a file that holds no picture is left out."""
    kind = identify(content)
    if kind in _REFUSALS:
        message, hint, code = _REFUSALS[kind]
        return StudyError(message, hint=hint, code=code)
    return StudyError(
        f"This is not a medical image: it is {describe_stranger(content)}.",
        hint="DICOM, NIfTI, MetaImage, NRRD, PNG, JPEG, TIFF, BMP and GIF are read, also from a zip archive.",
        code="not-a-medical-image",
    )


def describe_stranger(content: bytes) -> str:
    """Say in words what a file is that is no picture: "a PDF document", "text", "bytes of no known format"."""
    known = next((words for offset, magic, words in _STRANGERS if content.startswith(magic, offset)), None)
    if known is not None:
        return known
    return "text" if _looks_like_text(content[:4096]) else "bytes of no known format"


def _looks_like_text(head: bytes) -> bool:
    if b"\x00" in head:
        return head.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A cut through the last character is no sign of binary content.
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\n\r\f" for character in text)


def inflate_gzip(content: bytes, *, max_bytes: int) -> bytes:
    """Return what a gzip file holds.

    Raises
    ------
    StudyError
        When it is damaged, cut short, or grows over `max_bytes`.
    """
    inflater = zlib.decompressobj(wbits=31)
    try:
        inflated = inflater.decompress(content, max_bytes + 1)
    except zlib.error as error:
        raise StudyError(
            "The gzip file is damaged and cannot be unpacked.", hint="Make the file again.", code="damaged-archive"
        ) from error
    if len(inflated) > max_bytes:
        raise StudyError(
            f"The gzip file unpacks to more than {max_bytes // 2**20} MiB.",
            hint="Bring a smaller file.",
            code="inflates-too-large",
        )
    if not inflater.eof:
        raise StudyError("The gzip file is cut short.", hint="Copy the file again.", code="damaged-archive")
    return inflated


def gzip_head(content: bytes) -> bytes:
    """Return the first bytes that a gzip file holds, enough to tell what it is; none where it is damaged."""
    try:
        return zlib.decompressobj(wbits=31).decompress(content, HEAD_BYTES)
    except zlib.error:
        return b""

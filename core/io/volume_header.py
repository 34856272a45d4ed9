"""What the header of a volume claims, read before SimpleITK sees the file.

SimpleITK allocates what a header asks for, fills a NIfTI file that is cut short with zeros, puts zero where one holds
NaN, and 1 mm where the spacing is missing or zero. So the claims are checked here, and what the file really says is
remembered.

References
----------
NIfTI-1 and NIfTI-2: nifti1.h and nifti2.h of https://nifti.nimh.nih.gov. MetaImage: https://itk.org/Wiki/MetaIO.
NRRD: https://teem.sourceforge.net/nrrd/format.html.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.domain import VoiFunction, WindowLevel
from core.errors import StudyError
from core.io.content import Kind
from core.io.limits import MIB, Limits

MAX_DEFLATE_RATIO = 1032
"""No deflate stream unpacks to more than this times its size."""

SHEAR_TOLERANCE = 1e-4
"""Largest cosine between two axes that still counts as a right angle."""


@dataclass(frozen=True, slots=True)
class VolumeHeader:
    """The claims of a header.

    Attributes
    ----------
    data_bytes : int
        Size of the voxels when unpacked.
    data_offset : int
        Where they begin in the file.
    is_compressed : bool
        Whether they are packed inside the file, so that their stored size cannot be foretold.
    has_spacing : bool
        Whether the spacing is there, finite and above zero along every spatial axis.
    has_orientation : bool
        Whether the file says how the volume lies in the patient.
    mended : bytes
        The first `data_offset` bytes, with what SimpleITK refuses replaced: a spacing of zero, sheared axes.
    is_sheared : bool
        Whether the axes are not at right angles; the nearest ones that are stand in `mended`.
    window : WindowLevel or None
        The range that the file proposes for display.
    floats : dtype or None
        How floating-point voxels of a NIfTI file are stored; their slope is `slope`.
    """

    data_bytes: int
    data_offset: int
    is_compressed: bool
    has_spacing: bool
    has_orientation: bool
    mended: bytes
    is_sheared: bool = False
    window: WindowLevel | None = None
    floats: np.dtype[Any] | None = None
    slope: float = 1.0


def read_volume_header(content: bytes, kind: Kind, limits: Limits) -> VolumeHeader:
    """Parse and check the header of a NIfTI, MetaImage or NRRD file.

    Raises
    ------
    StudyError
        When it is damaged, uses a feature that is not supported, claims more than `limits` allow, or more than the
        file holds.
    """
    header = _parsed(content, kind)
    _check_claims(header, len(content), limits)
    return header


def claimed_bytes(content: bytes, kind: Kind) -> int | None:
    """Return how many bytes of voxels must follow a header; None where they are compressed.

    Raises
    ------
    StudyError
        When the header is damaged or uses a feature that is not supported.
    """
    header = _parsed(content, kind)
    return None if header.is_compressed else header.data_bytes


def _parsed(content: bytes, kind: Kind) -> VolumeHeader:
    parse = {Kind.NIFTI: _parse_nifti, Kind.METAIMAGE: _parse_metaimage, Kind.NRRD: _parse_nrrd}[kind]
    try:
        return parse(content)
    except (struct.error, ValueError, KeyError, IndexError, OverflowError):
        raise StudyError(
            f"The header of this {kind} file is damaged.", hint="Save the volume again.", code="damaged-header"
        ) from None


def _check_claims(header: VolumeHeader, size: int, limits: Limits) -> None:
    if header.data_bytes <= 0:
        raise StudyError("The header claims a volume without voxels.", hint="Save it again.", code="no-pixel-data")
    if header.data_bytes > limits.max_volume_bytes:
        raise StudyError(
            f"The header claims {header.data_bytes / MIB:,.0f} MiB of voxels; "
            f"up to {limits.max_volume_bytes / MIB:,.0f} MiB are accepted.",
            hint="Crop the volume or lower its resolution.",
            code="volume-too-large",
        )
    held = size - header.data_offset
    if header.data_bytes > (held * MAX_DEFLATE_RATIO if header.is_compressed else held):
        raise StudyError(
            f"The file is cut short: its header claims {header.data_bytes:,} bytes of voxels, {max(held, 0):,} follow.",
            hint="Copy the file again.",
            code="truncated-pixel-data",
        )


def _are_lengths(values: list[float]) -> bool:
    return bool(values) and all(math.isfinite(value) and value > 0 for value in values)


# ── NIfTI ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _NiftiLayout:
    """Offsets of the fields in use, and the struct codes of those that differ between the versions."""

    dim: tuple[int, str]
    datatype: int
    bitpix: int
    pixdim: tuple[int, str]
    vox_offset: tuple[int, str]
    slope: tuple[int, str]
    cal_max: tuple[int, str]
    codes: tuple[int, str]
    srow: tuple[int, str]


_NIFTI_FLOATS = {16: "f4", 64: "f8"}
_NIFTI_1 = _NiftiLayout((40, "8h"), 70, 72, (76, "8f"), (108, "f"), (112, "2f"), (124, "2f"), (252, "2h"), (280, "12f"))
_NIFTI_2 = _NiftiLayout(
    (16, "8q"), 12, 14, (104, "8d"), (168, "q"), (176, "2d"), (192, "2d"), (344, "2i"), (400, "12d")
)


def _parse_nifti(content: bytes) -> VolumeHeader:
    order = "<" if content[0] else ">"
    layout = _NIFTI_1 if int.from_bytes(content[:4], "little" if content[0] else "big") == 348 else _NIFTI_2

    def field(place: tuple[int, str]) -> tuple[float, ...]:
        return struct.unpack_from(order + place[1], content, place[0])

    dimensions, *sizes = (int(value) for value in field(layout.dim))
    sizes = sizes[:dimensions]
    if not 1 <= dimensions <= 7 or min(sizes) < 1:
        raise StudyError(
            f"The header claims {dimensions} dimensions of sizes {sizes}; 1 to 7 of at least 1 are possible (dim).",
            hint="Save the volume again.",
            code="damaged-header",
        )
    (bits,) = struct.unpack_from(order + "h", content, layout.bitpix)
    (datatype,) = struct.unpack_from(order + "h", content, layout.datatype)
    slope = field(layout.slope)[0]
    offset = int(field(layout.vox_offset)[0])
    spatial = min(dimensions, 3)
    spacing = list(field(layout.pixdim)[1 : 1 + spatial])
    has_spacing = _are_lengths(spacing)
    mended = bytearray(content[:offset])
    if not has_spacing:
        width = struct.calcsize(layout.pixdim[1]) // 8
        struct.pack_into(f"{order}{spatial}{layout.pixdim[1][1]}", mended, layout.pixdim[0] + width, *([1.0] * spatial))
    qform_code, sform_code = field(layout.codes)
    square = _at_right_angles(field(layout.srow)) if sform_code > 0 and qform_code <= 0 else None
    if square is not None:
        struct.pack_into(order + layout.srow[1], mended, layout.srow[0], *square)
    return VolumeHeader(
        data_bytes=math.prod(sizes) * bits // 8,
        data_offset=offset,
        is_compressed=False,
        has_spacing=has_spacing,
        has_orientation=qform_code > 0 or sform_code > 0,
        mended=bytes(mended),
        is_sheared=square is not None,
        window=_display_range(*field(layout.cal_max)),
        floats=np.dtype(order + _NIFTI_FLOATS[datatype]) if datatype in _NIFTI_FLOATS else None,
        slope=slope if math.isfinite(slope) and slope != 0 else 1.0,
    )


def _at_right_angles(srow: tuple[float, ...]) -> list[float] | None:
    """Return the affine with its axes turned to the nearest right angles; None where they are at right angles.

    The nearest orthonormal axes are those of the polar decomposition (Higham, SIAM J. Sci. Stat. Comput. 7, 1986).
    """
    affine = np.reshape(srow, (3, 4))
    lengths = np.linalg.norm(affine[:, :3], axis=0)
    if not (np.isfinite(affine).all() and lengths.all()):
        return None
    axes = affine[:, :3] / lengths
    if np.allclose(axes.T @ axes, np.eye(3), atol=SHEAR_TOLERANCE):
        return None
    left, _, right = np.linalg.svd(axes)
    affine[:, :3] = left @ right * lengths
    return [float(value) for value in affine.ravel()]


def _display_range(cal_max: float, cal_min: float) -> WindowLevel | None:
    """Return cal_min to cal_max as a window; both zero means that the file proposes nothing."""
    if not (math.isfinite(cal_max) and math.isfinite(cal_min) and cal_max > cal_min):
        return None
    return WindowLevel(
        center=(cal_max + cal_min) / 2,
        width=cal_max - cal_min,
        function=VoiFunction.LINEAR_EXACT,
        explanation="display range of the file",
    )


# ── MetaImage ─────────────────────────────────────────────────────────────────────────────────────────────────────

_METAIMAGE_BYTES = {
    "MET_CHAR": 1,
    "MET_UCHAR": 1,
    "MET_SHORT": 2,
    "MET_USHORT": 2,
    "MET_INT": 4,
    "MET_UINT": 4,
    "MET_LONG": 4,
    "MET_ULONG": 4,
    "MET_LONG_LONG": 8,
    "MET_ULONG_LONG": 8,
    "MET_FLOAT": 4,
    "MET_DOUBLE": 8,
}


def _parse_metaimage(content: bytes) -> VolumeHeader:
    offset = content.index(b"\n", content.index(b"ElementDataFile")) + 1
    lines = content[:offset].decode("latin-1").splitlines()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    element = fields["ElementType"].upper()
    if element not in _METAIMAGE_BYTES or fields.get("BinaryData", "True").lower() == "false":
        raise _unsupported("MetaImage", "ElementType, BinaryData", "binary integers and floating-point numbers")
    if fields.get("HeaderSize", "0") != "0":
        raise _unsupported("MetaImage", "HeaderSize", "0")
    channels = int(fields.get("ElementNumberOfChannels", "1"))
    # MetaIO lets ElementSpacing win over ElementSize.
    spacing = _numbers(fields.get("ElementSpacing", fields.get("ElementSize", "")))
    has_spacing = _are_lengths(spacing[:3])
    kept = lines if has_spacing else [line for line in lines if not re.match(r"Element(Spacing|Size)\b", line)]
    return VolumeHeader(
        data_bytes=math.prod(int(size) for size in fields["DimSize"].split()) * channels * _METAIMAGE_BYTES[element],
        data_offset=offset,
        is_compressed=fields.get("CompressedData", "False").lower() == "true",
        has_spacing=has_spacing,
        has_orientation=not {"TransformMatrix", "Orientation", "Rotation"}.isdisjoint(fields),
        mended="".join(f"{line}\n" for line in kept).encode("latin-1"),
    )


# ── NRRD ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_NRRD_BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), 2),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t"), 4),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"), 8),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), 8),
    "float": 4,
    "double": 8,
}
_NRRD_ENCODINGS = {"raw": False, "gzip": True, "gz": True}
_ANATOMICAL = re.compile(r"(left|right|[lr])(-?(anterior|posterior|[ap]))(-?(superior|inferior|[si]))", re.IGNORECASE)


def _parse_nrrd(content: bytes) -> VolumeHeader:
    end = re.search(rb"\r?\n\r?\n", content)
    if end is None:
        raise ValueError("no empty line after the header")
    lines = content[: end.start()].decode("latin-1").splitlines()
    pairs = (line.partition(":") for line in lines if not line.startswith("#") and ":=" not in line)
    fields = {key.strip().lower(): value.strip() for key, _, value in pairs}
    if fields["type"].lower() not in _NRRD_BYTES or fields["encoding"].lower() not in _NRRD_ENCODINGS:
        raise _unsupported("NRRD", "type, encoding", "numbers, encoded raw or gzip")
    spacing = _nrrd_spacing(fields)
    has_spacing = _are_lengths(spacing)
    kept = lines if has_spacing else [line for line in lines if not line.lower().startswith("spacings:")]
    sizes = [int(size) for size in fields["sizes"].split()]
    return VolumeHeader(
        data_bytes=math.prod(sizes) * _NRRD_BYTES[fields["type"].lower()],
        data_offset=end.end(),
        is_compressed=_NRRD_ENCODINGS[fields["encoding"].lower()],
        has_spacing=has_spacing,
        has_orientation="space directions" in fields and _ANATOMICAL.match(fields.get("space", "")) is not None,
        mended=("".join(f"{line}\n" for line in kept) + "\n").encode("latin-1"),
    )


def _nrrd_spacing(fields: dict[str, str]) -> list[float]:
    """Return the length of a step along each spatial axis; axes of colours or of time have none or NaN."""
    if "space directions" in fields:
        return [math.hypot(*_numbers(vector)) for vector in re.findall(r"\(([^)]*)\)", fields["space directions"])]
    spatial = _numbers(fields.get("spacings", ""))
    kinds = fields.get("kinds", "").split() or ["domain"] * len(spatial)
    return [value for value, kind in zip(spatial, kinds, strict=False) if kind in {"domain", "space", "???"}][:3]


def _numbers(text: str) -> list[float]:
    return [float(value) for value in text.replace(",", " ").split()]


def _unsupported(name: str, attributes: str, accepted: str) -> StudyError:
    return StudyError(
        f"This {name} file is of a make that is not read ({attributes}); accepted: {accepted}.",
        hint="Save the volume as NIfTI (.nii.gz).",
        code="unsupported-encoding",
    )

"""What the header says of the pixel matrix, checked before anything is allocated.

References
----------
DICOM PS3.3, C.7.6.3 (Image Pixel Module); PS3.5, 8.1.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from core.domain import Notice
from core.errors import StudyError
from core.io.dicom.attributes import integer, text, values_of
from core.io.limits import Limits

FLOAT_BITS = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}


@dataclass(frozen=True, slots=True)
class Layout:
    """The attributes of the Image Pixel Module, all plausible.

    `photometric_interpretation` is upper case. `bits_stored` and `high_bit` lie within `bits_allocated`. Planar
    configuration 1 means colour by plane.
    """

    rows: int
    columns: int
    frames: int
    samples_per_pixel: int
    photometric_interpretation: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    planar_configuration: int
    keyword: str = "PixelData"

    @property
    def is_float(self) -> bool:
        """Whether the pixels are stored as floating-point numbers."""
        return self.keyword in FLOAT_BITS

    @property
    def frame_bits(self) -> int:
        """Bits of one frame as it is stored without compression."""
        bits = self.rows * self.columns * self.samples_per_pixel * self.bits_allocated
        return bits * 2 // 3 if self.photometric_interpretation == "YBR_FULL_422" else bits


def read_layout(dataset: Dataset, *, keyword: str, limits: Limits) -> tuple[Layout, tuple[Notice, ...]]:
    """Return the layout of the pixel data, and what had to be assumed.

    Raises
    ------
    StudyError
        Where an attribute is missing or impossible, or the image is over the limits.
    """
    rows, columns = _side(dataset, "Rows", limits), _side(dataset, "Columns", limits)
    if rows * columns > limits.max_pixels_per_frame:
        raise StudyError(
            f"The header claims {rows} × {columns} pixels (Rows × Columns); at most "
            f"{limits.max_pixels_per_frame / 1e6:.0f} million are accepted.",
            hint="The header is probably damaged.",
            code="image-too-large",
        )
    samples, photometric, notices = _photometric(dataset)
    allocated, stored, high_bit = _bits(dataset, keyword)
    layout = Layout(
        rows=rows,
        columns=columns,
        frames=_frames(dataset, limits),
        samples_per_pixel=samples,
        photometric_interpretation=photometric,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        is_signed=integer(dataset, "PixelRepresentation") == 1,
        planar_configuration=int(integer(dataset, "PlanarConfiguration") == 1),
        keyword=keyword,
    )
    return layout, notices


def _side(dataset: Dataset, keyword: str, limits: Limits) -> int:
    side = integer(dataset, keyword)
    if side is None or side <= 0:
        found = "missing" if not values_of(dataset, keyword) else "not a number" if side is None else str(side)
        raise StudyError(
            f"The size of the image is unknown: {keyword} is {found}; it must be a whole number from 1 to 65535.",
            hint="The header is damaged; export the file again.",
            code="invalid-image-size",
        )
    if side < limits.min_side:
        raise StudyError(
            f"The image is too small to read: {keyword} is {side}, and at least {limits.min_side} are needed.",
            code="image-too-small",
        )
    return side


def _frames(dataset: Dataset, limits: Limits) -> int:
    if not values_of(dataset, "NumberOfFrames"):
        return 1
    frames = integer(dataset, "NumberOfFrames")
    if frames is None or not 0 <= frames <= limits.max_frames:
        found = "not a whole number" if frames is None else str(frames)
        raise StudyError(
            f"NumberOfFrames is {found}; 1 to {limits.max_frames} are accepted.",
            hint="The header is damaged; export the file again.",
            code="invalid-number-of-frames",
        )
    return max(frames, 1)  # 0 is how some devices write a single picture


_GRAY = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})
_COLOUR = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})
_NOT_SUPPORTED = frozenset({"HSV", "ARGB", "CMYK", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "XYB"})


def _photometric(dataset: Dataset) -> tuple[int, str, tuple[Notice, ...]]:
    samples = integer(dataset, "SamplesPerPixel") or 1
    stated = (text(dataset, "PhotometricInterpretation") or "").upper().replace("PALETTE_COLOR", "PALETTE COLOR")
    if samples not in (1, 3):
        raise StudyError(
            f"SamplesPerPixel is {samples}; 1 (gray) or 3 (colour) are accepted.",
            hint="Export the image as RGB or gray.",
            code="unsupported-samples-per-pixel",
        )
    if not stated:
        assumed = "MONOCHROME2" if samples == 1 else "RGB"
        return samples, assumed, (_assumed_photometric(assumed),)
    accepted = _GRAY if samples == 1 else _COLOUR
    if stated not in accepted:
        found = stated if stated in _GRAY | _COLOUR | _NOT_SUPPORTED else "another value"
        raise StudyError(
            f"PhotometricInterpretation of an image with SamplesPerPixel {samples} must be one of "
            f"{', '.join(sorted(accepted))}; it is {found}.",
            hint="Export the image as MONOCHROME2 or RGB.",
            code="unsupported-photometric-interpretation",
        )
    return samples, stated, ()


def _assumed_photometric(assumed: str) -> Notice:
    meaning = "larger values are brighter" if assumed == "MONOCHROME2" else "true colour"
    return Notice(
        "photometric-interpretation-assumed",
        f"The header does not say how gray or colour is meant (PhotometricInterpretation); {assumed} was assumed: "
        f"{meaning}.",
    )


def _bits(dataset: Dataset, keyword: str) -> tuple[int, int, int]:
    if keyword in FLOAT_BITS:
        bits = FLOAT_BITS[keyword]
        return bits, bits, bits - 1
    allocated = integer(dataset, "BitsAllocated")
    if allocated not in (1, 8, 16, 32, 64):
        found = "missing" if allocated is None else str(allocated)
        raise StudyError(
            f"BitsAllocated is {found}; 1, 8, 16, 32 and 64 are accepted.",
            hint="The header is damaged, or the export is unusual; export the file again.",
            code="invalid-bits",
        )
    stored = integer(dataset, "BitsStored")
    stored = allocated if stored is None else stored
    if not 1 <= stored <= allocated:
        raise StudyError(
            f"BitsStored is {stored}, but must be from 1 to BitsAllocated, which is {allocated}.",
            hint="The header is damaged; export the file again.",
            code="invalid-bits",
        )
    high_bit = integer(dataset, "HighBit")
    if high_bit is None or not stored - 1 <= high_bit < allocated:
        high_bit = stored - 1
    return allocated, stored, high_bit

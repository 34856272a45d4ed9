"""The modality LUT: from stored values to values with a meaning, and what that meaning is.

References
----------
DICOM PS3.3, C.11.1 (Modality LUT Module), C.7.6.16.2.9 (Pixel Value Transformation), C.7.5.1.1.2 (pixel padding).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from core.domain import Intensity, Notice, Pixels
from core.io.dicom.attributes import integer, items, number, text, texts
from core.io.dicom.groups import macro_or_dataset
from core.io.dicom.header import DicomFile
from core.io.dicom.lut import Lut, read_lut


@dataclass(frozen=True, slots=True, eq=False)
class ModalityTransform:
    """Stored value → modality value: `lut` where there is one, else `slope * stored + intercept`.

    `stored_range` are the smallest and largest value that the stored bits can hold. `is_stated` tells whether the
    file gave a transformation at all.
    """

    slope: float
    intercept: float
    lut: Lut | None
    stored_range: tuple[float, float]
    is_stated: bool

    def apply(self, stored: Pixels) -> Pixels:
        """Transform pixels: whole numbers stay whole where slope and intercept are, else they become float32."""
        if self.lut is not None:
            return self.lut.apply(stored)
        if (self.slope, self.intercept) == (1.0, 0.0):
            return stored
        dtype = stored.dtype if stored.dtype.kind == "f" else self._result_dtype()
        if dtype.kind != "f":
            return np.asarray(stored.astype(dtype) * dtype.type(self.slope) + dtype.type(self.intercept))
        wide = np.result_type(dtype, np.float64 if stored.dtype.itemsize > 2 else np.float32)
        return np.asarray(stored.astype(wide) * wide.type(self.slope) + wide.type(self.intercept)).astype(dtype)

    def value(self, stored: float) -> float:
        """Transform one value."""
        if self.lut is not None:
            return float(self.lut.apply(np.array([stored]))[0])
        return self.slope * stored + self.intercept

    @property
    def range(self) -> tuple[float, float] | None:
        """The smallest and largest value that any stored value leads to; None where a LUT leads there."""
        if self.lut is not None:
            return None
        low, high = sorted(map(self.value, self.stored_range))
        return low, high

    @property
    def can_be_negative(self) -> bool:
        """Whether any stored value leads to a negative one."""
        return self.lut is None and min(map(self.value, self.stored_range)) < 0

    def _result_dtype(self) -> np.dtype[Any]:
        """Return the smallest integer dtype that holds every result and every factor; float32 where they break up."""
        if self.slope % 1 == 0 and self.intercept % 1 == 0:
            reach = [*self.stored_range, *map(self.value, self.stored_range), self.slope, self.intercept]
            for dtype in (np.dtype(np.int16), np.dtype(np.int32), np.dtype(np.int64)):
                limits = np.iinfo(dtype)
                if limits.min <= min(reach) and max(reach) <= limits.max:
                    return dtype
        return np.dtype(np.float32)


def read_modality(file: DicomFile, index: int) -> tuple[ModalityTransform, tuple[Notice, ...]]:
    """Return the transformation of one frame, and what could not be used of it."""
    source = macro_or_dataset(file.dataset, index, "PixelValueTransformationSequence")
    lut, notices = _modality_lut(file)
    slope, intercept = number(source, "RescaleSlope"), number(source, "RescaleIntercept")
    is_stated = lut is not None or slope is not None or intercept is not None
    if slope == 0:
        slope = None
        notices += (
            Notice("rescale-unusable", "RescaleSlope is 0, which would make the image empty; stored values are shown."),
        )
    transform = ModalityTransform(
        slope=1.0 if slope is None else slope,
        intercept=0.0 if intercept is None else intercept,
        lut=lut,
        stored_range=_stored_range(file),
        is_stated=is_stated,
    )
    return transform, notices


def _stored_range(file: DicomFile) -> tuple[float, float]:
    bits = file.layout.bits_stored
    if file.layout.is_signed:
        return -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    return 0.0, 2.0**bits - 1


def _modality_lut(file: DicomFile) -> tuple[Lut | None, tuple[Notice, ...]]:
    sequence = items(file.dataset, "ModalityLUTSequence")
    if not sequence or file.layout.is_float:
        return None, ()
    try:
        return read_lut(sequence[0], is_signed=file.layout.is_signed, is_little_endian=file.is_little_endian), ()
    except ValueError as reason:
        message = f"The modality LUT of the file cannot be used, because {reason}; stored values are shown."
        return None, (Notice("modality-lut-unusable", message),)


# ── What the values mean ──────────────────────────────────────────────────────────────────────────────────────────

_RADIOGRAPHY = frozenset({"CR", "DX", "RG", "MG", "XA", "RF", "PX", "IO", "RTIMAGE", "DF"})
_ULTRASOUND = frozenset({"US", "IVUS", "BDUS"})
_OTHER_QUANTITY = frozenset({"PT", "NM", "RTDOSE", "SEG", "BMD"})


def intensity_of(file: DicomFile, index: int, transform: ModalityTransform) -> Intensity:
    """Return what gray values mean after the modality LUT."""
    modality = (text(file.dataset, "Modality") or "").upper()
    if modality == "CT":
        return _ct_intensity(file, index, transform)
    if modality in _RADIOGRAPHY:
        return Intensity.RADIOGRAPH
    if modality in _ULTRASOUND:
        return Intensity.ULTRASOUND
    if modality == "MR":
        return Intensity.MR_ARBITRARY
    return Intensity.OTHER if modality in _OTHER_QUANTITY or file.layout.is_float else Intensity.GRAY


def _ct_intensity(file: DicomFile, index: int, transform: ModalityTransform) -> Intensity:
    """HU where the rescale leads there: RescaleType HU or absent, PS3.3 C.8.2.1."""
    source = macro_or_dataset(file.dataset, index, "PixelValueTransformationSequence")
    unit = (text(source, "RescaleType") or "HU").upper()
    if unit == "HU" and transform.is_stated and transform.lut is None:
        return Intensity.HU
    if is_localizer(file.dataset):
        return Intensity.RADIOGRAPH
    return Intensity.OTHER if transform.is_stated else Intensity.GRAY


def is_localizer(dataset: Dataset) -> bool:
    """Return whether the image is a scout view: the third value of ImageType is LOCALIZER, PS3.3 C.8.2.1.1.1."""
    return texts(dataset, "ImageType")[2:3] == ("LOCALIZER",)


# ── Padding ───────────────────────────────────────────────────────────────────────────────────────────────────────


def padding_of(file: DicomFile, transform: ModalityTransform, *, dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """Return the range of values, after the modality LUT, that mean "no image here".

    The ends go the way of the stored pixels, of `dtype`, so that they are rounded alike: pixels of padding then equal
    them to the last bit.
    """
    value = _stored_integer(file, "PixelPaddingValue")
    if value is None:
        return None
    limit = _stored_integer(file, "PixelPaddingRangeLimit")
    low, high = sorted(transform.apply(np.array([value, value if limit is None else limit], dtype=dtype)).tolist())
    return float(low), float(high)


def _stored_integer(file: DicomFile, keyword: str) -> int | None:
    """Return a value of VR "US or SS" as the stored pixels would hold it: the VR in the file is often the wrong one."""
    value = integer(file.dataset, keyword)
    if value is None or file.layout.is_float:
        return value
    span = 1 << file.layout.bits_stored
    value %= span
    return value - span if file.layout.is_signed and value >= span // 2 else value

"""Distance between pixels, with the attribute that says so; unknown where none does.

References
----------
DICOM PS3.3, 10.7.1.1 (PixelSpacing), 10.7.1.3 (calibration), C.8.11.7 (ImagerPixelSpacing, magnification), C.8.6.2
(NominalScannedPixelSpacing).
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from core.domain import Notice, Spacing
from core.io.dicom.attributes import number, numbers, text
from core.io.dicom.groups import macro_or_dataset

UNCALIBRATED = Notice(
    "uncalibrated", "The file does not give the distance between pixels: lengths can be measured in pixels only."
)
AT_DETECTOR = Notice(
    "spacing-at-detector",
    "Distances are those at the detector (ImagerPixelSpacing); in the patient they are smaller, by a magnification "
    "that the file does not correct for.",
)


def read_spacing(dataset: Dataset, index: int) -> tuple[Spacing | None, tuple[Notice, ...]]:
    """Return the pixel spacing of one frame, and what to know of it."""
    measures = macro_or_dataset(dataset, index, "PixelMeasuresSequence")
    at_detector = _pair(dataset, "ImagerPixelSpacing")
    if (spacing := _pair(measures, "PixelSpacing")) or (spacing := _pair(dataset, "PixelSpacing")):
        return spacing, (AT_DETECTOR,) if _is_uncorrected(dataset, spacing, at_detector) else ()
    if at_detector is not None:
        return _in_patient(dataset, at_detector)
    if spacing := _pair(dataset, "NominalScannedPixelSpacing"):
        return spacing, ()
    return None, (UNCALIBRATED,)


def _pair(dataset: Dataset, keyword: str) -> Spacing | None:
    values = numbers(dataset, keyword)
    return Spacing(values[0], values[1], keyword) if len(values) == 2 and min(values) > 0 else None


def _is_uncorrected(dataset: Dataset, spacing: Spacing, at_detector: Spacing | None) -> bool:
    """Return whether PixelSpacing only repeats that of the detector, and no calibration stands behind it."""
    if at_detector is None or text(dataset, "PixelSpacingCalibrationType") is not None:
        return False
    return (spacing.row_mm, spacing.column_mm) == (at_detector.row_mm, at_detector.column_mm)


def _in_patient(dataset: Dataset, at_detector: Spacing) -> tuple[Spacing, tuple[Notice, ...]]:
    magnification = number(dataset, "EstimatedRadiographicMagnificationFactor")
    if magnification is None or magnification <= 0:
        return at_detector, (AT_DETECTOR,)
    source = f"{at_detector.source} / EstimatedRadiographicMagnificationFactor"
    return Spacing(at_detector.row_mm / magnification, at_detector.column_mm / magnification, source), ()

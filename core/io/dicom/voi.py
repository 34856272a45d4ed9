"""What the file proposes for display: VOI lookup tables and windows.

References
----------
DICOM PS3.3, C.11.2 (VOI LUT Module), C.7.6.16.2.10 (Frame VOI LUT).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from core.domain import Notice, Voi, VoiFunction, VoiLut, WindowLevel
from core.io.dicom.attributes import items, numbers, text, values_of
from core.io.dicom.groups import macro_or_dataset
from core.io.dicom.header import DicomFile
from core.io.dicom.identity import is_plain
from core.io.dicom.lut import read_lut


def read_voi(file: DicomFile, index: int, *, can_be_negative: bool) -> tuple[tuple[Voi, ...], tuple[Notice, ...]]:
    """Return tables, then windows, of one frame in the file's order, and what could not be used of them.

    `can_be_negative` tells whether values after the modality LUT may be below zero.
    """
    source = macro_or_dataset(file.dataset, index, "FrameVOILUTSequence")
    found = [*_luts(file, source, can_be_negative=can_be_negative), *_windows(file, source)]
    voi = tuple(entry for entry in found if not isinstance(entry, Notice))
    notices = {entry.code: entry for entry in found if isinstance(entry, Notice)}
    return voi, tuple(notices.values())


def _luts(file: DicomFile, source: Dataset, *, can_be_negative: bool) -> Iterator[VoiLut | Notice]:
    for item in items(source, "VOILUTSequence"):
        try:
            lut = read_lut(item, is_signed=can_be_negative, is_little_endian=file.is_little_endian)
        except ValueError as reason:
            yield Notice("voi-lut-unusable", f"A VOI lookup table of the file cannot be used, because {reason}.")
        else:
            yield VoiLut(lut.values, lut.first_value, lut.bits, _shown(lut.explanation, file))


def _windows(file: DicomFile, source: Dataset) -> Iterator[WindowLevel | Notice]:
    centers, widths = numbers(source, "WindowCenter"), numbers(source, "WindowWidth")
    if len(centers) != len(widths) or (not centers and values_of(source, "WindowCenter")):
        yield Notice("window-unusable", "The window of the file is incomplete (WindowCenter, WindowWidth).")
    function = _function(source)
    if isinstance(function, Notice):
        yield function
        return
    explanations = [str(value).strip() for value in values_of(source, "WindowCenterWidthExplanation")]
    for number, (center, width) in enumerate(zip(centers, widths, strict=False)):
        if width <= 0 or (width < 1 and function is VoiFunction.LINEAR):
            least = "at least 1" if function is VoiFunction.LINEAR else "above 0"
            yield Notice("window-unusable", f"A window of the file was dropped: WindowWidth is {width:g}, not {least}.")
        else:
            explanation = explanations[number] if number < len(explanations) else ""
            yield WindowLevel(center, width, function, _shown(explanation, file))


def _shown(explanation: str, file: DicomFile) -> str:
    """Return what a window or table is called, where that is no free text."""
    return explanation if is_plain(explanation, file.dataset) else ""


def _function(source: Dataset) -> VoiFunction | Notice:
    stated = (text(source, "VOILUTFunction") or "LINEAR").upper()
    for function in VoiFunction:
        if stated == function:
            return function
    return Notice(
        "voi-function-unknown",
        "The windows of the file were dropped: VOILUTFunction is none of LINEAR, LINEAR_EXACT, SIGMOID.",
    )

"""Overlay planes: the file's own graphics, one bit a pixel, to be laid over its image.

References
----------
DICOM PS3.3, C.9.2 (overlay plane module); PS3.5, 8.1.2 (its bits, the first pixel in the lowest).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from core.domain import Notice
from core.io.dicom.attributes import by_tag
from core.io.dicom.header import DicomFile

GROUPS = range(0x6000, 0x6020, 2)
ROWS, COLUMNS, FRAMES, ORIGIN, FIRST_FRAME, BITS, DATA = 0x0010, 0x0011, 0x0015, 0x0050, 0x0051, 0x0100, 0x3000

SHOWN = Notice(
    "own-graphics",
    "The file holds graphics of its own (overlay planes). They may name the patient, so the viewer draws them only "
    "when asked to (key G); models do not see them, and they are not taken along.",
)
NOT_SHOWN = Notice(
    "overlay-not-shown",
    "The file holds graphics to lay over the image (overlay planes) that cannot be read: they are not as the standard "
    "describes them, or lie in unused bits of the pixels, which it has retired.",
)


def graphics_notices(dataset: Dataset) -> tuple[Notice, ...]:
    """Say that a file holds graphics of its own, and whether they can be shown.

    A plane without data has its bits in unused bits of the pixels (retired; PS3.5 of 2004, 8.1.2).
    """
    planes = [_plane(dataset, group) for group in GROUPS if _is_named(dataset, group)]
    shown = (SHOWN,) if any(plane is not None for plane in planes) else ()
    return (*shown, NOT_SHOWN) if None in planes else shown


def read_graphics(file: DicomFile, index: int) -> NDArray[np.bool_] | None:
    """Return what is to be drawn over one frame, all planes in one.

    Parameters
    ----------
    file : DicomFile
    index : int
        Of the frame, from 0.

    Returns
    -------
    ndarray of bool, (rows, columns), or None
        On the image's own grid; None where no plane belongs to this frame.
    """
    planes = [plane for group in GROUPS if (plane := _plane(file.dataset, group)) and plane.covers(index)]
    if not planes:
        return None
    graphics = np.zeros((file.layout.rows, file.layout.columns), np.bool_)
    for plane in planes:
        _lay(graphics, plane.bits(index, swapped=not file.is_little_endian), plane.origin)
    return graphics


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    """One overlay plane.

    `origin` is the row and column of the image, from 1, where its first pixel lies, and may lie outside. `frames` is
    None where it says nothing of frames and so belongs to all; else it has one picture for each of that many frames of
    the image, from `first` (from 0) on.
    """

    rows: int
    columns: int
    origin: tuple[int, int]
    frames: int | None
    first: int
    data: bytes

    def covers(self, index: int) -> bool:
        """Whether it has a picture for a frame of the image."""
        return self.frames is None or self.first <= index < self.first + self.frames

    def bits(self, index: int, *, swapped: bool) -> NDArray[np.bool_]:
        """Return its picture for a frame; the pictures follow each other without padding between.

        `swapped` says that the words are stored high byte first.
        """
        packed = np.frombuffer(self.data, np.uint8)
        if swapped:
            packed = packed[: len(packed) // 2 * 2].view(np.uint16).byteswap().view(np.uint8)
        count = self.rows * self.columns
        start = 0 if self.frames is None else (index - self.first) * count
        bits = np.unpackbits(packed[start // 8 : -(-(start + count) // 8)], bitorder="little")
        return bits[start % 8 :][:count].reshape(self.rows, self.columns).astype(np.bool_)


def _is_named(dataset: Dataset, group: int) -> bool:
    return any(by_tag(dataset, group, element) is not None for element in (ROWS, DATA))


def _plane(dataset: Dataset, group: int) -> _Plane | None:
    """Return a plane, None where there is none, or its attributes do not describe what is there."""
    rows, columns = _whole(dataset, group, ROWS), _whole(dataset, group, COLUMNS)
    data = by_tag(dataset, group, DATA)
    if not rows or not columns or not isinstance(data, bytes) or _whole(dataset, group, BITS, 1) != 1:
        return None
    of_all = by_tag(dataset, group, FRAMES) is None and by_tag(dataset, group, FIRST_FRAME) is None
    frames, first = _whole(dataset, group, FRAMES, 1), _whole(dataset, group, FIRST_FRAME, 1)
    if min(rows, columns, frames, first) < 1 or len(data) * 8 < rows * columns * frames:
        return None
    origin = tuple(_wholes(dataset, group, ORIGIN)) or (1, 1)
    if len(origin) != 2:
        return None
    return _Plane(rows, columns, (origin[0], origin[1]), None if of_all else frames, first - 1, data)


def _whole(dataset: Dataset, group: int, element: int, otherwise: int = 0) -> int:
    """Return the first value; `otherwise` where there is none, 0 where it is no whole number."""
    if by_tag(dataset, group, element) is None:
        return otherwise
    return next(_wholes(dataset, group, element), 0)


def _wholes(dataset: Dataset, group: int, element: int) -> Iterator[int]:
    value = by_tag(dataset, group, element)
    for each in value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]:
        if isinstance(each, int | float) and abs(each) < 2**31 and int(each) == each:
            yield int(each)


def _lay(graphics: NDArray[np.bool_], bits: NDArray[np.bool_], origin: tuple[int, int]) -> None:
    """Add a plane's pixels where they lie on the image; what lies beside it is cut off."""
    top, left = origin[0] - 1, origin[1] - 1
    rows = slice(max(top, 0), max(min(top + bits.shape[0], graphics.shape[0]), 0))
    columns = slice(max(left, 0), max(min(left + bits.shape[1], graphics.shape[1]), 0))
    part = bits[max(-top, 0) :, max(-left, 0) :]
    place = graphics[rows, columns]
    place |= part[: place.shape[0], : place.shape[1]]

"""Palette colour: indices become RGB of 8 bits, through plain or segmented tables.

pydicom's `apply_color_lut` reads big-endian tables in the wrong order, cuts indices to the width of the entries, and
takes the offset of an indirect segment for a count of words; hence these lines.

References
----------
DICOM PS3.3, C.7.6.3.1.5 and .6 (palette colour lookup tables), C.7.9.2 (segmented tables).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from core.domain import Pixels
from core.errors import StudyError
from core.io.dicom.attributes import numbers, values_of
from core.io.dicom.header import DicomFile
from core.io.dicom.lut import Lut, table_values, words_of

_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


def apply_palette(indices: Pixels, file: DicomFile) -> NDArray[np.uint8]:
    """Return (rows, columns) palette indices as (rows, columns, 3) RGB of 8 bits.

    Raises
    ------
    StudyError
        Where a table is missing or damaged.
    """
    try:
        channels = [_table(file, colour).apply(indices) for colour in ("Red", "Green", "Blue")]
    except (ValueError, IndexError) as error:
        raise StudyError(
            "The palette of this colour image is missing or damaged (Palette Color Lookup Table).",
            hint="Export the image as RGB.",
            code="damaged-palette",
        ) from error
    return np.stack(channels, axis=-1).astype(np.uint8)


def _table(file: DicomFile, colour: str) -> Lut:
    """Return the table of one colour, its entries cut to 8 bits."""
    descriptor = numbers(file.dataset, f"{colour}PaletteColorLookupTableDescriptor")
    if len(descriptor) != 3:
        raise ValueError("descriptor")
    entries, first_value, bits = (int(value) for value in descriptor)
    entries = entries % 2**16 or 2**16
    if file.layout.is_signed and first_value >= 2**15:
        first_value -= 2**16
    plain = values_of(file.dataset, f"{colour}PaletteColorLookupTableData")
    if plain:
        values = table_values(plain, entries=entries, bits=bits, is_little_endian=file.is_little_endian)
    else:
        segmented = values_of(file.dataset, f"Segmented{colour}PaletteColorLookupTableData")
        words = words_of(segmented, is_little_endian=file.is_little_endian)
        values = expand_segments(words.astype("<u2").view(np.uint8) if bits <= 8 else words, entries=entries)
    # Whether entries reach beyond 8 bits is seen from the entries: descriptors are wrong about it in both directions.
    return Lut(np.right_shift(values, 8 if values.max() > 255 else 0), first_value, 8)


def expand_segments(data: NDArray[np.unsignedinteger], *, entries: int) -> NDArray[np.uint16]:
    """Return the entries of a segmented table.

    Parameters
    ----------
    data : ndarray of uint8 or uint16
        Segments: opcode, length, then what the opcode needs.
    entries : int
        Of the whole table.

    Raises
    ------
    ValueError
        Where there are fewer entries, or a segment is impossible.
    """
    table: list[int] = []
    numbers_ = [int(value) for value in data]
    for opcode, length, argument in _segments(numbers_, wide=data.dtype.itemsize == 2):
        if opcode == _INDIRECT:
            start = argument[0] // data.dtype.itemsize
            for copied in islice(_segments(numbers_[start:], wide=data.dtype.itemsize == 2), length):
                _extend(table, *copied)
        else:
            _extend(table, opcode, length, argument)
        if len(table) >= entries:
            return np.array(table[:entries], np.uint16)
    raise ValueError(f"it announces {entries} entries and holds {len(table)}")


def _segments(data: Sequence[int], *, wide: bool) -> Iterator[tuple[int, int, Sequence[int]]]:
    """Yield opcode, length and argument: the values of a discrete segment, the end of a linear one, a byte offset."""
    position = 0
    while position + 1 < len(data):
        opcode, length = data[position : position + 2]
        position += 2
        if opcode == _INDIRECT:
            size = 2 if wide else 4
            low_first = data[position : position + size]
            yield opcode, length, [sum(part << (32 // size * at) for at, part in enumerate(low_first))]
        else:
            size = length if opcode == _DISCRETE else 1
            yield opcode, length, data[position : position + size]
        position += size


def _extend(table: list[int], opcode: int, length: int, argument: Sequence[int]) -> None:
    if opcode == _DISCRETE:
        table.extend(argument)
    elif opcode == _LINEAR and table and argument:
        start, end = table[-1], argument[0]
        table.extend(round(start + (end - start) * step / length) for step in range(1, length + 1))
    else:
        raise ValueError("an impossible segment")

"""Lookup tables as DICOM stores them: descriptor and data.

References
----------
DICOM PS3.3, C.11.1.1 (Modality LUT), C.11.2.1.1 (VOI LUT).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from core.domain import Pixels
from core.io.dicom.attributes import numbers, text, values_of


@dataclass(frozen=True, slots=True, eq=False)
class Lut:
    """A lookup table: input `first_value + i` maps to `values[i]`; outside, to the nearest end.

    `values` are uint16; the largest that `bits` can hold means white.
    """

    values: NDArray[np.uint16]
    first_value: int
    bits: int
    explanation: str = ""

    def apply(self, pixels: Pixels) -> NDArray[np.uint16]:
        """Map whole-numbered pixels through the table."""
        wide = np.int32 if pixels.dtype.itemsize <= 2 else np.int64
        index = np.clip(pixels.astype(wide) - self.first_value, 0, len(self.values) - 1)
        return np.asarray(self.values[index], np.uint16)


def read_lut(item: Dataset, *, is_signed: bool, is_little_endian: bool) -> Lut:
    """Return the table of one item of a Modality LUT Sequence or VOI LUT Sequence.

    Parameters
    ----------
    item : Dataset
        With LUTDescriptor and LUTData.
    is_signed : bool
        Whether the values that go in may be negative, so that a first value above 32767 means a negative one.
    is_little_endian : bool
        Byte order of the file.

    Raises
    ------
    ValueError
        Where the table cannot be used; says why, in words.
    """
    descriptor = numbers(item, "LUTDescriptor")
    if len(descriptor) != 3:
        raise ValueError("its LUTDescriptor does not hold three numbers")
    entries, first_value, bits = (int(value) for value in descriptor)
    entries = entries % 2**16 or 2**16
    if is_signed and first_value >= 2**15:
        first_value -= 2**16
    if not 1 <= bits <= 16:
        raise ValueError(f"its LUTDescriptor asks for {bits} bits per entry; 8 to 16 are accepted")
    values = table_values(values_of(item, "LUTData"), entries=entries, bits=bits, is_little_endian=is_little_endian)
    bits = max(bits, int(values.max()).bit_length())
    return Lut(values, first_value, bits, text(item, "LUTExplanation") or "")


def table_values(data: tuple[object, ...], *, entries: int, bits: int, is_little_endian: bool) -> NDArray[np.uint16]:
    """Return the entries of a table, which may be stored as words or as two 8-bit entries packed in each word.

    Raises
    ------
    ValueError
        Where there are fewer entries than announced.
    """
    words = words_of(data, is_little_endian=is_little_endian)
    if len(words) >= entries:
        return words[:entries]
    packed = words.astype("<u2").view(np.uint8)  # the first entry is in the low byte
    if bits <= 8 and len(packed) >= entries:
        return packed[:entries].astype(np.uint16)
    raise ValueError(f"it announces {entries} entries and holds {len(words)}")


def words_of(data: tuple[object, ...], *, is_little_endian: bool) -> NDArray[np.uint16]:
    """Return table data, bytes or numbers, as 16-bit words."""
    if len(data) == 1 and isinstance(data[0], bytes):
        padded = data[0] + b"\0" * (len(data[0]) % 2)
        return np.frombuffer(padded, "<u2" if is_little_endian else ">u2").astype(np.uint16)
    if not all(isinstance(value, int) for value in data):
        raise ValueError("its entries are not numbers")
    return (np.array(data, dtype=np.int64) & 0xFFFF).astype(np.uint16)

"""Where the frames of encapsulated pixel data lie: fragments, offset tables, end-of-image markers.

References
----------
DICOM PS3.5, A.4; PS3.3, C.7.6.3.1.8 (Extended Offset Table).
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from core.errors import StudyError

Span = tuple[int, int]
"""Start and stop of a fragment's bytes, within the pixel data."""

Frames = tuple[tuple[Span, ...], ...]
"""For each frame, its fragments."""

_ITEM = 0xFFFEE000
_SEQUENCE_END = 0xFFFEE0DD
_HEADER = Struct("<HHL")
_END_OF_IMAGE = b"\xff\xd9"


def frame_spans(
    items: Sequence[Span], data: memoryview, *, frames: int, extended_offsets: Sequence[int] = ()
) -> Frames:
    """Return the fragments of each frame.

    Parameters
    ----------
    items : sequence of Span
        Of the Basic Offset Table, then of each fragment.
    data : memoryview
        Where they lie.
    frames : int
        NumberOfFrames.
    extended_offsets : sequence of int
        Value of the Extended Offset Table, empty where there is none.

    Raises
    ------
    StudyError
        Where there are fewer frames than announced.
    """
    fragments = items[1:]
    if not any(stop > start for start, stop in fragments):
        raise StudyError("The pixel data are empty.", hint="Send the file again.", code="empty-pixel-data")
    if frames == 1:
        return (tuple(fragments),)
    if len(fragments) == frames:
        return tuple((fragment,) for fragment in fragments)
    offsets = list(extended_offsets) or _basic_offsets(data[slice(*items[0])])
    groups = _by_offset(fragments, offsets) if len(offsets) == frames else _by_end_of_image(fragments, data)
    if len(groups) < frames:
        raise StudyError(
            f"The header announces {frames} frames (NumberOfFrames), but the pixel data hold {len(groups)}.",
            hint="The file is damaged or was cut short; export it again.",
            code="truncated-pixel-data",
        )
    return groups[:frames]


def find_items(data: memoryview) -> tuple[list[Span], int]:
    """Return where the items of encapsulated pixel data lie, and where they end.

    `data` begins with the item of the Basic Offset Table and may reach beyond the sequence delimiter.

    Raises
    ------
    StudyError
        Where the items are damaged or cut short.
    """
    items: list[Span] = []
    position = 0
    while position + _HEADER.size <= len(data):
        group, element, length = _HEADER.unpack_from(data, position)
        position += _HEADER.size
        tag = group << 16 | element
        if tag == _SEQUENCE_END:
            break
        if tag != _ITEM:
            raise StudyError(
                "The encoded pixel data are damaged: a fragment does not begin where the one before it ends.",
                hint="Export the file again.",
                code="damaged-pixel-data",
            )
        if position + length > len(data):
            raise StudyError(
                f"The pixel data are cut short: a fragment of {length} bytes has only {len(data) - position} left.",
                hint="The transfer was probably interrupted; send the file again.",
                code="truncated-pixel-data",
            )
        items.append((position, position + length))
        position += length
    return items, position


def _basic_offsets(table: memoryview) -> list[int]:
    usable = len(table) // 4 * 4
    return [int.from_bytes(table[at : at + 4], "little") for at in range(0, usable, 4)]


def _by_offset(fragments: Sequence[Span], offsets: Sequence[int]) -> Frames:
    """Cut the fragments where the offsets say; they count from the item header of the first fragment."""
    origin = fragments[0][0] - _HEADER.size
    starts = {origin + offset for offset in offsets}
    return _split(fragments, [start - _HEADER.size in starts for start, _ in fragments])


def _by_end_of_image(fragments: Sequence[Span], data: memoryview) -> Frames:
    """Cut the fragments after each end-of-image marker, which may be followed by padding."""
    ends = [_END_OF_IMAGE in bytes(data[max(start, stop - 10) : stop]) for start, stop in fragments]
    return _split(fragments, [True, *ends[:-1]])


def _split(fragments: Sequence[Span], begins: Sequence[bool]) -> Frames:
    groups: list[list[Span]] = []
    for fragment, begins_frame in zip(fragments, begins, strict=True):
        if begins_frame or not groups:
            groups.append([])
        groups[-1].append(fragment)
    return tuple(map(tuple, groups))

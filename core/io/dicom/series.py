"""From files to series: what belongs together, in reading order, with the faults of the stack named.

References
----------
DICOM PS3.3, C.7.3.1 (General Series), C.7.6.2 (Image Plane), C.7.6.5 (Cine).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pydicom.dataset import Dataset

from core.domain import Frame, Notice, Position, Series
from core.io.dicom.attributes import integer, number, numbers, text, texts
from core.io.dicom.decode import decode_frame, frame_uid
from core.io.dicom.facts import facts_of, read_acquisition, series_notices, title_of
from core.io.dicom.geometry import (
    TILT_DEGREES,
    Orientation,
    distances_along_normal,
    read_orientation,
    read_position,
    stack_notices,
    tilt_notice,
)
from core.io.dicom.header import DicomFile
from core.io.dicom.modality import is_localizer

ORIENTATION_TOLERANCE = 0.01
"""Direction cosines that differ by no more are the same orientation: 0.6°."""

_PATIENT = ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID")
"""Copied headers share SeriesInstanceUID by mistake; images of two patients or studies must never be one series."""

_KIND = (
    "Modality",
    "BodyPartExamined",
    "ViewPosition",
    "ImageLaterality",
    "PatientAge",
    "PresentationIntentType",
)


def group_series(files: Sequence[DicomFile]) -> tuple[Series, ...]:
    """Sort files into series.

    Files belong together that share patient, study, SeriesInstanceUID, orientation, matrix size, kind of pixels (also
    whether high values are bright or dark) and what an intended use is checked against; localizers stand apart, and so
    does every multi-frame file. A file that is given twice counts once.

    Returns
    -------
    tuple of Series
        In the order in which their first files came, localizers last.
    """
    copies = Counter(file.digest for file in files)
    looks = _looks_of_series(files)
    groups: dict[Hashable, list[_Stack]] = {}
    unique: dict[str, DicomFile] = {}
    for file in files:
        if unique.setdefault(file.digest, file) is file:
            _join(groups.setdefault(_key(file), []), file)
    series = [_series(stack.files, copies, looks) for stacks in groups.values() for stack in stacks]
    return tuple(sorted(series, key=lambda one: one.is_localizer))


@dataclass(frozen=True, slots=True)
class _Stack:
    """Files of one orientation, which is None where they do not say."""

    orientation: Orientation | None
    files: list[DicomFile]


def _key(file: DicomFile) -> Hashable:
    if file.layout.frames > 1:
        return file.digest
    uid = _series_uid(file)
    kind = [text(file.dataset, keyword) for keyword in (*_PATIENT, *_KIND)]
    layout = file.layout
    return (uid, layout.rows, layout.columns, _look(file), is_localizer(file.dataset), *kind)


def _series_uid(file: DicomFile) -> str:
    return text(file.dataset, "SeriesInstanceUID") or file.digest


def _look(file: DicomFile) -> str:
    """Return how values are to be seen: one window suits only images that agree in it."""
    return file.layout.photometric_interpretation if file.layout.samples_per_pixel == 1 else "colour"


def _looks_of_series(files: Sequence[DicomFile]) -> Mapping[str, frozenset[str]]:
    looks: dict[str, set[str]] = {}
    for file in files:
        looks.setdefault(_series_uid(file), set()).add(_look(file))
    return {uid: frozenset(found) for uid, found in looks.items()}


def _join(stacks: list[_Stack], file: DicomFile) -> None:
    """Add a file to the stack of its orientation, or begin one."""
    orientation = read_orientation(file.dataset, 0)
    for stack in stacks:
        if _is_same_orientation(orientation, stack.orientation):
            stack.files.append(file)
            return
    stacks.append(_Stack(orientation, [file]))


def _is_same_orientation(one: Orientation | None, other: Orientation | None) -> bool:
    if one is None or other is None:
        return one is other
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= ORIENTATION_TOLERANCE


def _series(files: Sequence[DicomFile], copies: Mapping[str, int], looks: Mapping[str, frozenset[str]]) -> Series:
    frames, notices = _in_order([frame for file in files for frame in _frames(file)], files)
    first = files[0]
    return Series(
        uid=hashlib.sha256("\n".join(frame.uid for frame in frames).encode()).hexdigest(),
        title=title_of(first.dataset),
        frames=frames,
        acquisition=read_acquisition(first.dataset),
        facts=facts_of(first),
        notices=series_notices(first.dataset)
        + _polarity_notices(first, looks)
        + _copy_notices(files, copies)
        + notices,
        source=first.name,
        is_localizer=is_localizer(first.dataset),
    )


_BRIGHT, _DARK = "MONOCHROME2", "MONOCHROME1"
_POLARITY_WORDS = {
    _BRIGHT: "in these high values are bright (MONOCHROME2); those with high values dark (MONOCHROME1) are shown apart",
    _DARK: "in these high values are dark (MONOCHROME1); those with high values bright (MONOCHROME2) are shown apart",
}


def _polarity_notices(file: DicomFile, looks: Mapping[str, frozenset[str]]) -> tuple[Notice, ...]:
    """Say that a series came in both polarities: one window would be wrong for half of it."""
    words = _POLARITY_WORDS.get(_look(file))
    if words is None or not {_BRIGHT, _DARK} <= looks[_series_uid(file)]:
        return ()
    return (Notice("both-polarities", f"The images of this series are stored in two ways: {words}."),)


def _copy_notices(files: Sequence[DicomFile], copies: Mapping[str, int]) -> tuple[Notice, ...]:
    repeats = sum(copies[file.digest] - 1 for file in files)
    if not repeats:
        return ()
    words = "1 file was" if repeats == 1 else f"{repeats} files were"
    return (Notice("repeated-files", f"{words} given more than once; each is shown once."),)


# ── Frames ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _frames(file: DicomFile) -> list[Frame]:
    times = _frame_times(file)
    instance = integer(file.dataset, "InstanceNumber")
    return [
        Frame(
            uid=frame_uid(file, index),
            load=partial(decode_frame, file, index),
            shape=(file.layout.rows, file.layout.columns),
            position=read_position(file.dataset, index, frames=file.layout.frames),
            instance_number=instance if file.layout.frames == 1 else index + 1,
            frame_time_ms=times[index],
            directions=_directions(file.dataset),
        )
        for index in range(file.layout.frames)
    ]


def _directions(dataset: Dataset) -> tuple[str, str] | None:
    """Return PatientOrientation where it is as PS3.3 C.7.6.1.1.1 has it for bipeds; None otherwise."""
    stated = texts(dataset, "PatientOrientation")
    if len(stated) != 2 or not all(re.fullmatch("[APRLHF]{1,3}", each) for each in stated):
        return None
    return stated[0], stated[1]


def _frame_times(file: DicomFile) -> list[float | None]:
    """Return for each frame the milliseconds until the next, PS3.3 C.7.6.5.1.1 and .2; None where unknown."""
    frames = file.layout.frames
    if frames == 1:
        return [None]
    if steady := _steady_frame_time(file):
        return [steady] * frames
    increments = numbers(file.dataset, "FrameTimeVector")
    if len(increments) != frames or min(increments[1:]) <= 0:
        return [None] * frames
    return [*increments[1:], increments[-1]]


def _steady_frame_time(file: DicomFile) -> float | None:
    frame_time = number(file.dataset, "FrameTime")
    if frame_time is not None and frame_time > 0:
        return frame_time
    if "FrameTimeVector" in file.dataset:
        return None
    rates = (number(file.dataset, keyword) for keyword in ("RecommendedDisplayFrameRate", "CineRate"))
    return next((1000 / rate for rate in rates if rate is not None and rate > 0), None)


# ── Order ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _in_order(frames: list[Frame], files: Sequence[DicomFile]) -> tuple[tuple[Frame, ...], tuple[Notice, ...]]:
    """Return frames in reading order, and what is wrong with the stack."""
    if len(frames) < 2:
        return tuple(frames), ()
    positions = [frame.position for frame in frames if frame.position is not None]
    if len(positions) < len(frames):
        return _by_instance(frames, files, known=len(positions))
    if len(files) == 1 and not _is_stack(positions):
        return tuple(frames), ()
    distances = distances_along_normal(positions).round(2).tolist()
    order = sorted(range(len(frames)), key=lambda at: (distances[at], frames[at].instance_number or 0, at))
    return tuple(frames[at] for at in order), stack_notices([positions[at] for at in order])


def _is_stack(positions: Sequence[Position]) -> bool:
    """Return whether the frames of one file are parallel slices at more than one place."""
    first = positions[0]
    parallel = all(_is_same_orientation(first.orientation, other.orientation) for other in positions[1:])
    return parallel and len({other.origin_mm for other in positions}) > 1


def _by_instance(
    frames: list[Frame], files: Sequence[DicomFile], *, known: int
) -> tuple[tuple[Frame, ...], tuple[Notice, ...]]:
    """Order frames without positions by InstanceNumber, then by name."""
    if len(files) == 1:
        return tuple(frames), ()
    names = {frame_uid(file, 0): file.name for file in files}
    last = max((frame.instance_number or 0 for frame in frames), default=0) + 1
    ordered = sorted(
        frames, key=lambda frame: (last if frame.instance_number is None else frame.instance_number, names[frame.uid])
    )
    return tuple(ordered), tuple(_order_notices(frames, files, known=known))


def _order_notices(frames: Sequence[Frame], files: Sequence[DicomFile], *, known: int) -> list[Notice]:
    notices = []
    if known or text(files[0].dataset, "Modality") in ("CT", "MR", "PT"):
        by = "their names" if all(frame.instance_number is None for frame in frames) else "InstanceNumber"
        notices.append(
            Notice(
                "missing-positions",
                f"{len(frames) - known} of {len(frames)} slices do not say where they lie (ImagePositionPatient); "
                f"they are in the order of {by}.",
            )
        )
    tilt = number(files[0].dataset, "GantryDetectorTilt")
    if tilt is not None and abs(tilt) > TILT_DEGREES:
        notices.append(tilt_notice(abs(tilt)))
    return notices

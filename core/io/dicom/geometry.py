"""How slices lie in the patient: their normal, their order, and what is wrong with the stack they make.

References
----------
DICOM PS3.3, C.7.6.2.1.1 (Image Position and Image Orientation); 10.7.1.3 and C.8.2.1.1.6 (gantry tilt).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from core.domain import Notice, Position
from core.io.dicom.attributes import numbers
from core.io.dicom.groups import macro, macro_or_dataset

SAME_POSITION_MM = 0.01
TILT_DEGREES = 0.5
UNEVEN = 0.05
GAP = 1.5
GAP_REACH = 3

Vector = NDArray[np.float64]
Orientation = tuple[float, float, float, float, float, float]


def read_position(dataset: Dataset, index: int, *, frames: int) -> Position | None:
    """Return where a frame lies; None where the file does not say, or says the impossible.

    `frames` is how many the file holds: a position that is given once for all of them is that of the first.
    """
    orientation = read_orientation(dataset, index)
    plane = macro(dataset, index, "PlanePositionSequence")
    origin = numbers(dataset if plane is None else plane, "ImagePositionPatient")
    if orientation is None or len(origin) != 3:
        return None
    position = Position((origin[0], origin[1], origin[2]), orientation)
    return position if plane is not None or frames == 1 else _dose_plane(dataset, position, index, frames=frames)


def _dose_plane(dataset: Dataset, first: Position, index: int, *, frames: int) -> Position | None:
    """Return the position of a dose plane from GridFrameOffsetVector, PS3.3 C.8.8.3.2."""
    offsets = numbers(dataset, "GridFrameOffsetVector")
    if len(offsets) != frames:
        return None
    if offsets[0] != 0:  # absolute z coordinates, for a transverse plane only
        return Position((first.origin_mm[0], first.origin_mm[1], offsets[index]), first.orientation)
    x, y, z = (np.array(first.origin_mm) + offsets[index] * normal_of(first)).tolist()
    return Position((x, y, z), first.orientation)


def read_orientation(dataset: Dataset, index: int) -> Orientation | None:
    """Return ImageOrientationPatient of a frame; None where its vectors are not perpendicular unit vectors."""
    cosines = numbers(macro_or_dataset(dataset, index, "PlaneOrientationSequence"), "ImageOrientationPatient")
    if len(cosines) != 6:
        return None
    x, y, z, u, v, w = cosines
    lengths = x * x + y * y + z * z, u * u + v * v + w * w
    if max(abs(length - 1) for length in lengths) > 0.02 or abs(x * u + y * v + z * w) > 0.02:
        return None
    return x, y, z, u, v, w


def normal_of(position: Position) -> Vector:
    """Return the unit vector across the slice: row direction × column direction."""
    row, column = np.array(position.orientation[:3]), np.array(position.orientation[3:])
    normal = np.cross(row, column)
    return np.asarray(normal / np.linalg.norm(normal))


def distances_along_normal(positions: Sequence[Position]) -> Vector:
    """Return for each slice its distance in mm along the normal of the first one."""
    normal = normal_of(positions[0])
    return np.array([position.origin_mm for position in positions]) @ normal


def stack_notices(positions: Sequence[Position]) -> tuple[Notice, ...]:
    """Return what is wrong with slices in their order along the normal: doubled, missing, uneven, sheared."""
    if len(positions) < 2:
        return ()
    return tuple(_stack_faults(positions))


def _stack_faults(positions: Sequence[Position]) -> Iterator[Notice]:
    distances = distances_along_normal(positions)
    steps = np.diff(distances)
    doubled = steps < SAME_POSITION_MM
    if doubled.any():
        yield _doubled(len(positions), int(doubled.sum()))
    yield from _spacing_faults(steps, doubled)
    angle = shear_degrees(positions)
    if angle > TILT_DEGREES:
        yield tilt_notice(angle)


def _doubled(slices: int, repeats: int) -> Notice:
    return Notice(
        "doubled-positions",
        f"{repeats} of {slices} slices lie where another one does (repeats, phases, echoes or a second copy); they "
        "are shown one after the other and do not make one volume.",
    )


def _spacing_faults(steps: Vector, doubled: NDArray[np.bool_]) -> Iterator[Notice]:
    """Name gaps and uneven spacing between neighbours that do not coincide."""
    between = np.flatnonzero(~doubled)
    gaps = [at for at in range(len(between)) if steps[between[at]] > GAP * _usual_step(steps[between], at)]
    if gaps:
        yield _gap(steps[between], gaps, first=int(between[gaps[0]]))
    even = np.delete(steps[between], gaps)
    if len(even) and np.ptp(even) > UNEVEN * np.median(even):
        yield Notice(
            "non-uniform-spacing",
            f"The distance between slices is not the same throughout: {even.min():.2f} to {even.max():.2f} mm.",
        )


def _usual_step(steps: Vector, at: int) -> float:
    """Return the median of the steps around one: examinations change their spacing on purpose, mid-way."""
    around = np.concatenate([steps[max(at - GAP_REACH, 0) : at], steps[at + 1 : at + 1 + GAP_REACH]])
    return float(np.median(around)) if len(around) else float(steps[at])


def _gap(steps: Vector, gaps: Sequence[int], *, first: int) -> Notice:
    missing = sum(max(round(steps[at] / _usual_step(steps, at)) - 1, 1) for at in gaps)
    words = "slices are" if missing > 1 else "slice is"
    found, usual = steps[gaps[0]], _usual_step(steps, gaps[0])
    return Notice(
        "missing-slices",
        f"About {missing} {words} missing, the first between slices {first + 1} and {first + 2}: {found:.1f} mm lie "
        f"between them where {usual:.1f} mm are usual.",
    )


def shear_degrees(positions: Sequence[Position]) -> float:
    """Return the angle between the normal and the way from the first slice to the last, in degrees."""
    way = np.subtract(positions[-1].origin_mm, positions[0].origin_mm)
    length = float(np.linalg.norm(way))
    if length < SAME_POSITION_MM:
        return 0.0
    along = float(np.clip(abs(way @ normal_of(positions[0])) / length, 0.0, 1.0))
    return float(np.degrees(np.arccos(along)))


def tilt_notice(degrees: float) -> Notice:
    """Return the notice of a tilted gantry."""
    return Notice(
        "gantry-tilt",
        f"The gantry was tilted by {degrees:.1f}°: the slices are shifted against each other, so a volume stacked "
        "from them would be sheared.",
    )

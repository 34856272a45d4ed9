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
from core.io.dicom.groups import macro_or_dataset

SAME_POSITION_MM = 0.01
TILT_DEGREES = 0.5
UNEVEN = 0.05
GAP = 1.5

Vector = NDArray[np.float64]


def read_position(dataset: Dataset, index: int) -> Position | None:
    """Return where a frame lies; None where the file does not say, or says the impossible."""
    plane = macro_or_dataset(dataset, index, "PlanePositionSequence")
    orientation = read_orientation(dataset, index)
    origin = numbers(plane, "ImagePositionPatient")
    if orientation is None or len(origin) != 3:
        return None
    return Position((origin[0], origin[1], origin[2]), orientation)


def read_orientation(dataset: Dataset, index: int) -> tuple[float, float, float, float, float, float] | None:
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
    if len(between) < 2:
        return
    usual = float(np.median(steps[between]))
    gaps = [int(step) for step in between if steps[step] > GAP * usual]
    if gaps:
        yield _gap(gaps, steps, usual)
    even = steps[[step for step in between if step not in gaps]]
    if np.ptp(even) > UNEVEN * usual:
        yield Notice(
            "non-uniform-spacing",
            f"The distance between slices is not the same throughout: {even.min():.2f} to {even.max():.2f} mm.",
        )


def _gap(gaps: Sequence[int], steps: Vector, usual: float) -> Notice:
    missing = sum(max(round(float(steps[step]) / usual) - 1, 1) for step in gaps)
    first = gaps[0]
    return Notice(
        "missing-slices",
        f"About {missing} slice(s) are missing, the first between slices {first + 1} and {first + 2}: "
        f"{steps[first]:.1f} mm lie between them where {usual:.1f} mm are usual.",
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

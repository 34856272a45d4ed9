"""How a stored volume is turned to the way in which radiologists look at it. Nothing is resampled."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain import Pixels, Position

_PLANES = {
    "axial": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "sagittal": ((0, 1, 0), (0, 0, -1), (-1, 0, 0)),
    "coronal": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
}
"""Where columns, rows and slices of a picture increase to: x to the patient's left, y to the back, z to the head."""

THICK_SLICE_RATIO = 1.5
"""How much larger than every other spacing that of the slices must be to tell the plane of acquisition."""

Triple = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class StoredAxes:
    """The three axes of a volume as its file stores them.

    Attributes
    ----------
    sizes : ndarray of int, (3,)
        Voxels along each.
    spacing_mm : ndarray of float, (3,)
        Distance between voxels along each.
    direction : ndarray of float, (3, 3)
        In its columns: the unit vector of each, in the patient (x to the left, y to the back, z to the head).
    origin_mm : ndarray of float, (3,)
        The centre of the first voxel.
    """

    sizes: NDArray[np.int64]
    spacing_mm: NDArray[np.float64]
    direction: NDArray[np.float64]
    origin_mm: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """How the stored voxels become slices to look at.

    Attributes
    ----------
    plane : {"axial", "sagittal", "coronal"}
        The plane of the patient that a slice lies closest to.
    order : tuple of int
        The stored axis that runs along the columns, the rows and the slices shown.
    is_flipped : tuple of bool
        Whether each is shown from its far end.
    sizes : tuple of int
        Columns, rows and slices shown.
    steps_mm : ndarray, (3, 3)
        In its columns: the step, in mm of the patient, from one column, row and slice to the next.
    origin_mm : ndarray, (3,)
        The centre of the first voxel shown.
    """

    plane: str
    order: Triple
    is_flipped: tuple[bool, bool, bool]
    sizes: Triple
    steps_mm: NDArray[np.float64]
    origin_mm: NDArray[np.float64]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between columns, rows and slices."""
        x, y, z = np.linalg.norm(self.steps_mm, axis=0).tolist()
        return x, y, z

    def position(self, index: int) -> Position:
        """Return where a slice lies."""
        cosines = self.steps_mm[:, :2] / np.linalg.norm(self.steps_mm[:, :2], axis=0)
        x, y, z = (self.origin_mm + index * self.steps_mm[:, 2]).tolist()
        rx, ry, rz, cx, cy, cz = cosines.T.ravel().tolist()
        return Position((x, y, z), (rx, ry, rz, cx, cy, cz))

    def arranged(self, stored: Pixels) -> Pixels:
        """Return a view of (z, y, x) or (z, y, x, colour) voxels as (slices, rows, columns[, colour])."""
        axes = [2 - axis for axis in reversed(self.order)]
        turned = stored.transpose(*axes, *range(3, stored.ndim))
        return turned[tuple(slice(None, None, -1 if flip else 1) for flip in reversed(self.is_flipped))]


def geometry_to_show(axes: StoredAxes, *, is_known: bool) -> Geometry:
    """Find the order and direction in which the axes of a volume are to be looked at.

    Axial, feet to head, unless the slices were acquired in another plane. Where the orientation is not known
    (`is_known` False) the third stored axis is taken for that of the slices.
    """
    plane = _plane_of_acquisition(axes) if is_known else "axial"
    order = _closest_axes(axes.direction, plane)
    chosen = axes.direction[:, order]
    is_flipped = np.einsum("ai,ia->a", np.array(_PLANES[plane], dtype=float), chosen) < 0
    steps = chosen * axes.spacing_mm[list(order)]
    sizes = axes.sizes[list(order)]
    columns, rows, slices = sizes.tolist()
    flips_columns, flips_rows, flips_slices = is_flipped.tolist()
    return Geometry(
        plane=plane,
        order=order,
        is_flipped=(flips_columns, flips_rows, flips_slices),
        sizes=(columns, rows, slices),
        steps_mm=np.where(is_flipped, -steps, steps),
        origin_mm=axes.origin_mm + steps @ (is_flipped * (sizes - 1)),
    )


def _plane_of_acquisition(axes: StoredAxes) -> str:
    """Return the plane in which a single slice lies, or in which slices are thick; axial where there is neither."""
    single = np.flatnonzero(axes.sizes == 1)
    slice_axis = int(single[0]) if len(single) == 1 else int(np.argmax(axes.spacing_mm))
    others = np.delete(axes.spacing_mm, slice_axis)
    if len(single) != 1 and axes.spacing_mm[slice_axis] < THICK_SLICE_RATIO * others.max():
        return "axial"
    return next(plane for plane in _PLANES if _closest_axes(axes.direction, plane)[2] == slice_axis)


def _closest_axes(direction: NDArray[np.float64], plane: str) -> Triple:
    """Return the stored axes that lie closest to the columns, rows and slices of a plane."""
    alignment = np.abs(np.array(_PLANES[plane], dtype=float) @ direction)
    orders: list[Triple] = [(a, b, c) for a, b, c in itertools.permutations(range(3))]
    return max(orders, key=lambda order: float(alignment[range(3), order].sum()))

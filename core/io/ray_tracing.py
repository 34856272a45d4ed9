"""Rays from a point source through simple bodies to a detector: what the phantom is made with.

Millimetres; x to the patient's left (right in the picture), y to the back, z to the head. The origin is the middle of
the patient. The source is behind, the detector in front.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.floating[Any]]
"""One value for each pixel of the detector, (size, size) of float32."""
Interval = tuple[Map, Map]
"""Where each ray enters and leaves something, in mm along -y from the plane y = 0."""

FIELD_MM = 410.0
"""Width and height of the detector."""
SOURCE_TO_DETECTOR_MM = 1800.0
SOURCE_TO_PATIENT_MM = 1650.0


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """A body with its half axes; `tilt_deg` turns it in the plane of the picture, its top to the patient's left."""

    centre: tuple[float, float, float]
    half_axes: tuple[float, float, float]
    tilt_deg: float = 0.0


class Rays:
    """The rays to the pixels: each goes through (x, 0, z) with the slopes dx and dz, per mm towards the front."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.pitch = FIELD_MM / size
        on_detector = ((np.arange(size, dtype=np.float32) + 0.5) * self.pitch - FIELD_MM / 2).astype(np.float32)
        to_patient = np.float32(SOURCE_TO_PATIENT_MM / SOURCE_TO_DETECTOR_MM)
        self.x = (on_detector * to_patient)[np.newaxis, :]
        self.z = (-on_detector * to_patient)[:, np.newaxis]
        self.dx = self.x / np.float32(SOURCE_TO_PATIENT_MM)
        self.dz = self.z / np.float32(SOURCE_TO_PATIENT_MM)
        self.slant = np.sqrt(1 + self.dx**2 + self.dz**2)

    def through(self, body: Ellipsoid) -> Interval:
        """Return where each ray enters and leaves an ellipsoid, in mm along -y from the plane y = 0; 0, 0 if not."""
        first, last = np.zeros((2, self.size, self.size), dtype=np.float32)
        rows, columns = self._shadow(body)
        (cx, cy, cz), (a, b, c) = np.array(body.centre, np.float32), np.array(body.half_axes, np.float32)
        turn = np.float32(np.radians(body.tilt_deg))
        x, z, dx, dz = self.x[:, columns] - cx, self.z[rows] - cz, self.dx[:, columns], self.dz[rows]
        u, w = x * (np.cos(turn) / a) - z * (np.sin(turn) / a), x * (np.sin(turn) / c) + z * (np.cos(turn) / c)
        du, dw = dx * (np.cos(turn) / a) - dz * (np.sin(turn) / a), dx * (np.sin(turn) / c) + dz * (np.cos(turn) / c)
        v, dv = -cy / b, -1 / b
        square = du * du + dw * dw + dv * dv
        middle = -(du * u + dw * w + dv * v) / square
        half = np.sqrt(np.maximum(middle * middle - (u * u + w * w + v * v - 1) / square, 0))
        first[rows, columns] = middle - half
        last[rows, columns] = middle + half
        return first, last

    def path(self, interval: Interval) -> Map:
        """Return the length of each ray in an interval, mm."""
        path: Map = (interval[1] - interval[0]) * self.slant
        return path

    def _shadow(self, body: Ellipsoid) -> tuple[slice, slice]:
        """Return rows and columns outside which no ray meets a body."""
        (x, y, z), (a, b, c) = body.centre, body.half_axes
        turn = np.radians(body.tilt_deg)
        width, height = np.hypot(a * np.cos(turn), c * np.sin(turn)), np.hypot(a * np.sin(turn), c * np.cos(turn))
        corners = [(x + i * width, y + j * b, z + k * height) for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]
        rows, columns = self.project(np.array(corners, dtype=np.float32))
        return _span(rows, self.size), _span(columns, self.size)

    def project(self, points: NDArray[np.float32]) -> tuple[Map, Map]:
        """Return the (fractional) row and column of points of the patient, (n, 3)."""
        scale = SOURCE_TO_DETECTOR_MM / (SOURCE_TO_PATIENT_MM - points[:, 1]) / self.pitch
        middle = self.size / 2 - 0.5
        return middle - points[:, 2] * scale, middle + points[:, 0] * scale


def _span(places: Map, size: int) -> slice:
    low, high = np.clip([np.floor(places.min()), np.ceil(places.max()) + 1], 0, size).astype(int).tolist()
    return slice(low, high)


def hull(rays: Rays, bodies: tuple[Ellipsoid, ...]) -> Interval:
    """Return the interval from the first entry to the last exit of bodies that overlap along the ray."""
    first = np.full((rays.size, rays.size), np.inf, dtype=np.float32)
    last = -first
    for body in bodies:
        entry, leave = rays.through(body)
        hit = leave > entry
        np.minimum(first, entry, out=first, where=hit)
        np.maximum(last, leave, out=last, where=hit)
    missed = first > last
    first[missed] = last[missed] = 0
    return first, last


def overlap(one: Interval, other: Interval) -> Interval:
    """Return the interval that two share; empty where they do not meet."""
    first = np.maximum(one[0], other[0])
    return first, np.maximum(first, np.minimum(one[1], other[1]))


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """A bent rod: points (n, 3) along its middle `step_mm` apart, its radius, and what a millimetre in it counts."""

    points: NDArray[np.float32]
    step_mm: float
    radius_mm: float
    density: float


def paths_through(rays: Rays, tubes: list[Tube]) -> Map:
    """Return the sum of density × path through tubes.

    A tube is a dense row of balls: they are counted into pixels by volume, and spread by the picture of one ball.
    """
    margin = max(rays.size // 16, 4)  # as wide as the thickest tube, for what the transform carries over the edge
    side = rays.size + 2 * margin
    frequency = np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.rfftfreq(side))
    step = 1 / 4096
    nearest = np.rint(frequency / step).astype(np.intp)
    spectrum = np.zeros(frequency.shape, dtype=np.complex64)
    magnified = SOURCE_TO_DETECTOR_MM / SOURCE_TO_PATIENT_MM / rays.pitch
    for radius in sorted({tube.radius_mm for tube in tubes}):
        counted = _counted(rays, [tube for tube in tubes if tube.radius_mm == radius], side, margin)
        ball = _spectrum_of_ball(np.arange(nearest.max() + 1) * step, radius * magnified)
        spectrum += np.fft.rfft2(counted) * ball[nearest]
    paths = np.fft.irfft2(spectrum, s=(side, side))[margin:-margin, margin:-margin]
    return np.asarray(paths * magnified**2, dtype=np.float32)


def _counted(rays: Rays, tubes: list[Tube], side: int, margin: int) -> Map:
    """Count the volume of tubes, mm³, into pixels, that of each point shared by the four pixels around it."""
    points = np.concatenate([tube.points for tube in tubes])
    each = [np.pi * tube.radius_mm**2 * tube.step_mm * tube.density for tube in tubes]
    volume = np.repeat(each, [len(tube.points) for tube in tubes])
    rows, columns = (place + margin for place in rays.project(points))
    inside = (rows > 0) & (rows < side - 2) & (columns > 0) & (columns < side - 2)
    rows, columns, volume = rows[inside], columns[inside], volume[inside]
    top, left = rows.astype(int), columns.astype(int)
    down, right = rows - top, columns - left
    place = np.concatenate([(top + row) * side + left + column for row in (0, 1) for column in (0, 1)])
    share = np.concatenate([row * column for row in (1 - down, down) for column in (1 - right, right)])
    counted = np.bincount(place, weights=share * np.tile(volume, 4), minlength=side * side)
    return counted.reshape(side, side).astype(np.float32)


def _spectrum_of_ball(frequency: NDArray[np.float64], radius: float) -> Map:
    """Return the Fourier transform of the paths through a ball, radius in pixels, that sum to 1."""
    q = np.maximum(2 * np.pi * radius * frequency, 1e-2)
    return np.asarray(3 * (np.sin(q) - q * np.cos(q)) / q**3, dtype=np.float32)

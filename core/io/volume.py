"""Volumes: NIfTI, MetaImage and NRRD, decoded with SimpleITK.

Slices are turned to the way in which radiologists look at them: axial, feet to head, the patient's right on the
left of the picture. Where the slices are much thicker along another axis of the patient, the volume was acquired in
that plane, and is shown in it (sagittal, coronal). Nothing is resampled.

Each time point of a 4-D volume is a series. These formats do not say the modality, so gray values are
`Intensity.GRAY`; where they look like Hounsfield units a notice says so.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from core.domain import Fact, Frame, Image, Intensity, Notice, Pixels, Series, Spacing
from core.errors import StudyError
from core.io.content import Kind, Source, identify
from core.io.isolation import decode_apart, prepare
from core.io.limits import DEFAULT_LIMITS, Limits
from core.io.volume_file import SUFFIXES, Information, damaged, information_of, voxels_of
from core.io.volume_geometry import Geometry, StoredAxes, geometry_to_show
from core.io.volume_header import VolumeHeader, read_volume_header

MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 (what is made there is private)
"""Of Linux; other systems have none."""
BYTES_OF_VALUE = 8
"""At most: SimpleITK makes floating-point numbers of values that have a slope."""


def read_volume(source: Source, limits: Limits = DEFAULT_LIMITS) -> tuple[Series, ...]:
    """Read the header of a volume; its voxels are decoded when the first slice is loaded.

    Returns
    -------
    tuple of Series
        One for each time point, up to `limits.max_time_points`.

    Raises
    ------
    StudyError
        When the file is damaged, cut short, of a make that is not supported, or larger than `limits` allow.
    """
    kind = identify(source.content)
    header = read_volume_header(source.content, kind, limits)
    prepare(voxels_of)
    information = _read_information(source.content, kind, header, limits)
    _check_supported(information)
    geometry = geometry_to_show(_stored_axes(information), is_known=header.has_orientation and header.has_spacing)
    _check_sizes(geometry, limits)
    volume = _Volume(source.content, kind, header, information, geometry, limits=limits)
    shown = range(min(information.times, limits.max_time_points))
    return tuple(_series(source, volume, time, limits) for time in shown)


@dataclass(frozen=True, slots=True, eq=False)
class _TimePoint:
    """The decoded voxels of one time point, (slices, rows, columns[, 3])."""

    number: int
    voxels: Pixels
    notices: tuple[Notice, ...]


class _Volume:
    """The voxels of a file. The last time point decoded is kept, so that scrolling does not read the file again."""

    def __init__(
        self,
        content: bytes,
        kind: Kind,
        header: VolumeHeader,
        information: Information,
        geometry: Geometry,
        *,
        limits: Limits,
    ) -> None:
        self.content = content
        self.kind = kind
        self.header = header
        self.information = information
        self.geometry = geometry
        self._limits = limits
        self._lock = threading.Lock()
        self._decoded: _TimePoint | None = None

    def load(self, time: int, index: int, uid: str) -> Image:
        """Return one slice."""
        decoded = self._time_point(time)
        pixels = np.array(decoded.voxels[index], order="C")  # a copy: a view would keep the whole volume
        is_colour = pixels.ndim == 3
        return Image(
            pixels=pixels,
            intensity=Intensity.RGB if is_colour else Intensity.GRAY,
            photometric_interpretation="RGB" if is_colour else "MONOCHROME2",
            uid=uid,
            spacing=self.spacing(),
            voi=(self.header.window,) if self.header.window is not None and not is_colour else (),
            notices=(*decoded.notices, *_notices_of_pixels(pixels)),
        )

    def spacing(self) -> Spacing | None:
        """Return the spacing of a slice's pixels, None where the file does not say it."""
        if not self.header.has_spacing:
            return None
        column_mm, row_mm, _ = self.geometry.spacing_mm
        return Spacing(row_mm, column_mm, f"{self.kind} header")

    def _time_point(self, time: int) -> _TimePoint:
        with self._lock:
            if self._decoded is None or self._decoded.number != time:
                self._decoded = None  # the old time point goes before the new one comes
                stored = _with_what_is_not_finite(self._read_voxels(time), self.content, self.header, time)
                voxels = self.geometry.arranged(stored)
                self._decoded = _TimePoint(time, voxels, _notices_of_volume(voxels))
            return self._decoded

    def _read_voxels(self, time: int) -> Pixels:
        """Return one time point as (z, y, x), or (z, y, x, 3) where it has colour."""
        sizes, kind = self.information.sizes, self.kind
        with _file_of(self.header.mended, memoryview(self.content)[self.header.data_offset :], kind) as path:
            decoded = decode_apart(
                voxels_of,
                b"",
                limits=self._limits,
                max_result_bytes=math.prod(sizes[:3]) * self.information.components * BYTES_OF_VALUE,
                path=str(path),
                kind=kind,
                time=time,
            )
        if decoded.pixels is None or list(decoded.pixels.shape[:3]) != [*sizes, 1][2::-1]:
            raise damaged(f"The voxels of this {kind} file are not as many as its header says.")
        return decoded.pixels


# ── Series ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _series(source: Source, volume: _Volume, time: int, limits: Limits) -> Series:
    times = volume.information.times
    columns, rows, slices = volume.geometry.sizes
    has_position = volume.header.has_spacing and volume.header.has_orientation
    frames = []
    for index in range(slices):
        number = time * slices + index + 1
        uid = f"{source.digest}:{number}"
        position = volume.geometry.position(index) if has_position else None
        load = partial(volume.load, time, index, uid)
        frames.append(Frame(uid, load, (rows, columns), position=position, instance_number=number))
    return Series(
        uid=source.digest if times == 1 else f"{source.digest}-{time + 1}",
        title=_title(volume, time),
        frames=tuple(frames),
        facts=_facts(volume),
        notices=_notices_of_header(volume, limits),
        source=source.name,
    )


def _title(volume: _Volume, time: int) -> str:
    times = volume.information.times
    slices = volume.geometry.sizes[2]
    what = f"{volume.kind} volume" if slices > 1 else f"{volume.kind} picture"
    plane = f", {volume.geometry.plane}" if volume.header.has_orientation else ""
    count = f", {slices} slices" if slices > 1 else ""
    point = f", time point {time + 1} of {times}" if times > 1 else ""
    return what + plane + count + point


def _facts(volume: _Volume) -> tuple[Fact, ...]:
    times = volume.information.times
    columns, rows, slices = volume.geometry.sizes
    spacing = "not in the file"
    if volume.header.has_spacing:
        x, y, z = volume.geometry.spacing_mm
        spacing = f"{y:.4g} × {x:.4g} mm, slices every {z:.4g} mm"
    facts = [
        Fact("FileFormat", "File format", str(volume.kind)),
        Fact("Rows", "Rows", str(rows)),
        Fact("Columns", "Columns", str(columns)),
        Fact("NumberOfFrames", "Slices", str(slices)),
        Fact("PixelSpacing", "Spacing", spacing),
        Fact("PixelType", "Values", volume.information.pixel_type),
    ]
    if times > 1:
        facts.append(Fact("NumberOfTemporalPositions", "Time points", str(times)))
    return tuple(facts)


def _notices_of_header(volume: _Volume, limits: Limits) -> tuple[Notice, ...]:
    times = volume.information.times
    notices = []
    if not volume.header.has_orientation:
        message = "The file does not say how the volume lies in the patient: left and right are not certain."
        notices.append(Notice("orientation-unknown", message))
    if volume.header.is_sheared:
        message = "The axes of the volume are not at right angles; it is shown as if they were, slightly distorted."
        notices.append(Notice("sheared", message))
    if not volume.header.has_spacing:
        message = "The file gives no usable distance between pixels: lengths can be measured in pixels only."
        notices.append(Notice("uncalibrated", message))
    if times > limits.max_time_points:
        message = f"The file has {times} time points; the first {limits.max_time_points} are shown."
        notices.append(Notice("time-points-left-out", message))
    return tuple(notices)


def _notices_of_volume(voxels: Pixels) -> tuple[Notice, ...]:
    """Say where values look like Hounsfield units; nothing is concluded from it."""
    if voxels.ndim == 4:
        return ()
    low, high = (float(extreme.reduce(voxels, axis=None)) for extreme in (np.fmin, np.fmax))  # leaving NaN out
    sample = voxels[::7, ::7, ::7]
    is_whole = voxels.dtype.kind in "iu" or bool(np.all(sample[np.isfinite(sample)] % 1 == 0))
    if not (is_whole and -3072 <= low <= -500 and 200 <= high <= 4095):
        return ()
    message = (
        f"The file does not say its modality. Its values, {low:g} to {high:g}, look like CT in Hounsfield units; "
        "this is not certain."
    )
    return (Notice("modality-unknown", message),)


def _notices_of_pixels(pixels: Pixels) -> tuple[Notice, ...]:
    if pixels.dtype.kind != "f" or bool(np.isfinite(pixels).all()):
        return ()
    return (Notice("not-a-number", "Some values of this picture are not numbers (NaN or infinite)."),)


# ── Reading ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _place_for(size: int) -> Path | None:
    """Return a folder that lies in memory, so that no study touches the disk; None where there is none with room."""
    if MEMORY_FOLDER.is_dir() and shutil.disk_usage(MEMORY_FOLDER).free > 2 * size:
        return MEMORY_FOLDER
    return None


@contextmanager
def _file_of(start: bytes, rest: memoryview, kind: Kind) -> Iterator[Path]:
    """Give the bytes to SimpleITK, which reads only files: a private one of a neutral name, gone afterwards.

    It is made here and not by the worker, so that it goes also when that crashes.
    """
    with tempfile.TemporaryDirectory(prefix="volume-", dir=_place_for(len(start) + len(rest))) as folder:
        path = Path(folder) / f"volume{SUFFIXES[kind]}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(start)
            file.write(rest)
        yield path


def _read_information(content: bytes, kind: Kind, header: VolumeHeader, limits: Limits) -> Information:
    rest = memoryview(content)[header.data_offset : header.data_offset + 4096]
    with _file_of(header.mended, rest, kind) as path:
        decoded = decode_apart(information_of, b"", limits=limits, max_result_bytes=0, path=str(path), kind=kind)
    return Information(**decoded.facts)


def _stored_axes(information: Information) -> StoredAxes:
    """Return the first three axes; a picture of two is a volume of one slice."""
    dimensions = len(information.sizes)
    spatial = min(dimensions, 3)
    direction = np.eye(3)
    stated = np.reshape(information.direction, (dimensions, dimensions))
    direction[:spatial, :spatial] = stated[:spatial, :spatial]
    if not (np.isfinite([*information.direction, *information.origin]).all() and abs(np.linalg.det(direction)) > 1e-6):
        raise damaged("The directions of the volume's axes make no sense: they do not span a space.")
    return StoredAxes(
        sizes=np.array([*information.sizes[:spatial], *[1] * (3 - spatial)]),
        spacing_mm=np.array([*information.spacing[:spatial], *[1.0] * (3 - spatial)]),
        direction=direction,
        origin_mm=np.array([*information.origin[:spatial], *[0.0] * (3 - spatial)]),
    )


def _with_what_is_not_finite(voxels: Pixels, content: bytes, header: VolumeHeader, time: int) -> Pixels:
    """Return the voxels with NaN and infinity where a NIfTI file holds them: its library reads them as zero."""
    if header.floats is None or voxels.ndim == 4:
        return voxels
    offset = header.data_offset + time * voxels.size * header.floats.itemsize
    stored = np.frombuffer(content, header.floats, voxels.size, offset).reshape(voxels.shape)
    lost = ~np.isfinite(stored)
    if not lost.any():
        return voxels
    restored = voxels.copy()
    with np.errstate(invalid="ignore"):  # signalling NaN becomes a quiet one
        restored[lost] = stored[lost] * header.slope
    return restored


def _check_supported(information: Information) -> None:
    if not 2 <= len(information.sizes) <= 4:
        raise StudyError(
            f"The volume has {len(information.sizes)} dimensions; 2, 3 and 4 (time) are read.",
            hint="Save one part of it as a 3-D volume.",
            code="unsupported-dimensions",
        )
    is_colour = information.components in {3, 4} and information.pixel_type == "vector of 8-bit unsigned integer"
    if information.components != 1 and not is_colour:
        raise StudyError(
            f"Every voxel holds {information.components} values ({information.pixel_type}); "
            "one value, or a colour of 8 bits, is read.",
            hint="Save one component of it as a volume of its own.",
            code="unsupported-pixel-type",
        )


def _check_sizes(geometry: Geometry, limits: Limits) -> None:
    columns, rows, slices = geometry.sizes
    if min(rows, columns) < limits.min_side:
        raise StudyError(
            f"The slices have {rows} × {columns} pixels; at least {limits.min_side} × {limits.min_side} are needed.",
            code="image-too-small",
        )
    if rows * columns > limits.max_pixels_per_frame or slices > limits.max_frames:
        raise StudyError(
            f"The volume has {slices} slices of {rows} × {columns} pixels; up to {limits.max_frames} slices of "
            f"{limits.max_pixels_per_frame / 1e6:g} million pixels are accepted.",
            hint="Crop it.",
            code="image-too-large",
        )

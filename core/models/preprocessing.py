"""From an image to what a network was trained on. Training, the browser and the command line all use `to_tensor`.

    pixels → crop → size → luminance → 0–1 → polarity → enhancement → canvas → mean and std

The picture is brought to the network's size before anything else is done to it, except where a fixed window clips its
values: to clip and then to average is not the same as the other way round. Early resizing costs a tenth of the time
for a radiograph of 2048², and makes the percentiles those of the picture that the network sees: the same film at 224²
and at 2048² then gives nearly the same input.

The steps of `InputSpec.enhance`, too, work on the picture at the network's size, and so cost the same for every image.

All arithmetic runs on one thread: torch would share out these small arrays among threads, which takes many times as
long when the processor is busy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from core.domain import Extent, Image, InputSpec
from core.errors import UnsuitableInputError
from core.models.enhancement import enhance
from core.windowing import LUMINANCE, apply_window

Planes = NDArray[np.float32]
"""(1 or 3, rows, columns)."""

MIN_SIDE_PX = 16
"""Smaller pictures show nothing that a model for whole images could judge."""

_BAND = 32
"""Rows of boxes that are averaged at a time."""

_FLAT = 1e-5
"""Relative spread below which values differ by rounding only."""


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """An image at the network's size, before normalisation: what augmentation works on.

    Attributes
    ----------
    values : ndarray of float32, (1 or 3, rows, columns)
        0 to 1, where 0 is black as MONOCHROME2 has it; the bars that fill the canvas are 0.
    extent : Extent
        The part of the image's grid that `values` covers; reaches over the image's edge where there are bars.
    """

    values: Planes
    extent: Extent


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What a network is given.

    Attributes
    ----------
    tensor : Tensor of float32, (channels, rows, columns)
    extent : Extent
        The part of the image's grid that `tensor` covers; reaches over the image's edge where there are bars.
    """

    tensor: Tensor
    extent: Extent


def to_tensor(image: Image, spec: InputSpec) -> Prepared:
    """Prepare an image for a network.

    A MONOCHROME1 image gives what its MONOCHROME2 twin gives: networks always see the same polarity.

    Raises
    ------
    UnsuitableInputError
        The image is too small, holds values that are not numbers, has no contrast, or cannot be scaled or enhanced in
        the way that the model asks for.
    """
    unit = to_unit(image, spec)
    return Prepared(torch.from_numpy(normalise(unit.values, spec)), unit.extent)


def to_unit(image: Image, spec: InputSpec) -> Unit:
    """Do all of `to_tensor` except the normalisation by mean and standard deviation.

    Raises
    ------
    UnsuitableInputError
        As `to_tensor`.
    """
    _require_size(image)
    _require_numbers(image)
    image, corner = _cropped(image, spec)
    planes, inside = _scaled(image, spec, _content_size(image.shape, spec))
    if image.photometric_interpretation == "MONOCHROME1":
        planes = 1 - planes
    if inside is not None:
        planes = planes * inside
    if spec.enhance:
        planes = _enhanced(planes, inside, spec)
    return _on_canvas(planes, image.shape, spec.size, corner)


def normalise(values: Planes, spec: InputSpec) -> Planes:
    """Repeat gray to the network's channels, subtract the mean and divide by the standard deviation.

    `values` is (1 or 3, rows, columns), or a batch (N, 1 or 3, rows, columns), in 0–1.
    """
    mean, std = (np.reshape(np.array(numbers, dtype=np.float32), (-1, 1, 1)) for numbers in (spec.mean, spec.std))
    normalised: Planes = (values - mean) / std
    return normalised


def _require_size(image: Image) -> None:
    rows, columns = image.shape
    if min(rows, columns) < MIN_SIDE_PX:
        raise UnsuitableInputError(
            f"The image has {rows} × {columns} pixels; models need at least {MIN_SIDE_PX} × {MIN_SIDE_PX}.",
            hint="Give the original image, not a thumbnail.",
            code="too-small",
        )


def _require_numbers(image: Image) -> None:
    pixels = image.pixels
    if pixels.dtype.kind != "f":
        return
    broken = pixels.size - int(np.count_nonzero(np.isfinite(pixels)))
    if broken:
        raise UnsuitableInputError(
            f"{broken} of {pixels.size} pixels are not numbers (NaN or infinite), so no model can judge the image.",
            hint="Export the image again from the program that computed it.",
            code="not-finite",
        )


def _no_contrast(reason: str) -> UnsuitableInputError:
    return UnsuitableInputError(
        f"The image has no contrast: {reason}.",
        hint="Check that the right image was exported.",
        code="no-contrast",
    )


# ── Size ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _cropped(image: Image, spec: InputSpec) -> tuple[Image, tuple[int, int]]:
    """Return what the network sees of the image, and the row and column at which that begins."""
    if spec.resize != "crop":
        return image, (0, 0)
    factor = max(side / own for side, own in zip(spec.size, image.shape, strict=True))
    rows, columns = (min(own, round(side / factor)) for side, own in zip(spec.size, image.shape, strict=True))
    top, left = image.shape[0] // 2 - rows // 2, image.shape[1] // 2 - columns // 2
    return replace(image, pixels=image.pixels[top : top + rows, left : left + columns]), (top, left)


def _content_size(shape: tuple[int, int], spec: InputSpec) -> tuple[int, int]:
    """Return rows and columns of the network's input that the picture itself takes."""
    if spec.resize != "pad":
        return spec.size
    factor = min(side / own for side, own in zip(spec.size, shape, strict=True))
    rows, columns = (max(1, round(own * factor)) for own in shape)
    return rows, columns


def _resized(plane: NDArray[Any], size: tuple[int, int], *, exact: bool = False) -> NDArray[np.float32]:
    """Resize (rows, columns) with a triangle filter that widens with the reduction, so that nothing aliases.

    Unless `exact`, a reduction by more than 4 begins with averages over whole boxes of pixels, as Pillow's
    `reducing_gap=2` has it: a fifth of the time for a radiograph of 2048².
    """
    if plane.shape == size:
        return np.ascontiguousarray(plane, dtype=np.float32)
    rows, columns = plane.shape
    down, across = (1, 1) if exact else (max(1, rows // (2 * size[0])), max(1, columns // (2 * size[1])))
    averages = _box_averages(plane, down, across)
    box = (0.0, 0.0, columns / across, rows / down)
    return np.asarray(Pillow.fromarray(averages).resize(size[::-1], Pillow.Resampling.BILINEAR, box=box))


def _box_averages(plane: NDArray[Any], down: int, across: int) -> NDArray[np.float32]:
    """Average boxes of `down` × `across` pixels; those at the lower and right edge may be smaller.

    Band by band, so that what is added up stays in the processor's cache.
    """
    if (down, across) == (1, 1):
        return np.ascontiguousarray(plane, dtype=np.float32)
    rows, columns = (-(-side // step) for side, step in zip(plane.shape, (down, across), strict=True))
    in_row, in_column = np.full(columns, across, np.float32), np.full((rows, 1), down, np.float32)
    in_row[-1] -= columns * across - plane.shape[1]
    in_column[-1] -= rows * down - plane.shape[0]
    averages = np.empty((rows, columns), np.float32)
    for start in range(0, rows, _BAND):
        band = slice(start, start + _BAND)
        lines = _sums_of_lines(plane[start * down : (start + _BAND) * down], down)
        averages[band] = _sums_of_lines(lines.T, across).T / (in_row * in_column[band])
    return averages


def _sums_of_lines(lines: NDArray[Any], count: int) -> NDArray[np.float32]:
    """Add up each `count` lines; there may be fewer for the last sum."""
    sums = lines[::count].astype(np.float32)
    for number in range(1, count):
        more = lines[number::count]
        sums[: len(more)] += more
    return sums


def _on_canvas(planes: Planes, shape: tuple[int, int], size: tuple[int, int], corner: tuple[int, int]) -> Unit:
    """Centre the picture on the network's input, black around it; `corner` is where it begins in the image."""
    rows, columns = planes.shape[1:]
    top, left = (size[0] - rows) // 2, (size[1] - columns) // 2
    canvas = np.zeros((len(planes), *size), dtype=np.float32)
    canvas[:, top : top + rows, left : left + columns] = planes
    row_px, column_px = shape[0] / rows, shape[1] / columns
    extent = Extent(
        top=corner[0] - top * row_px,
        left=corner[1] - left * column_px,
        bottom=corner[0] + (size[0] - top) * row_px,
        right=corner[1] + (size[1] - left) * column_px,
    )
    return Unit(canvas, extent)


# ── Values ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _scaled(image: Image, spec: InputSpec, size: tuple[int, int]) -> tuple[Planes, Planes | None]:
    """Return the picture at `size` in 0–1, in its own polarity, and how much of each pixel is no padding."""
    pixels = _through_window(image, spec) if spec.intensity_range == "window" else image.pixels
    # Models that crop were trained elsewhere; at sharp edges the averages would show them other values than there.
    planes, inside = _reduced(pixels, _valid(image), size, exact=spec.resize == "crop")
    if image.is_colour and not (spec.colour and spec.channels == 3):
        planes = _luminance(planes)
    if spec.intensity_range == "percentile":
        planes = _between_percentiles(planes, inside, _percentiles(image, spec))
    if spec.intensity_range == "full":
        planes = planes / _white(image)
    planes = planes.clip(0, 1)
    _require_contrast(planes, inside)
    return planes, inside


def _reduced(
    pixels: NDArray[Any], valid: NDArray[np.bool_] | None, size: tuple[int, int], *, exact: bool
) -> tuple[Planes, Planes | None]:
    """Bring pixels to `size`; those of padding do not bleed into their neighbours."""
    planes = _as_planes(pixels)
    if valid is None:
        return np.stack([_resized(plane, size, exact=exact) for plane in planes]), None
    inside = _resized(valid.astype(np.float32), size, exact=exact)[None]
    kept = _resized(np.where(valid, planes[0], np.float32(0)), size, exact=exact)[None]
    return np.divide(kept, inside, out=np.zeros_like(kept), where=inside > 1e-6), inside


def _as_planes(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)


def _valid(image: Image) -> NDArray[np.bool_] | None:
    """Return where the image is, None where all of it is."""
    if image.padding is None or image.is_colour:
        return None
    low, high = image.padding
    valid: NDArray[np.bool_] = (image.pixels < low) | (image.pixels > high)
    if not valid.any():
        raise _no_contrast("all of it is padding")
    return None if valid.all() else valid


def _luminance(planes: Planes) -> Planes:
    return np.tensordot(np.array(LUMINANCE, dtype=np.float32), planes, axes=1)[None]


def _through_window(image: Image, spec: InputSpec) -> NDArray[np.float32]:
    if image.is_colour:
        raise UnsuitableInputError(
            "The image is in colour; this model reads measured values through a fixed window.",
            hint="Give the original series instead of a picture of it.",
            code="colour-has-no-window",
        )
    if spec.window is None:
        raise ValueError('intensity_range "window" needs a window')
    return apply_window(image.pixels, spec.window)


def _percentiles(image: Image, spec: InputSpec) -> tuple[float, float]:
    """Return the percentiles in the polarity of the stored pixels."""
    low, high = spec.percentiles
    return (100 - high, 100 - low) if image.photometric_interpretation == "MONOCHROME1" else (low, high)


def _between_percentiles(planes: Planes, inside: Planes | None, percentiles: tuple[float, float]) -> Planes:
    """Map the percentiles of the picture, padding left out, to 0 and 1; those of a colour picture's luminance."""
    gray = _luminance(planes) if len(planes) == 3 else planes
    values = gray if inside is None else gray[inside > 0.5]
    if not values.size:
        raise _no_contrast("nearly all of it is padding")
    low, high = (float(value) for value in np.percentile(values, percentiles))
    if high - low <= _FLAT * max(abs(low), abs(high)):
        raise _no_contrast("nearly all of its pixels have the same value")
    scaled: Planes = (planes - np.float32(low)) / np.float32(high - low)
    return scaled


def _enhanced(planes: Planes, inside: Planes | None, spec: InputSpec) -> Planes:
    """Apply the steps of the model to a gray picture; padding stays black."""
    mask = None if inside is None else inside[0] > 0.5
    enhanced = enhance(planes[0], spec.enhance, inside=mask)[None]
    if inside is not None:
        enhanced = enhanced * inside
    _require_contrast(enhanced, inside)
    return enhanced


def _white(image: Image) -> float:
    """Return the largest value that the stored bits can hold; where not known, the fewest even bits that suffice."""
    pixels = image.pixels
    if image.stored_range is not None and image.stored_range[0] == 0:
        return image.stored_range[1]
    if pixels.dtype == np.bool_:
        return 1.0
    if pixels.dtype == np.uint8:
        return 255.0
    if pixels.min() < 0 or pixels.dtype.kind == "f":
        raise UnsuitableInputError(
            "The image holds negative or fractional values; this model is for stored values of 8 to 16 bits.",
            hint="Choose a model for images with measured values.",
            code="no-stored-range",
        )
    bits = max(8, int(pixels.max()).bit_length())
    return float(2 ** (bits + bits % 2) - 1)


def _require_contrast(planes: Planes, inside: Planes | None) -> None:
    shown = planes if inside is None else planes[inside > 0.5]
    if not shown.size or float(shown.max() - shown.min()) <= _FLAT:
        raise _no_contrast("all of it is equally bright in the range that the model reads")

"""Heat in colour: on a scale that the caller sets, over an image or on its own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from core.domain import Explanation
from core.overlay.picture import Colour, Picture, as_rgb

Limits = tuple[float, float]
"""The values shown in the first and the last colour of a map."""
ColourMap = Literal["inferno", "magma", "viridis"]
"""Perceptually uniform maps: equal steps of value look like equal steps."""

CONTOUR_COLOUR: Colour = (0, 229, 255)
"""Cyan: in none of the warm maps, and not a gray."""


GRAPHICS_COLOUR: Colour = (126, 255, 142)
"""Light green: apart from heat, its contour and measures."""


def limits_for(explanations: Iterable[Explanation], *, at_least: float = 0.0) -> Limits:
    """Return colour limits from 0 to the strongest positive evidence in any of the heatmaps.

    Heatmaps of one unit that are shown with the same limits can be compared. Without positive evidence the limits are
    (0, 1), on which nothing is coloured.

    Parameters
    ----------
    explanations : iterable of Explanation
    at_least : float
        The upper limit is not below this, so that weak evidence looks weak.
    """
    peaks = (float(np.nanmax(each.heatmap, initial=0.0)) for each in explanations)
    strongest = max(max(peaks, default=0.0), at_least)
    return 0.0, strongest if strongest > 0.0 else 1.0


def colour_map(values: NDArray[np.floating[Any]], *, name: ColourMap = "inferno", limits: Limits) -> Picture:
    """Turn values into colours; beyond the limits the end colours go on, and NaN is black.

    Parameters
    ----------
    values : ndarray of float
        Any shape.
    name : {"inferno", "magma", "viridis"}
    limits : (low, high)

    Returns
    -------
    ndarray of uint8
        Shape of `values` plus a last axis of red, green, blue.

    Raises
    ------
    ValueError
        Limits are not finite and rising.
    """
    colours = _painted(_shades(values, limits), name)
    colours[np.isnan(values)] = 0
    return colours


def lay_graphics(rendered: Picture, graphics: NDArray[np.bool_]) -> Picture:
    """Draw an image's own graphics (`Image.graphics`) over it.

    Parameters
    ----------
    rendered : ndarray of uint8
        (rows, columns) or (rows, columns, 3).
    graphics : ndarray of bool, (rows, columns)

    Returns
    -------
    ndarray of uint8, (rows, columns, 3)
    """
    picture = as_rgb(rendered).copy()
    picture[graphics] = GRAPHICS_COLOUR
    return picture


def overlay(
    rendered: Picture,
    heat: NDArray[np.float32],
    *,
    opacity: float,
    limits: Limits,
    threshold: float = 0.0,
    contour_level: float | None = None,
    name: ColourMap = "inferno",
) -> Picture:
    """Lay a heatmap over an image.

    Parameters
    ----------
    rendered : ndarray of uint8
        (rows, columns) or (rows, columns, 3): the image as shown.
    heat : ndarray of float32, (rows, columns)
        On the same grid, see `heatmap_on_grid`.
    opacity : float
        0 to 1: how much of the image the strongest evidence hides. Weaker evidence hides less, in proportion to
        its place between the limits.
    limits : (low, high)
        The values of the first and the last colour.
    threshold : float
        Only values above it are coloured; where there are none the image is returned as it is.
    contour_level : float, optional
        Draw a line around everything that reaches this value.
    name : {"inferno", "magma", "viridis"}

    Returns
    -------
    ndarray of uint8, (rows, columns, 3)

    Raises
    ------
    ValueError
        The grids differ, or the limits are not finite and rising.
    """
    if rendered.shape[:2] != heat.shape:
        raise ValueError(f"image of {rendered.shape[:2]} and heatmap of {heat.shape} are not on the same grid")
    picture = as_rgb(rendered)
    shown = heat > threshold
    if shown.any():
        shade = _shades(heat, limits)
        alpha = np.where(shown, (shade * np.float32(opacity) + np.float32(0.5)).astype(np.uint8), np.uint8(0))
        picture = _blended(picture, _painted(shade, name), alpha)
    if contour_level is not None:
        picture = picture.copy()
        picture[_outline(heat >= contour_level)] = CONTOUR_COLOUR
    return picture


def _blended(below: Picture, above: Picture, alpha: Picture) -> Picture:
    # Pillow composes a megapixel in 2 ms; the same in NumPy takes 25.
    return np.array(Pillow.composite(*(Pillow.fromarray(each) for each in (above, below, alpha))))


def _outline(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the rim of an area, from the inside; some thousandth of the picture wide, at least one pixel."""
    core = inside
    for _ in range(max(1, round(max(inside.shape) / 512))):
        padded = np.pad(core, 1, mode="edge")
        core = core & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~core


def _shades(values: NDArray[np.floating[Any]], limits: Limits) -> Picture:
    """Return the place of each value between the limits, in 256 steps; 0 for NaN."""
    low, high = limits
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"colour limits must be finite and rising, got {low:g} to {high:g}")
    place = np.array(values, np.float32)
    place -= low
    place *= 255.0 / (high - low)
    place += 0.5
    np.nan_to_num(place, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
    shades: Picture = np.clip(place, 0.0, 255.0, out=place).astype(np.uint8)
    return shades


def _painted(shades: Picture, name: ColourMap) -> Picture:
    """Return the colours of shades, on a last axis."""
    sheet = Pillow.fromarray(shades.reshape(1, -1))
    sheet.putpalette(_colour_table(name))
    return np.array(sheet.convert("RGB")).reshape(*shades.shape, 3)


@lru_cache
def _colour_table(name: ColourMap) -> bytes:
    from matplotlib import colormaps  # takes a third of a second, so not before a heatmap is shown

    return bytes(colormaps[name](np.arange(256), bytes=True)[:, :3].tobytes())

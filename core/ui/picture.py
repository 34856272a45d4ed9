"""From an image to what the browser shows of it: window, region, heatmap, data URL.

Pictures travel inside the page, as data URLs: so they have no address of their own that somebody else could ask for,
and no browser keeps them in a cache on disk.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from core.domain import Explanation, Extent, Image, Voi
from core.overlay import (
    Picture,
    crop_and_scale,
    encode_png,
    heatmap_on_grid,
    lay_graphics,
    limits_for,
    overlay,
    zoomed_region,
)
from core.windowing import render

MAX_SIDE = 1024
MIN_SIDE = 640
"""Small pictures and strong magnifications are enlarged here, so that heatmap and contour are not coarse as well."""
THUMBNAIL_SIDE = 96
WEAKEST_FULL_SCALE = {"CAM": 1.0}
"""The colours of a method reach at least this far, in its unit. A raw score that is higher by one has odds higher by a
factor of 2.7: less than that is weak evidence and shall look weak."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A picture on the grid of the screen, and the region of the image that it covers."""

    picture: Picture
    region: Extent


def show(
    image: Image,
    voi: Voi,
    *,
    invert: bool,
    zoom: float = 1.0,
    centre: tuple[float, float] = (0.5, 0.5),
    with_graphics: bool = True,
) -> Shown:
    """Window an image and bring the part that is looked at to the size of the screen.

    Parameters
    ----------
    image : Image
    voi : Voi
    invert : bool
    zoom : float
        At least 1.
    centre : (down, across)
        What lies in the middle of the picture, as fractions of the image.
    with_graphics : bool
        Draw the file's own graphics over it, where it has any.
    """
    rows, columns = image.shape
    region = zoomed_region(image.shape, zoom=zoom, centre=(centre[0] * rows, centre[1] * columns))
    longer = max(region.bottom - region.top, region.right - region.left)
    side = int(min(max(longer, MIN_SIDE), MAX_SIDE))
    windowed = render(image, voi, invert=invert)
    if with_graphics and image.graphics is not None:
        windowed = lay_graphics(windowed, image.graphics)
    return Shown(crop_and_scale(windowed, region=region, max_side=side, enlarge=True, spacing=image.spacing), region)


def lay_heat(shown: Shown, explanation: Explanation, *, opacity: float, contour_level: float | None = None) -> Picture:
    """Lay a heatmap over a picture, with a contour at a level where one is given."""
    heat = heatmap_on_grid(explanation, shown.picture.shape[:2], region=shown.region)
    limits = colour_limits(explanation)
    return overlay(shown.picture, heat, opacity=opacity, limits=limits, contour_level=contour_level)


def colour_limits(explanation: Explanation) -> tuple[float, float]:
    """Return the values of the first and the last colour."""
    return limits_for((explanation,), at_least=WEAKEST_FULL_SCALE.get(explanation.method, 0.0))


def half_of_strongest(explanation: Explanation) -> float:
    """Return the value around which the contour is drawn where the reader has not chosen one."""
    return float(np.nanmax(explanation.heatmap)) / 2


def thumbnail(image: Image, voi: Voi) -> Picture:
    """Return a small picture of an image."""
    return crop_and_scale(render(image, voi), max_side=THUMBNAIL_SIDE, spacing=image.spacing)


def png_url(picture: Picture) -> str:
    """Return a picture without loss: what is read from."""
    return _data_url("image/png", encode_png(picture))


def jpeg_url(picture: Picture) -> str:
    """Return a colour overlay nearly without loss, in a tenth of the time that PNG takes."""
    stream = io.BytesIO()
    Pillow.fromarray(picture).save(stream, "JPEG", quality=95, subsampling=0)
    return _data_url("image/jpeg", stream.getvalue())


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"

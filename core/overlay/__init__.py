"""Heatmaps over images, on one grid and on an absolute scale, and the pictures made of them.

The image's own coordinates are those of `Extent`: continuous, (0, 0) at the outer corner of the top left pixel, so
that pixel (i, j) has its centre at (i + 0.5, j + 0.5). A heatmap's cells divide its extent evenly, and their values
belong to their centres. A view shows a *region* of the image on a grid of its own; the heatmap is interpolated straight
onto that grid, never onto the full matrix of a radiograph first:

    shown = crop_and_scale(render(image, voi), region=region, max_side=1024)
    heat = heatmap_on_grid(explanation, shown.shape[:2], region=region or whole_image(image.shape))
    picture = encode_png(overlay(shown, heat, opacity=0.6, limits=limits_for(explanations)))

Nothing here stretches a heatmap: whoever shows one passes the `limits` of the colours, and shows them on a bar.
"""

from core.overlay.bar import colour_bar, ticks
from core.overlay.colour import (
    CONTOUR_COLOUR,
    GRAPHICS_COLOUR,
    ColourMap,
    Limits,
    colour_map,
    lay_graphics,
    limits_for,
    overlay,
)
from core.overlay.grid import crop_and_scale, heatmap_on_grid, whole_image, zoomed_region
from core.overlay.picture import Colour, Picture, as_rgb, encode_png, label_font, side_by_side

__all__ = [
    "CONTOUR_COLOUR",
    "GRAPHICS_COLOUR",
    "Colour",
    "ColourMap",
    "Limits",
    "Picture",
    "as_rgb",
    "colour_bar",
    "colour_map",
    "crop_and_scale",
    "encode_png",
    "heatmap_on_grid",
    "label_font",
    "lay_graphics",
    "limits_for",
    "overlay",
    "side_by_side",
    "ticks",
    "whole_image",
    "zoomed_region",
]

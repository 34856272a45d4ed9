"""The pictures as HTML: each in a box of fixed size, with what belongs to it written in its corners and under it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from core.domain import Image, Intensity
from core.overlay import colour_map
from core.reports.wording import NOT_FOR_DIAGNOSIS, number_in_words
from core.ui.heat import Heat
from core.ui.picture import colour_limits

_STOPS = 12
_UNITS = {Intensity.OTHER: "stored values", Intensity.GRAY: "gray values", Intensity.RGB: "colour"}
"""What the pixels are, where the name of the kind says little."""


@dataclass(frozen=True, slots=True)
class Corners:
    """What is written into the corners of a picture; plain text. The title of a synthetic series says what it is."""

    series: str
    place: str
    window: str
    is_synthetic: bool = False


def figure_html(url: str, corners: Corners, *, alt: str, caption: str) -> str:
    """Return a picture in its box.

    Parameters
    ----------
    url : str
        A data URL.
    corners : Corners
    alt : str
        What it shows, for those who cannot see it.
    caption : str
        HTML of the line under the picture.
    """
    emphasis = " lb-synthetic" if corners.is_synthetic else ""
    # Decoding in step with the page keeps the old picture until the new one is ready: no flicker.
    return (
        '<figure class="lb-figure"><div class="lb-box">'
        f'<img decoding="sync" src="{url}" alt="{escape(alt)}">'
        f'<span class="lb-corner lb-top lb-left{emphasis}">{escape(corners.series)}</span>'
        f'<span class="lb-corner lb-top lb-right">{escape(corners.place)}</span>'
        f'<span class="lb-corner lb-bottom lb-left">{escape(corners.window)}</span>'
        f'<span class="lb-corner lb-bottom lb-right">{NOT_FOR_DIAGNOSIS}</span>'
        f'</div><figcaption class="lb-caption">{caption}</figcaption></figure>'
    )


def note_box_html(words: str) -> str:
    """Return the box of a picture with words in place of the picture."""
    return (
        f'<figure class="lb-figure"><div class="lb-box lb-empty"><p>{escape(words)}</p></div>'
        '<figcaption class="lb-caption"></figcaption></figure>'
    )


def plain_caption_html(image: Image) -> str:
    """Say what the numbers of an image are: matrix, unit, distance of its pixels."""
    rows, columns = image.shape
    words = [f"{columns} × {rows}", _UNITS.get(image.intensity, str(image.intensity))]
    if image.spacing is None:
        words.append("uncalibrated: the distance of its pixels is unknown")
    else:
        words.append(f"{image.spacing.row_mm:.3g} × {image.spacing.column_mm:.3g} mm")
    return f"<span>{escape(' · '.join(words))}</span>"


def heat_caption_html(heat: Heat) -> str:
    """Return the bar that says which colour is which value in the heatmap's own unit, or why there is none."""
    if heat.explanation is None:
        return f"<span>{escape(heat.words)}</span>"
    limits, unit = colour_limits(heat.explanation), heat.explanation.unit
    colours = colour_map(np.linspace(*limits, _STOPS), limits=limits)
    gradient = ", ".join(f"rgb({red} {green} {blue})" for red, green, blue in colours)
    low, high = number_in_words(limits[0]), number_in_words(limits[1])
    peak = number_in_words(float(np.nanmax(heat.explanation.heatmap)))
    spoken = f"Colours run from {low} to {high} {unit}; the strongest evidence is {peak}"
    # The first part names the unit; the rest explains it to whoever points at it.
    short = unit.partition(":")[0].partition(",")[0]
    return (
        f'<span class="lb-colour-bar" role="img" aria-label="{escape(spoken)}">{low}'
        f'<i style="background:linear-gradient(to right, {gradient})"></i>{high}</span>'
        f'<span class="lb-unit" title="{escape(unit)}">{escape(f"{heat.explanation.method}, {short}")}</span>'
    )

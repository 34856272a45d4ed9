"""The bar that says which colour is which value."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from core.overlay.colour import ColourMap, Limits, colour_map
from core.overlay.picture import Colour, Picture, label_font


def colour_bar(
    limits: Limits,
    *,
    name: ColourMap = "inferno",
    unit: str = "",
    height: int = 512,
    ink: Colour = (222, 222, 222),
    ground: Colour = (0, 0, 0),
) -> Picture:
    """Draw the upright bar that says which colour is which value.

    Parameters
    ----------
    limits : (low, high)
        As passed to `overlay`; both are written at the ends.
    unit : str
        What the values mean, written along the bar.
    height : int
        Of the picture, in pixels; text and width follow from it.
    ink, ground : (red, green, blue)
        Of text and background.

    Returns
    -------
    ndarray of uint8, (height, width, 3)
    """
    size = max(11, height // 36)
    font, bar_width, margin = label_font(size), round(1.4 * size), size
    marks = ticks(limits)
    label_width = max(int(font.getlength(text)) for _, text in marks)
    sheet = Pillow.new("RGB", (bar_width + label_width + (3 * size if unit else size), height), ground)
    draw = ImageDraw.Draw(sheet)
    length = height - 2 * margin
    shades = colour_map(np.linspace(limits[1], limits[0], length)[:, None], name=name, limits=limits)
    sheet.paste(Pillow.fromarray(shades).resize((bar_width, length)), (0, margin))
    for value, text in marks:
        y = margin + (limits[1] - value) / (limits[1] - limits[0]) * (length - 1)
        draw.line([(bar_width, y), (bar_width + size // 3, y)], fill=ink)
        draw.text((bar_width + size // 2, y), text, fill=ink, font=font, anchor="lm")
    if unit:
        sheet.paste(_upright_text(unit, font, ink=ink, ground=ground, height=height), (sheet.width - 2 * size, 0))
    return np.array(sheet)


def ticks(limits: Limits) -> list[tuple[float, str]]:
    """Return round values between the limits, and the limits themselves, with their text."""
    low, high = limits
    step = _round_step((high - low) / 5)
    between = [number * step for number in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
    kept = [value for value in between if min(value - low, high - value) > step / 2]
    return [(value, f"{value:.3g}".replace("-", "−")) for value in (low, *kept, high)]


def _round_step(step: float) -> float:
    """Return 1, 2 or 5 times a power of ten: the smallest that is not below `step`."""
    power = 10.0 ** np.floor(np.log10(step))
    return float(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step))


def _upright_text(text: str, font: ImageFont.FreeTypeFont, *, ink: Colour, ground: Colour, height: int) -> Pillow.Image:
    """Draw text that reads upwards, smaller where it would be longer than the bar is high."""
    fitting = label_font(max(1, int(font.size * min(1.0, 0.96 * height / font.getlength(text)))))
    strip = Pillow.new("RGB", (height, round(1.6 * font.size)), ground)
    ImageDraw.Draw(strip).text((height / 2, strip.height / 2), text, fill=ink, font=fitting, anchor="mm")
    return strip.transpose(Pillow.Transpose.ROTATE_90)

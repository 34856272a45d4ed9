"""From pixel values to shades of gray: VOI LUT or window, then polarity.

    Image.pixels (after the modality LUT) → apply_voi_lut or apply_window → MONOCHROME1 inversion → 8-bit gray

This is the one place that inverts MONOCHROME1 for display. Every step is a function of the pixel *value* alone, so an
integer image goes through a table over the values it spans, and any other in blocks of rows that fit the cache.

Values that mean "no image here" (pixel padding, not-a-number) are black whatever the polarity: PS3.3 C.7.5.1.1.2 asks
for a padding value that shows as background, at the low end of MONOCHROME2 and at the high end of MONOCHROME1, and a
surround that turns white when the picture is inverted would blind the reader.

References
----------
DICOM PS3.3 C.11.2 VOI LUT Module; C.7.6.3.1.2 Photometric Interpretation; C.7.5.1.1.2 Pixel Padding Value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain import Image, Pixels, Voi, VoiFunction, VoiLut, WindowLevel

Floats = NDArray[np.floating[Any]]

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the luminance of YBR_FULL, PS3.3 C.7.6.3.1.2 (ITU-R BT.601)."""

_BLOCK_PIXELS = 1 << 16
"""Pixels worked on at a time: in double precision they fit the second-level cache."""
_TABLE_ENTRIES = 1 << 18
"""Integer images that span fewer values than this are rendered through a table."""
_SAMPLED_PIXELS = 1 << 18
"""Percentiles are taken from about this many pixels, evenly spread."""


# ── Rendering ─────────────────────────────────────────────────────────────────────────────────────────────────────


def render(image: Image, voi: Voi | None = None, *, invert: bool = False) -> NDArray[np.uint8]:
    """Show an image as it is meant to be seen.

    Parameters
    ----------
    image : Image
        Not-a-number and padding become black; infinities saturate.
    voi : WindowLevel or VoiLut, optional
        Which values to spread from black to white; `default_voi` when left out. Colour has no window.
    invert : bool
        Exchange black and white on top of what the photometric interpretation asks for.

    Returns
    -------
    ndarray of uint8
        (rows, columns), 0 black to 255 white; or (rows, columns, 3) for colour, whose pixels are returned as they are.
        A fraction `y` of white is rounded as ``floor(255 * y + 0.5)``.

    Raises
    ------
    ValueError
        The window or table breaks the rules of its type; see `is_usable`.
    """
    if image.is_colour:
        colours: NDArray[np.uint8] = image.pixels
        return 255 - colours if invert else colours
    voi = voi if voi is not None else default_voi(image)
    darkens = (image.photometric_interpretation == "MONOCHROME1") != invert
    spread = _voi_function(voi)

    def shade(values: Pixels) -> NDArray[np.uint8]:
        hidden = _is_hidden(values, image.padding)
        fraction = spread(values)
        fraction[hidden] = 0.0
        gray: NDArray[np.uint8] = np.floor(fraction * 255.0 + 0.5).astype(np.uint8)
        if darkens:
            np.invert(gray, out=gray)
        gray[hidden] = 0
        return gray

    return _map_values(image.pixels, shade, np.uint8)


def apply_window(pixels: Pixels, window: WindowLevel) -> NDArray[np.float32]:
    """Spread the values of a window over 0 (black) to 1 (white), clipping at both ends.

    Parameters
    ----------
    pixels : ndarray of any real dtype
        Not-a-number stays; infinities saturate.
    window : WindowLevel
        In the units of `pixels`.

    Returns
    -------
    ndarray of float32
        Same shape, 0 to 1. Before the inversion of MONOCHROME1.

    Raises
    ------
    ValueError
        Center or width is not finite, or the width is below 1 (LINEAR) or not above 0 (LINEAR_EXACT, SIGMOID).

    References
    ----------
    DICOM PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.1 (SIGMOID), C.11.2.1.3.2 (LINEAR_EXACT).
    """
    return _map_values(pixels, _voi_function(window), np.float32)


def apply_voi_lut(pixels: Pixels, lut: VoiLut) -> NDArray[np.float32]:
    """Look values up in a VOI LUT, as a fraction of the white that its bits allow.

    Values before the table take its first entry, values behind it the last one, and values between two entries (an
    image whose rescale slope is not a whole number) the nearer one. Parameters and result are as in `apply_window`.

    Raises
    ------
    ValueError
        The table is empty, or its entries have fewer than 1 or more than 16 bits.

    References
    ----------
    DICOM PS3.3 C.11.2.1.1 LUT Descriptor.
    """
    return _map_values(pixels, _voi_function(lut), np.float32)


def is_usable(voi: Voi) -> bool:
    """Whether a window or table from a file obeys the rules of its type, so that it can be applied."""
    if isinstance(voi, VoiLut):
        return voi.values.size > 0 and 1 <= voi.bits <= 16
    if not (np.isfinite(voi.center) and np.isfinite(voi.width)):
        return False
    return voi.width >= 1 if voi.function is VoiFunction.LINEAR else voi.width > 0


def _voi_function(voi: Voi) -> Callable[[Pixels], Floats]:
    """Return the function from values to a new array of 0 to 1 in double precision."""
    if not is_usable(voi):
        raise ValueError(f"{_described(voi)} cannot be applied")
    if isinstance(voi, VoiLut):
        return lambda values: _looked_up(values, voi)
    shape = _WINDOW_FUNCTIONS[voi.function]

    def spread(values: Pixels) -> Floats:
        # Huge values overflow to infinity, which saturates like any other; signalling NaN of damaged files turns quiet.
        with np.errstate(over="ignore", invalid="ignore"):
            return shape(values.astype(np.float64), float(voi.center), float(voi.width))

    return spread


def _linear(x: Floats, center: float, width: float) -> Floats:
    """C.11.2.1.2.1: y = (x − (c − 0.5)) / (w − 1) + 0.5; a step where the width is 1."""
    if width == 1.0:
        return np.where(np.isnan(x), np.nan, (x > center - 0.5).astype(np.float64))
    return _ramp(x, center - 0.5, width - 1.0)


def _ramp(x: Floats, middle: float, length: float) -> Floats:
    """C.11.2.1.3.2: y = (x − c) / w + 0.5, which is LINEAR_EXACT."""
    x -= middle
    x /= length
    x += 0.5
    return np.clip(x, 0.0, 1.0, out=x)


def _sigmoid(x: Floats, center: float, width: float) -> Floats:
    """C.11.2.1.3.1: y = 1 / (1 + exp(−4 (x − c) / w))."""
    x -= center
    x /= width
    x *= -4.0
    np.exp(x, out=x)
    x += 1.0
    return np.divide(1.0, x, out=x)


_WINDOW_FUNCTIONS = {
    VoiFunction.LINEAR: _linear,
    VoiFunction.LINEAR_EXACT: _ramp,
    VoiFunction.SIGMOID: _sigmoid,
}


def _looked_up(values: Pixels, lut: VoiLut) -> Floats:
    position = values.astype(np.float64) - lut.first_value
    missing = np.isnan(position)
    position[missing] = 0.0
    np.clip(position, 0, lut.values.size - 1, out=position)
    fraction = lut.values[np.rint(position).astype(np.intp)] / float(2**lut.bits - 1)
    fraction[missing] = np.nan
    return np.minimum(fraction, 1.0, out=fraction)


def _described(voi: Voi) -> str:
    if isinstance(voi, VoiLut):
        return f"VOI LUT of {voi.values.size} entries with {voi.bits} bits"
    return f"{voi.function} window with center {voi.center:g} and width {voi.width:g}"


def _is_hidden(values: Pixels, padding: tuple[float, float] | None) -> NDArray[np.bool_]:
    """Mark the values that mean "no image here": not-a-number and padding."""
    hidden: NDArray[np.bool_] = np.isnan(values)
    if padding is not None:
        hidden |= (values >= padding[0]) & (values <= padding[1])
    return hidden


def _map_values(pixels: Pixels, function: Callable[[Pixels], NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    """Apply a function of the value to every pixel: through a table where that is less work, else block by block."""
    mapped = np.empty(pixels.shape, dtype)
    if pixels.size == 0:
        return mapped
    table, first = _table(pixels, function, dtype)
    rows = max(1, _BLOCK_PIXELS * pixels.shape[0] // pixels.size)
    for top in range(0, pixels.shape[0], rows):
        block = pixels[top : top + rows]
        if table is None:
            mapped[top : top + rows] = function(block)
        else:
            # Any mode but "raise" writes straight into `out`; no index is outside the table.
            index = np.subtract(block, first, dtype=np.intp, casting="unsafe")
            table.take(index, out=mapped[top : top + rows], mode="clip")
    return mapped


def _table(
    pixels: Pixels, function: Callable[[Pixels], NDArray[Any]], dtype: type[np.generic]
) -> tuple[NDArray[Any] | None, int]:
    """Return the function's table over the values of integer pixels, and the value of its first entry."""
    if pixels.dtype.kind not in "iu":
        return None, 0
    low, high = int(pixels.min()), int(pixels.max())
    if high - low >= min(_TABLE_ENTRIES, max(pixels.size, 2)):
        return None, 0
    return function(np.arange(low, high + 1)).astype(dtype), low


# ── Windows made from the image ───────────────────────────────────────────────────────────────────────────────────


def value_range(image: Image) -> tuple[float, float]:
    """Return the smallest and the largest finite value that is not padding; (NaN, NaN) where there is none."""
    pixels = image.pixels
    if pixels.size and pixels.dtype.kind in "iu" and (image.padding is None or image.is_colour):
        return float(pixels.min()), float(pixels.max())
    seen = _seen_values(pixels, image.padding)
    if seen.size == 0:
        return float("nan"), float("nan")
    return float(seen.min()), float(seen.max())


def automatic_window(image: Image, *, percentiles: tuple[float, float] = (0.5, 99.5)) -> WindowLevel:
    """Make a window that reaches from one percentile of the image to another.

    Padding and values that are not finite are left out. The percentiles come from every n-th row and column, some
    260,000 pixels of a large image, so the same image always gets the same window. Where they coincide (a small
    bright object on an even ground) the full range is taken instead.

    Parameters
    ----------
    image : Image
    percentiles : (low, high)
        In percent.

    Returns
    -------
    WindowLevel
        LINEAR_EXACT, since LINEAR cannot be narrower than 1: the low percentile is black, the high one white.
    """
    step = max(1, int(np.sqrt(image.pixels.size / _SAMPLED_PIXELS)))
    sample = _seen_values(image.pixels[::step, ::step], image.padding)
    if sample.size == 0:
        return full_range_window(image)
    low, high = np.percentile(sample.astype(np.float64), percentiles)
    if not high > low:
        return full_range_window(image)
    return _window_between(float(low), float(high), "Automatic")


def full_range_window(image: Image) -> WindowLevel:
    """Make a window from the smallest to the largest value, padding left out.

    An image without contrast gets a window of width 1 around its one value, which shows it as an even mid-gray.
    """
    low, high = value_range(image)
    if np.isnan(low):
        return WindowLevel(0.0, 1.0, VoiFunction.LINEAR_EXACT, "No pixel has a value")
    if low == high:
        return WindowLevel(low, 1.0, VoiFunction.LINEAR_EXACT, "No contrast")
    return _window_between(low, high, "Full range")


def default_voi(image: Image) -> Voi:
    """Return the first usable window or table of the file, else an automatic window."""
    return next((voi for voi in image.voi if is_usable(voi)), None) or automatic_window(image)


def _window_between(low: float, high: float, explanation: str) -> WindowLevel:
    # The sum or the difference of two very large floats may not be finite.
    width = min(high - low, float(np.finfo(np.float64).max))
    return WindowLevel(low / 2 + high / 2, width, VoiFunction.LINEAR_EXACT, explanation)


def _seen_values(pixels: Pixels, padding: tuple[float, float] | None) -> NDArray[Any]:
    """Return the finite values outside the padding, (n,)."""
    seen = np.isfinite(pixels)
    if padding is not None and pixels.ndim == 2:
        seen &= (pixels < padding[0]) | (pixels > padding[1])
    values: NDArray[Any] = pixels[seen]
    return values


# ── Presets ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Preset:
    """A window that readers know by name."""

    name: str
    window: WindowLevel


def _ct(name: str, width: float, center: float) -> Preset:
    return Preset(name, WindowLevel(center, width, VoiFunction.LINEAR, name))


_CT_PRESETS = {
    # Width and level in HU, as radiologists say them: "brain 80 40".
    preset.name: preset
    for preset in (
        _ct("Abdomen", 400, 50),
        _ct("Lung", 1500, -600),
        _ct("Mediastinum", 350, 50),
        _ct("Bone", 1800, 400),
        _ct("Brain", 80, 40),
        _ct("Subdural", 200, 75),
        _ct("Stroke", 40, 40),
        _ct("Stroke, narrow", 8, 32),
        _ct("Temporal bone", 2800, 600),
        _ct("Head soft tissue", 375, 40),
        _ct("Liver", 150, 30),
        _ct("CT angiography", 600, 300),
        _ct("Pulmonary embolism", 700, 100),
        _ct("Spine soft tissue", 250, 50),
    )
}
"""Windows in everyday use: Radiopaedia, "Windowing (CT)", rID-52108; a round figure where it gives a range."""

_FITTING_PRESETS = {
    "HEAD": ("Brain", "Subdural", "Stroke", "Stroke, narrow", "Bone", "Temporal bone", "Head soft tissue"),
    "CHEST": ("Lung", "Mediastinum", "Bone", "Pulmonary embolism", "CT angiography"),
    "ABDOMEN": ("Abdomen", "Liver", "Bone", "Lung", "CT angiography"),
    "SPINE": ("Bone", "Spine soft tissue"),
    "ANGIO": ("CT angiography", "Abdomen", "Mediastinum"),
    "SKELETON": ("Bone", "Abdomen"),
}

_REGIONS = {
    # Body Part Examined (0018,0015) has the defined terms of PS3.16 Annex L; they decide which window comes first.
    "HEAD": ("HEAD", "BRAIN", "SKULL", "TEMPORALBONE", "IAC", "ORBIT", "SELLA", "FACE", "SINUS", "HEADNECK"),
    "CHEST": ("CHEST", "LUNG", "THORAX", "HEART", "MEDIASTINUM", "BREAST", "RIB", "CHESTABDOMEN", "CHESTABDPELVIS"),
    "ABDOMEN": ("ABDOMEN", "ABDOMENPELVIS", "PELVIS", "LIVER", "KIDNEY", "PANCREAS", "SPLEEN", "COLON", "BLADDER"),
    "SPINE": ("SPINE", "CSPINE", "TSPINE", "LSPINE", "SSPINE", "LSSPINE", "CTSPINE", "TLSPINE", "COCCYX"),
    "ANGIO": ("AORTA", "CAROTID", "CIRCLEOFWILLIS", "CORONARYARTERY", "ARTERY", "ABDOMINALAORTA"),
    "SKELETON": ("EXTREMITY", "SHOULDER", "ELBOW", "WRIST", "HAND", "HIP", "KNEE", "ANKLE", "FOOT", "HUMERUS", "FEMUR"),
}


def presets_for(modality: str | None, body_part: str | None) -> tuple[Preset, ...]:
    """List the named windows of a modality, those that fit the body part first.

    Only CT has them, since only Hounsfield units mean the same everywhere; for anything else, and as a choice beside
    these, there are the file's own windows, `automatic_window` and `full_range_window`.

    Parameters
    ----------
    modality : str or None
        (0008,0060).
    body_part : str or None
        (0018,0015).
    """
    if modality != "CT":
        return ()
    term = "".join(each for each in (body_part or "").upper() if each.isalpha())
    region = next((name for name, terms in _REGIONS.items() if term in terms), None)
    fitting = _FITTING_PRESETS.get(region or "", ())
    others = tuple(name for name in _CT_PRESETS if name not in fitting)
    return tuple(_CT_PRESETS[name] for name in fitting + others)

"""Pillow: what the header of a picture file says of its pages, and the pixels of one of them.

Pages are listed by reading headers, in Python. The exception is GIF, where Pillow decodes each picture on the way to
the next one. That, and all decoding, is the work of the C libraries behind Pillow: `pages_of` and `pixels_of` run in
another process.
"""

from __future__ import annotations

import io
import itertools
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    ImageChops,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
)
from PIL import Image as Pillow

from core.domain import Notice, Pixels
from core.errors import StudyError
from core.io.content import Kind
from core.io.limits import Limits

warnings.filterwarnings("ignore", module=r"PIL(\.|$)")  # about details of damaged files; what matters is an error

GRAY_TOLERANCE = 4
"""Largest difference between the colours of a pixel, of 255, that still passes for gray.

JPEG keeps gray exactly (0 measured at qualities 10 to 100); rounding Cb and Cr by one step each, as colour profiles and
video do, moves blue against red by 1.402 + 1.772 (ITU-T T.871), 4 after rounding.
"""

_PLUGINS = (PngImagePlugin, JpegImagePlugin, TiffImagePlugin, BmpImagePlugin, GifImagePlugin)
"""Imported so that Pillow knows these five; otherwise it would load all its plugins at the first TIFF."""

_FAILURES = (
    *(OSError, SyntaxError, EOFError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError),
    *(AssertionError, struct.error, zlib.error),
)
"""What Pillow raises on damaged files."""

_EXIF_KEYS = frozenset({"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"})
"""Where Pillow keeps what may hold an orientation."""


@dataclass(frozen=True, slots=True)
class Page:
    """One picture of a file, as its header describes it; `shape` is (rows, columns) after EXIF orientation."""

    number: int
    shape: tuple[int, int]
    duration_ms: float | None


def list_pages(content: bytes | memoryview, kind: Kind, limits: Limits) -> tuple[Page, ...]:
    """Return the pages of a picture file.

    Raises
    ------
    StudyError
        When it is damaged, too small to be read or larger than `limits` allow.
    """
    with _opened(content, kind, limits) as picture:
        return tuple(_pages(picture, limits))


def pages_of(content: memoryview, *, kind: str, bounds: Mapping[str, Any]) -> tuple[None, dict[str, Any]]:
    """Return the pages as plain data, [number, [rows, columns], duration] each; see `list_pages`."""
    pages = list_pages(content, Kind(kind), Limits(**bounds))
    return None, {"pages": [[page.number, page.shape, page.duration_ms] for page in pages]}


def pixels_of(content: memoryview, *, kind: str, page: int, bounds: Mapping[str, Any]) -> tuple[Pixels, dict[str, Any]]:
    """Decode one page.

    Returns
    -------
    pixels : ndarray
        (rows, columns) of the stored depth, or (rows, columns, 3) of uint8.
    facts : dict
        `is_inverted`: whether zero is white. `notices`: [code, message] each.

    Raises
    ------
    StudyError
        When the pixels are damaged.
    """
    notices: list[Notice] = []
    with _opened(content, Kind(kind), Limits(**bounds)) as picture:
        picture.seek(page)
        is_inverted, bits = _keeps_white_is_zero(picture), _bits_stored(picture, content)
        is_unsigned = _is_unsigned(picture)
        pixels = _pixels(_turned_upright(picture, notices), notices)
    if is_unsigned and pixels.dtype == np.int32:
        pixels = pixels.view(np.uint32)  # Pillow has no such mode and gives the same bits with a sign
    if bits > 8 * pixels.dtype.itemsize:
        notices.append(Notice("depth-reduced", f"The picture holds {bits} bits for each colour; 8 of them are shown."))
    return pixels, {"is_inverted": is_inverted, "notices": [[notice.code, notice.message] for notice in notices]}


# ── Headers ───────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _opened(content: bytes | memoryview, kind: Kind, limits: Limits) -> Iterator[Pillow.Image]:
    """Open with the plugin of this kind alone, and turn every failure inside the block into a `StudyError`."""
    try:
        with Pillow.open(io.BytesIO(content), formats=(kind.name,)) as picture:
            _check_size(picture.size, limits)
            yield picture
    except Pillow.DecompressionBombError as error:
        raise _too_many_pixels(limits) from error
    except _FAILURES as error:
        raise StudyError(
            f"This {kind} file is damaged or cut short, or uses an encoding that is not supported.",
            hint="Export the picture again, best as PNG or DICOM.",
            code="damaged-picture",
        ) from error


def _check_size(size: tuple[int, int], limits: Limits) -> None:
    columns, rows = size
    if rows * columns > limits.max_raster_pixels:
        raise _too_many_pixels(limits, f"{rows} × {columns}")
    if min(rows, columns) < limits.min_side:
        raise StudyError(
            f"The picture has {rows} × {columns} pixels; at least {limits.min_side} × {limits.min_side} are needed.",
            hint="Bring the original picture rather than a thumbnail.",
            code="image-too-small",
        )


def _too_many_pixels(limits: Limits, claimed: str = "more") -> StudyError:
    return StudyError(
        f"The picture claims {claimed} pixels; up to {limits.max_raster_pixels / 1e6:g} million are accepted.",
        hint="Export it at a lower resolution.",
        code="image-too-large",
    )


def _pages(picture: Pillow.Image, limits: Limits) -> Iterator[Page]:
    """Yield the pages one by one: a count of them all would follow a hostile file for hours."""
    pixels = 0
    for number in itertools.count():
        try:
            picture.seek(number)
        except EOFError:
            return
        pixels += picture.width * picture.height
        if number == limits.max_frames or pixels > limits.max_volume_bytes:
            raise StudyError(
                f"The file holds more pictures than are accepted ({limits.max_frames}, and "
                f"{limits.max_volume_bytes / 1e6:,.0f} million pixels together).",
                hint="Split it into smaller files.",
                code="too-many-frames",
            )
        yield _page(picture, number, limits)


def _page(picture: Pillow.Image, number: int, limits: Limits) -> Page:
    _check_size_of_page(picture.size, number, limits)
    columns, rows = picture.size
    # Pillow itself applies a TIFF's orientation, to the size as well.
    if picture.format != "TIFF" and _orientation(picture) in {5, 6, 7, 8}:
        rows, columns = columns, rows
    return Page(number, (rows, columns), picture.info.get("duration"))


def _check_size_of_page(size: tuple[int, int], number: int, limits: Limits) -> None:
    if number == 0 or size[0] * size[1] > limits.max_raster_pixels:
        _check_size(size, limits)


def _orientation(picture: Pillow.Image) -> int:
    # Of a PNG without eXIf before its pixels, Pillow would decode them all to look behind them, where none belongs
    # (PNG, third edition, table 7).
    if isinstance(picture, PngImagePlugin.PngImageFile) and _EXIF_KEYS.isdisjoint(picture.info):
        return 1
    orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    return orientation if orientation in range(1, 9) else 1


# ── Pixels ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _keeps_white_is_zero(picture: Pillow.Image) -> bool:
    """Whether zero is white in the pixels as Pillow gives them: it inverts 8-bit TIFFs itself, but no deeper ones."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return False
    return picture.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0 and picture.mode not in {"1", "L"}


def _is_unsigned(picture: Pillow.Image) -> bool:
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return False
    return bool(picture.tag_v2.get(TiffImagePlugin.SAMPLEFORMAT, (1,))[0] == 1)


def _bits_stored(picture: Pillow.Image, content: memoryview) -> int:
    """Return the bits of a sample: Pillow gives 8 of 16 wherever there is more than one channel."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return int(max(picture.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))))
    return content[24] if isinstance(picture, PngImagePlugin.PngImageFile) else 8  # IHDR, bit depth


def _turned_upright(picture: Pillow.Image, notices: list[Notice]) -> Pillow.Image:
    orientation = _orientation(picture)
    if orientation == 1:
        picture.load()
        return picture
    notices.append(
        Notice(
            "exif-orientation",
            f"The file says that it was saved turned (EXIF orientation {orientation}); turned upright.",
        )
    )
    return ImageOps.exif_transpose(picture)


def _pixels(picture: Pillow.Image, notices: list[Notice]) -> Pixels:
    """Return (rows, columns) of the stored depth, or (rows, columns, 3) of uint8 where the picture has true colour."""
    mode = picture.mode
    if mode in {"I", "F"} or mode.startswith("I;16"):
        pixels = np.array(picture)
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if mode in {"1", "L"} and "transparency" not in picture.info:
        return np.array(picture.convert("L"))
    if mode == "CMYK":
        notices.append(Notice("cmyk-converted", "The picture was saved in printing colours (CMYK); converted to RGB."))
    colour = _on_black(picture, notices)
    return np.array(colour.convert("L") if _is_colourless(colour) else colour)


def _on_black(picture: Pillow.Image, notices: list[Notice]) -> Pillow.Image:
    """Return the picture in RGB, with what is transparent laid on black."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    colour = picture.convert("RGBA")
    if colour.getchannel("A").getextrema() == (255, 255):
        return colour.convert("RGB")
    notices.append(Notice("transparency-removed", "Parts of the picture are transparent; they are shown on black."))
    black = Pillow.new("RGBA", colour.size, (0, 0, 0, 255))
    return Pillow.alpha_composite(black, colour).convert("RGB")


def _is_colourless(colour: Pillow.Image) -> bool:
    """Whether red, green and blue agree everywhere: radiographs are often saved as RGB JPEG."""
    pairs = itertools.combinations(colour.split(), 2)
    return all(np.max(ImageChops.difference(one, other).getextrema()) <= GRAY_TOLERANCE for one, other in pairs)

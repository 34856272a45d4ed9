from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image as Pillow

from core.domain import Explanation, Extent, Image, Intensity, Spacing, VoiFunction, WindowLevel
from core.overlay import GRAPHICS_COLOUR
from core.ui.picture import MAX_SIDE, MIN_SIDE, colour_limits, half_of_strongest, jpeg_url, lay_heat, png_url, show
from core.ui.picture import thumbnail as small

WINDOW = WindowLevel(127.5, 255, VoiFunction.LINEAR_EXACT)


def gradient(rows: int, columns: int, **attributes: object) -> Image:
    pixels = np.tile(np.linspace(0, 255, columns).astype(np.uint8), (rows, 1))
    return Image(pixels, Intensity.GRAY, "MONOCHROME2", "uid", **attributes)  # type: ignore[arg-type]


def heatmap(values: list[list[float]], rows: int, columns: int, method: str = "CAM") -> Explanation:
    extent = Extent(0, 0, rows, columns)
    return Explanation("Pneumonia", method, np.array(values, np.float32), extent, "raw score")


def decoded(url: str) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def test_a_large_image_is_reduced_to_the_screen() -> None:
    assert show(gradient(2048, 1024), WINDOW, invert=False).picture.shape == (MAX_SIDE, MAX_SIDE // 2)


def test_a_small_image_is_enlarged_so_that_its_heatmap_is_not_coarse() -> None:
    assert show(gradient(64, 32), WINDOW, invert=False).picture.shape == (MIN_SIDE, MIN_SIDE // 2)


def test_pixels_that_are_not_square_are_shown_as_they_are_in_the_patient() -> None:
    shown = show(gradient(700, 700, spacing=Spacing(2.0, 1.0, "PixelSpacing")), WINDOW, invert=False)
    assert shown.picture.shape[0] == 2 * shown.picture.shape[1]


def test_a_picture_keeps_its_pixels_where_it_fits() -> None:
    image = gradient(700, 700)
    assert np.array_equal(show(image, WINDOW, invert=False).picture, image.pixels)
    assert np.array_equal(show(image, WINDOW, invert=True).picture, 255 - image.pixels)


def test_zoom_shows_the_part_that_is_asked_for() -> None:
    shown = show(gradient(2000, 2000), WINDOW, invert=False, zoom=2.0, centre=(0.5, 1.0))
    assert shown.region == Extent(500.0, 1000.0, 1500.0, 2000.0)
    assert shown.picture.min() >= 127


def test_heat_stays_where_it_is_under_zoom() -> None:
    image = gradient(1400, 1400)
    quarter = heatmap([[0, 0], [0, 4]], 1400, 1400)
    whole = lay_heat(show(image, WINDOW, invert=False), quarter, opacity=1.0)
    corner = show(image, WINDOW, invert=False, zoom=2.0, centre=(0.0, 0.0))
    zoomed = lay_heat(corner, quarter, opacity=1.0)
    assert np.ptp(whole[-1, -1].astype(int)) > 60
    # The upper left quarter of the image: only its lower right corner reaches the heat's cell.
    assert np.ptp(zoomed[0, 0].astype(int)) == 0
    assert np.array_equal(zoomed[0], np.repeat(corner.picture[0][:, None], 3, axis=1))


def test_weak_evidence_is_not_stretched_to_full_colour() -> None:
    assert colour_limits(heatmap([[0.0, 0.1]], 4, 4)) == (0.0, 1.0)
    assert colour_limits(heatmap([[0.0, 5.0]], 4, 4)) == (0.0, 5.0)
    low, high = colour_limits(heatmap([[0.0, 0.1]], 4, 4, "GradCAM"))
    assert (low, round(high, 6)) == (0.0, 0.1)


def test_the_contour_runs_around_half_of_the_strongest_evidence() -> None:
    assert half_of_strongest(heatmap([[0.0, 5.0]], 4, 4)) == 2.5
    shown = show(gradient(700, 700), WINDOW, invert=False)
    with_line = lay_heat(shown, heatmap([[0, 4]], 700, 700), opacity=0.0, contour_level=2.0)
    without = lay_heat(shown, heatmap([[0, 4]], 700, 700), opacity=0.0)
    changed = np.flatnonzero((with_line != without).any(axis=(0, 2)))
    # Bilinear between the cells' centres at a quarter and three quarters: half is reached in the middle.
    assert abs(changed.min() - 350) <= 2


def test_a_png_loses_nothing_and_a_jpeg_little() -> None:
    gray = gradient(64, 128).pixels
    picture = np.stack([gray, gray.T.repeat(2, axis=1)[:64, :128], 255 - gray], axis=2)
    assert np.array_equal(decoded(png_url(picture)), picture)
    assert np.abs(decoded(jpeg_url(picture)).astype(int) - picture).max() <= 12


def test_a_thumbnail_is_small() -> None:
    assert max(small(gradient(500, 1000), WINDOW).shape) == 96


def test_graphics_of_the_file_are_drawn_over_the_picture_unless_they_are_not_wanted() -> None:
    graphics = np.zeros((700, 700), np.bool_)
    graphics[10:20, 30:40] = True
    image = gradient(700, 700, graphics=graphics)
    with_them = show(image, WINDOW, invert=False).picture
    without = show(image, WINDOW, invert=False, with_graphics=False).picture
    assert without.ndim == 2
    assert (with_them[graphics] == GRAPHICS_COLOUR).all()
    assert np.array_equal(with_them[~graphics][:, 0], without[~graphics])

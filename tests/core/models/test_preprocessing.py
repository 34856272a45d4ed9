"""Preparing images: every path by hand, the same input for the same film whatever its size and polarity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from core.domain import ENHANCEMENTS, Enhancement, Extent, Image, InputSpec, Intensity, WindowLevel
from core.errors import UnsuitableInputError
from core.models.preprocessing import normalise, to_tensor, to_unit
from tests.made import chest_values

PLAIN = InputSpec(size=(32, 32), channels=1, resize="pad", intensity_range="full", mean=(0.0,), std=(1.0,))
CHEST = InputSpec(
    size=(224, 224), channels=3, resize="pad", intensity_range="percentile", mean=(0.5,) * 3, std=(0.5,) * 3
)


def film(pixels: NDArray[Any], **attributes: Any) -> Image:
    """Return an image with these pixels."""
    made = {"intensity": Intensity.RADIOGRAPH, "photometric_interpretation": "MONOCHROME2", "uid": "made"}
    return Image(pixels, **{**made, **attributes})


def ramp(low: float, high: float, shape: tuple[int, int] = (32, 32), dtype: Any = np.float32) -> NDArray[Any]:
    """Return values that rise evenly from the first pixel to the last."""
    return np.linspace(low, high, shape[0] * shape[1]).reshape(shape).astype(dtype)


# ── Values ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_full_range_divides_by_what_the_bits_can_hold() -> None:
    pixels = ramp(0, 255, dtype=np.uint8)
    np.testing.assert_array_equal(to_unit(film(pixels), PLAIN).values[0], pixels.astype(np.float32) / 255)


@pytest.mark.parametrize(("largest", "white"), [(200, 255), (256, 1023), (4095, 4095), (5000, 16383), (40000, 65535)])
def test_full_range_of_wide_integers_is_the_fewest_even_bits(largest: int, white: int) -> None:
    values = to_unit(film(ramp(0, largest, dtype=np.uint16)), PLAIN).values
    assert values.max() == pytest.approx(largest / white)


@pytest.mark.parametrize(("dtype", "white"), [(np.uint16, 4095.0), (np.int16, 8191.0), (np.float32, 4095.0)])
def test_full_range_is_what_the_file_says_where_it_does(dtype: Any, white: float) -> None:
    image = film(ramp(0, 900, dtype=dtype), stored_range=(0.0, white))
    assert to_unit(image, PLAIN).values.max() == pytest.approx(900 / white)


def test_a_range_that_begins_below_zero_is_not_what_white_is() -> None:
    image = film(ramp(0, 900, dtype=np.int16), stored_range=(-32768.0, 32767.0))
    assert to_unit(image, PLAIN).values.max() == pytest.approx(900 / 1023)


@pytest.mark.parametrize("pixels", [ramp(-1000, 400, dtype=np.int16), ramp(0.0, 1.0)])
def test_full_range_of_measured_values_does_not_exist(pixels: NDArray[Any]) -> None:
    with pytest.raises(UnsuitableInputError) as caught:
        to_unit(film(pixels), PLAIN)
    assert caught.value.code == "no-stored-range"


def test_percentiles_become_black_and_white() -> None:
    # 1025 values 0, 1, …, 1024 and 25 % to 75 %: 256 becomes 0 and 768 becomes 1.
    pixels = np.arange(1025, dtype=np.float32).reshape(25, 41)
    spec = replace(PLAIN, size=(25, 41), intensity_range="percentile", percentiles=(25, 75))
    values = to_unit(film(pixels), spec).values[0].ravel()
    assert (values[:257] == 0).all()
    assert values[512] == pytest.approx(0.5)
    assert (values[768:] == 1).all()


def test_a_window_clips_before_it_averages() -> None:
    # Half of the pixels are far above the window, half at its foot: the average of 1 and 0, not 1.
    pixels = np.tile(np.array([[0.0, 3000.0]], dtype=np.float32), (64, 32))
    pixels[:, 32:] = 0
    spec = replace(PLAIN, intensity_range="window", window=WindowLevel(50.5, 101))
    values = to_unit(film(pixels), spec).values[0]
    assert values[16, 4] == pytest.approx(0.5, abs=1e-6)


def test_the_window_is_that_of_the_standard() -> None:
    # PS3.3 C.11.2.1.2.1 with c = 2048, w = 4096: 0 is black, 4095 is white.
    spec = replace(PLAIN, intensity_range="window", window=WindowLevel(2048, 4096))
    values = to_unit(film(ramp(0, 4095, dtype=np.uint16)), spec).values
    assert (values.min(), values.max()) == (0.0, 1.0)


def test_mean_and_deviation_are_applied_for_each_channel() -> None:
    spec = replace(PLAIN, channels=3, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    tensor = to_tensor(film(ramp(0, 255, dtype=np.uint8)), spec).tensor
    assert tensor.shape == (3, 32, 32)
    np.testing.assert_allclose(tensor[:, -1, -1], [(1 - 0.1) / 0.5, (1 - 0.2) / 0.25, (1 - 0.3) / 2], rtol=1e-6)


def test_a_batch_is_normalised_as_its_images_are() -> None:
    batch = np.random.default_rng(0).random((4, 1, 8, 8), dtype=np.float32)
    together = normalise(batch, CHEST)
    assert together.shape == (4, 3, 8, 8)
    np.testing.assert_array_equal(together[2], normalise(batch[2], CHEST))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float64, ">u2"])
def test_the_type_of_the_pixels_does_not_matter(dtype: Any) -> None:
    pixels = chest_values(64) // 17
    expected = to_tensor(film(pixels.astype(np.float32)), CHEST).tensor
    np.testing.assert_array_equal(to_tensor(film(pixels.astype(dtype)), CHEST).tensor, expected)


def test_pixels_that_lie_apart_in_memory_are_read_right() -> None:
    pixels = chest_values(128)
    expected = to_tensor(film(np.ascontiguousarray(pixels[::2, ::2])), CHEST).tensor
    np.testing.assert_array_equal(to_tensor(film(pixels[::2, ::2]), CHEST).tensor, expected)


def test_the_pixels_of_the_image_are_left_alone() -> None:
    pixels = chest_values(224)
    before = pixels.copy()
    to_tensor(film(pixels, padding=(0, 500)), CHEST)
    np.testing.assert_array_equal(pixels, before)


# ── Polarity and padding ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("percentiles", [(0.5, 99.5), (0.0, 90.0)])
@pytest.mark.parametrize("padding", [None, (0.0, 0.0)])
def test_a_monochrome1_twin_gives_the_same_input(
    percentiles: tuple[float, float], padding: tuple[float, float] | None
) -> None:
    spec = replace(CHEST, percentiles=percentiles)
    pixels = chest_values(512)
    pixels[:40] = 0
    twin_padding = None if padding is None else (4095.0, 4095.0)
    twin = film(4095 - pixels, photometric_interpretation="MONOCHROME1", padding=twin_padding)
    tensor, expected = to_tensor(twin, spec).tensor, to_tensor(film(pixels, padding=padding), spec).tensor
    np.testing.assert_allclose(tensor, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("spec", "high"),
    [(PLAIN, 255), (replace(PLAIN, intensity_range="window", window=WindowLevel(2048, 4096)), 4095)],
)
def test_polarity_is_the_same_in_every_range(spec: InputSpec, high: int) -> None:
    pixels = ramp(0, high, dtype=np.uint8 if high == 255 else np.uint16)
    twin = film(high - pixels, photometric_interpretation="MONOCHROME1")
    np.testing.assert_allclose(to_unit(twin, spec).values, to_unit(film(pixels), spec).values, atol=1e-6)


@pytest.mark.parametrize("photometric_interpretation", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_not_counted(photometric_interpretation: str) -> None:
    inner = chest_values(224)
    padded = np.full((224, 448), 60000, dtype=np.uint16)
    padded[:, 112:336] = inner
    spec = replace(CHEST, size=(224, 448))
    image = film(padded, padding=(60000, 60000), photometric_interpretation=photometric_interpretation)
    values = to_unit(image, spec).values[0]
    alone = to_unit(film(inner, photometric_interpretation=photometric_interpretation), CHEST).values[0]
    assert (values[:, :112] == 0).all()
    np.testing.assert_array_equal(values[:, 112:336], alone)


def test_padding_does_not_bleed_into_the_picture_when_it_is_reduced() -> None:
    pixels = np.full((64, 64), -3000, dtype=np.int16)
    pixels[:, :33] = np.linspace(900, 1100, 64, dtype=np.int16)[:, None]
    spec = replace(PLAIN, intensity_range="percentile", percentiles=(0, 100))
    values = to_unit(film(pixels, padding=(-3000, -3000)), spec).values[0]
    # The column that is half padding keeps the picture's values, dimmed by the share of padding.
    assert 0 < values[-1, 16] < values[-1, 10] == pytest.approx(1, abs=0.01)
    assert (values[:, 18:] == 0).all()


# ── Size ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_image_of_the_right_size_is_not_resampled() -> None:
    pixels = ramp(0, 255, dtype=np.uint8)
    unit = to_unit(film(pixels), PLAIN)
    assert unit.extent == Extent(0, 0, 32, 32)
    np.testing.assert_array_equal(unit.values[0] * 255, pixels)


def test_a_wide_image_gets_bars_and_an_extent_that_reaches_over_its_edge() -> None:
    # 100 × 200 → 16 × 32 in the middle of 32 × 32; a pixel of the network is 6.25 pixels of the image.
    unit = to_unit(film(ramp(10, 255, (100, 200), np.uint8)), PLAIN)
    assert unit.extent == Extent(top=-50.0, left=0.0, bottom=150.0, right=200.0)
    assert (unit.values[0, :8] == 0).all()
    assert (unit.values[0, 24:] == 0).all()
    assert (unit.values[0, 8:24] > 0).all()


def test_the_extent_is_exact_where_sides_do_not_divide() -> None:
    # 2128 × 2000 → 224 × 211, so the bars are 6 and 7 wide, and a pixel of the network is 2000 / 211 wide.
    extent = to_unit(film(ramp(0, 4095, (2128, 2000), np.uint16)), replace(PLAIN, size=(224, 224))).extent
    columns = round(2000 * 224 / 2128)
    left = (224 - columns) // 2
    assert (extent.top, extent.bottom) == (0, 2128)
    assert extent.left == pytest.approx(-left * 2000 / columns)
    assert extent.right == pytest.approx((224 - left) * 2000 / columns)


def test_squash_covers_the_image_exactly() -> None:
    spec = replace(PLAIN, resize="squash")
    assert to_unit(film(ramp(0, 255, (100, 200), np.uint8)), spec).extent == Extent(0, 0, 100, 200)


@pytest.mark.parametrize(
    ("shape", "size", "extent"),
    [
        ((33, 100), (33, 33), Extent(top=0, left=34, bottom=33, right=67)),
        ((101, 32), (32, 32), Extent(top=34, left=0, bottom=66, right=32)),
        ((64, 200), (32, 64), Extent(top=0, left=36, bottom=64, right=164)),
    ],
)
def test_crop_takes_the_middle_of_the_longer_side(
    shape: tuple[int, int], size: tuple[int, int], extent: Extent
) -> None:
    pixels = ramp(0, 255, shape, np.uint8)
    unit = to_unit(film(pixels), replace(PLAIN, resize="crop", size=size))
    assert unit.extent == extent
    if size == (round(extent.bottom - extent.top), round(extent.right - extent.left)):
        seen = pixels[round(extent.top) : round(extent.bottom), round(extent.left) : round(extent.right)]
        np.testing.assert_array_equal(unit.values[0] * 255, seen)


def test_what_the_crop_leaves_out_has_no_say() -> None:
    pixels = ramp(0, 100, (64, 64))
    wide = np.full((64, 128), 60000, dtype=np.float32)
    wide[:, 32:96] = pixels
    spec = replace(PLAIN, resize="crop", intensity_range="percentile")
    values = to_unit(film(wide, padding=(60000, 60000)), spec).values
    np.testing.assert_array_equal(values, to_unit(film(pixels), spec).values)


@pytest.mark.parametrize("resize", ["pad", "crop"])
@pytest.mark.parametrize("shape", [(640, 512), (512, 640), (333, 517), (40, 50)])
def test_a_mark_lands_where_the_extent_says(shape: tuple[int, int], resize: Any) -> None:
    row, column = 0.4 * shape[0], 0.6 * shape[1]
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    pixels = np.exp(-(((rows - row) ** 2 + (columns - column) ** 2) / (0.06 * shape[0]) ** 2)).astype(np.float32)
    spec = replace(PLAIN, size=(64, 64), resize=resize, intensity_range="percentile", percentiles=(0, 100))
    unit = to_unit(film(pixels), spec)
    weights = unit.values[0]
    found_row = ((np.arange(64) + 0.5) @ weights.sum(axis=1)) / weights.sum()
    found_column = (weights.sum(axis=0) @ (np.arange(64) + 0.5)) / weights.sum()
    extent = unit.extent
    assert extent.top + found_row / 64 * (extent.bottom - extent.top) == pytest.approx(row, abs=0.003 * shape[0])
    assert extent.left + found_column / 64 * (extent.right - extent.left) == pytest.approx(column, abs=0.003 * shape[1])


@pytest.mark.parametrize("size", [448, 1024, 2128])
def test_the_same_film_gives_nearly_the_same_input_at_every_size(size: int) -> None:
    original = chest_values(2128).astype(np.float32)
    small, other = (_shrunk(original, side) for side in (224, size))
    difference = to_unit(film(small), CHEST).values - to_unit(film(other), CHEST).values
    assert np.abs(difference).mean() < 0.01


@pytest.mark.parametrize("shape", [(448, 448), (897, 1343), (1500, 449), (2128, 2000), (300, 2990)])
@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_a_large_picture_is_reduced_as_pillow_reduces_it(shape: tuple[int, int], dtype: Any) -> None:
    high = 2 if dtype is np.bool_ else 200
    pixels = np.random.default_rng(3).integers(0, high, shape).astype(dtype)
    expected = Pillow.fromarray(pixels.astype(np.float32)).resize(
        (224, 224), Pillow.Resampling.BILINEAR, reducing_gap=2.0
    )
    squashed = replace(PLAIN, size=(224, 224), resize="squash")
    unit = to_unit(film(pixels, stored_range=(0.0, 255.0)), squashed)
    np.testing.assert_allclose(unit.values[0], np.asarray(expected).clip(0, 255) / 255, atol=1e-6)


def _shrunk(pixels: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    return np.asarray(Pillow.fromarray(pixels).resize((side, side), Pillow.Resampling.BOX))


def test_fine_stripes_become_gray_and_not_coarse_stripes() -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (640, 320))
    stripes[:320] = 0
    values = to_unit(film(stripes), PLAIN).values[0]
    assert np.abs(values[18:, 2:-2] - 0.5).max() < 0.02


# ── Colour ────────────────────────────────────────────────────────────────────────────────────────────────────────


def colour(pixels: NDArray[np.uint8]) -> Image:
    return film(pixels, intensity=Intensity.RGB, photometric_interpretation="RGB")


def test_colour_becomes_luminance_for_a_gray_model() -> None:
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    pixels[0, 0], pixels[0, 1], pixels[0, 2] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    values = to_unit(colour(pixels), PLAIN).values
    assert values.shape == (1, 32, 32)
    np.testing.assert_allclose(values[0, 0, :4], [0.299, 0.587, 0.114, 0], atol=1e-6)


def test_gray_stored_as_colour_is_gray() -> None:
    gray = (chest_values(300) // 16).astype(np.uint8)
    twin = colour(np.repeat(gray[:, :, None], 3, axis=2))
    for spec in (CHEST, replace(CHEST, channels=1, mean=(0.5,), std=(0.5,)), replace(CHEST, intensity_range="full")):
        np.testing.assert_allclose(to_tensor(twin, spec).tensor, to_tensor(film(gray), spec).tensor, atol=1e-5)


def test_colour_becomes_luminance_for_a_gray_model_of_three_channels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    gray, three = replace(PLAIN, channels=1), replace(PLAIN, channels=3, mean=(0.0,) * 3, std=(1.0,) * 3)
    tensor = to_tensor(colour(pixels), three).tensor
    np.testing.assert_array_equal(tensor, np.repeat(to_tensor(colour(pixels), gray).tensor.numpy(), 3, axis=0))


def test_colour_stays_for_a_colour_model() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    spec = replace(PLAIN, channels=3, mean=(0.0,) * 3, std=(1.0,) * 3, colour=True)
    np.testing.assert_allclose(to_unit(colour(pixels), spec).values, np.moveaxis(pixels, 2, 0) / 255, atol=1e-6)


def test_no_window_applies_to_colour() -> None:
    spec = replace(PLAIN, intensity_range="window", window=WindowLevel(40, 80))
    with pytest.raises(UnsuitableInputError) as caught:
        to_unit(colour(np.zeros((32, 32, 3), dtype=np.uint8)), spec)
    assert caught.value.code == "colour-has-no-window"


# ── Enhancement ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("step", ENHANCEMENTS)
def test_an_enhanced_film_is_the_same_in_either_polarity(step: Enhancement) -> None:
    spec = replace(CHEST, enhance=(step,))
    pixels = chest_values(224)
    twin = film(4095 - pixels, photometric_interpretation="MONOCHROME1")
    # Rounding decides now and then between two of the 256 values that CLAHE knows.
    difference = to_unit(twin, spec).values - to_unit(film(pixels), spec).values
    assert np.abs(difference).max() < 0.03
    assert np.abs(difference).mean() < 1e-4


@pytest.mark.parametrize("step", ENHANCEMENTS)
def test_bars_and_padding_stay_black_and_have_no_say(step: Enhancement) -> None:
    inner = chest_values(224)
    padded = np.full((224, 448), 60000, dtype=np.uint16)
    padded[:, 112:336] = inner
    spec = replace(CHEST, size=(224, 448), enhance=(step,))
    values = to_unit(film(padded, padding=(60000, 60000)), spec).values[0]
    assert (values[:, :112] == 0).all()
    assert (values[:, 336:] == 0).all()
    bars = to_unit(film(inner), spec).values[0]
    np.testing.assert_array_equal(bars[:, 112:336], to_unit(film(inner), replace(CHEST, enhance=(step,))).values[0])


def test_colours_are_enhanced_as_luminance() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    spec = replace(CHEST, size=(64, 64), enhance=("median",))
    plain = to_unit(colour(pixels), replace(spec, enhance=())).values[0]
    assert to_unit(colour(pixels), spec).values[0, 9, 9] == pytest.approx(np.median(plain[8:11, 8:11]))


def test_what_enhancement_makes_flat_has_no_contrast() -> None:
    speck = np.zeros((32, 32), dtype=np.uint8)
    speck[9, 9] = 255
    with pytest.raises(UnsuitableInputError) as caught:
        to_unit(film(speck), replace(PLAIN, enhance=("median",)))
    assert caught.value.code == "no-contrast"


@pytest.mark.parametrize("step", ENHANCEMENTS)
def test_a_constant_image_is_refused_before_it_is_enhanced(step: Enhancement) -> None:
    with pytest.raises(UnsuitableInputError) as caught:
        to_tensor(film(np.full((64, 64), 7, dtype=np.uint8)), replace(PLAIN, enhance=(step,)))
    assert caught.value.code == "no-contrast"


# ── What cannot be judged ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shape", [(1, 1), (15, 400), (400, 15)])
def test_an_image_that_is_too_small_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(UnsuitableInputError, match=f"{shape[0]} × {shape[1]}") as caught:
        to_tensor(film(np.zeros(shape, dtype=np.uint8)), CHEST)
    assert caught.value.code == "too-small"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_numbers_are_refused(value: float) -> None:
    pixels = ramp(0, 1, (100, 100))
    pixels[3, 4] = value
    with pytest.raises(UnsuitableInputError, match="1 of 10000 pixels are not numbers") as caught:
        to_tensor(film(pixels), CHEST)
    assert caught.value.code == "not-finite"


def constant(value: float, dtype: Any = np.float32) -> NDArray[Any]:
    return np.full((300, 200), value, dtype=dtype)


@pytest.mark.parametrize(
    ("pixels", "attributes", "changes"),
    [
        (constant(0, np.uint8), {}, {}),
        (constant(3000, np.uint16), {}, {}),
        (constant(-1000.1), {}, {}),
        (constant(17, np.uint8), {}, {"intensity_range": "full"}),
        (ramp(1000, 2000), {}, {"intensity_range": "window", "window": WindowLevel(0, 100)}),
        (ramp(0, 100), {"padding": (-1, 101)}, {}),
        (np.eye(300, 200, k=500), {"photometric_interpretation": "MONOCHROME1"}, {}),
    ],
)
def test_an_image_without_contrast_is_refused(pixels: NDArray[Any], attributes: Any, changes: Any) -> None:
    with pytest.raises(UnsuitableInputError, match="no contrast") as caught:
        to_tensor(film(pixels, **attributes), replace(CHEST, **changes))
    assert caught.value.code == "no-contrast"


def test_one_bright_pixel_is_no_contrast() -> None:
    pixels = constant(100, np.uint16)
    pixels[150, 100] = 4000
    with pytest.raises(UnsuitableInputError, match="nearly all of its pixels"):
        to_tensor(film(pixels), CHEST)

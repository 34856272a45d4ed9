"""Windowing: numbers worked out by hand from PS3.3 C.11.2, and pydicom as an independent implementation."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydicom import Dataset, dcmread
from pydicom import pixels as pydicom_pixels

from core.domain import Image, Intensity, VoiFunction, VoiLut, WindowLevel
from core.windowing import (
    apply_voi_lut,
    apply_window,
    automatic_window,
    default_voi,
    full_range_window,
    is_usable,
    presets_for,
    render,
    value_range,
)

LINEAR, EXACT, SIGMOID = VoiFunction.LINEAR, VoiFunction.LINEAR_EXACT, VoiFunction.SIGMOID
FUNCTIONS = (LINEAR, EXACT, SIGMOID)


@pytest.fixture(autouse=True)
def _no_numeric_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def image_of(pixels: Any, photometric_interpretation: Any = "MONOCHROME2", **attributes: Any) -> Image:
    return Image(np.asarray(pixels), Intensity.OTHER, photometric_interpretation, "uid", **attributes)


def windows(functions: tuple[VoiFunction, ...] = FUNCTIONS) -> st.SearchStrategy[WindowLevel]:
    return st.builds(
        WindowLevel,
        center=st.floats(-5000, 5000, width=32),
        width=st.floats(1, 9000, width=32),
        function=st.sampled_from(functions),
    )


# ── The formulae ──────────────────────────────────────────────────────────────────────────────────────────────────


class TestLinear:
    def test_the_example_of_the_standard(self):
        # C.11.2.1.2.1 note: c = 2048, w = 4096 → x ≤ 0 is black, x > 4095 is white, between (x − 2047.5) / 4095 + 0.5
        y = apply_window(np.array([[-1, 0, 1, 2047, 2048, 4095, 4096]]), WindowLevel(2048, 4096))
        np.testing.assert_allclose(y, [[0, 0, 1 / 4095, 2047 / 4095, 2048 / 4095, 1, 1]], rtol=1e-6)
        assert y.dtype == np.float32

    def test_a_width_of_one_is_a_step_at_half_below_the_center(self):
        # C.11.2.1.2.1 note: c = 0, w = 1 → x ≤ −0.5 is black, x > −0.5 is white
        y = apply_window(np.array([[-1.0, -0.5, -0.49, 0.0, np.nan]]), WindowLevel(0, 1))
        np.testing.assert_array_equal(y, [[0, 0, 1, 1, np.nan]])

    def test_an_abdomen_window_of_60_400(self):
        # black at 60 − 0.5 − 399/2 = −140, white at 259
        y = apply_window(np.array([[-140, -139, 259, 258, 59]]), WindowLevel(60, 400))
        np.testing.assert_allclose(y, [[0, 1 / 399, 1, 398 / 399, 199 / 399]], rtol=1e-6)


class TestLinearExact:
    def test_black_and_white_are_half_a_width_from_the_center(self):
        y = apply_window(np.array([[-1, 0, 1024, 2048, 4096, 4097]]), WindowLevel(2048, 4096, EXACT))
        np.testing.assert_allclose(y, [[0, 0, 0.25, 0.5, 1, 1]], rtol=1e-6)

    def test_widths_below_one_window_images_of_fractions(self):
        y = apply_window(np.array([[0.2, 0.25, 0.3]], np.float32), WindowLevel(0.25, 0.1, EXACT))
        np.testing.assert_allclose(y, [[0, 0.5, 1]], atol=1e-6)


class TestSigmoid:
    def test_by_hand(self):
        # 1 / (1 + exp(−4 · (x − c) / w)): one width from the center it is 1 / (1 + e⁻⁴) = 0.98201
        y = apply_window(np.array([[40, 120, -40, 60]]), WindowLevel(40, 80, SIGMOID))
        np.testing.assert_allclose(y, [[0.5, 0.982014, 0.017986, 0.731059]], atol=1e-6)

    def test_values_far_from_the_center_saturate_quietly(self):
        y = apply_window(np.array([[-1e30, 1e30, -np.inf, np.inf]]), WindowLevel(0, 1e-3, SIGMOID))
        np.testing.assert_array_equal(y, [[0, 1, 0, 1]])


class TestVoiLut:
    lut = VoiLut(np.array([10, 0, 200, 255], np.uint16), first_value=-1, bits=8)

    def test_values_outside_take_the_first_and_the_last_entry(self):
        y = apply_voi_lut(np.array([[-500, -1, 0, 1, 2, 3, 500]]), self.lut)
        np.testing.assert_allclose(y, np.array([[10, 10, 0, 200, 255, 255, 255]]) / 255, rtol=1e-6)

    def test_fractions_take_the_nearer_entry_and_nan_stays(self):
        y = apply_voi_lut(np.array([[0.4, 0.6, np.nan, np.inf, -np.inf]]), self.lut)
        np.testing.assert_allclose(y, np.array([[0, 200, np.nan, 255, 10]]) / 255, rtol=1e-6)

    def test_white_is_what_the_bits_allow(self):
        lut = VoiLut(np.array([0, 512, 1023, 4095], np.uint16), first_value=0, bits=10)
        np.testing.assert_allclose(apply_voi_lut(np.array([[0, 1, 2, 3]]), lut), [[0, 512 / 1023, 1, 1]], rtol=1e-6)

    @pytest.mark.parametrize("lut", [replace(lut, values=lut.values[:0]), replace(lut, bits=0), replace(lut, bits=17)])
    def test_a_broken_table_is_refused(self, lut):
        assert not is_usable(lut)
        with pytest.raises(ValueError, match="VOI LUT"):
            apply_voi_lut(np.zeros((1, 1)), lut)


@pytest.mark.parametrize(
    ("center", "width", "function"),
    [(0, 0, LINEAR), (0, 0.9, LINEAR), (0, 0, EXACT), (0, -1, SIGMOID), (np.nan, 10, LINEAR), (0, np.inf, EXACT)],
)
def test_a_broken_window_is_refused_and_not_the_default(center, width, function):
    broken = WindowLevel(center, width, function)
    with pytest.raises(ValueError, match="window"):
        apply_window(np.zeros((2, 2)), broken)
    good = WindowLevel(1, 2, EXACT, "second")
    assert default_voi(image_of([[0, 4]], voi=(broken, good))) is good
    assert default_voi(image_of([[0, 4]], voi=(broken,))).explanation == "Automatic"


# ── An independent implementation ─────────────────────────────────────────────────────────────────────────────────


def header(**attributes: Any) -> Dataset:
    dataset = Dataset()
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsStored, dataset.BitsAllocated, dataset.PixelRepresentation = 16, 16, 0
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32])
@given(data=st.data())
def test_windows_agree_with_pydicom(dtype, data):
    window = data.draw(windows())
    pixels = data.draw(hnp.arrays(dtype, (3, 5)))
    dataset = header(WindowCenter=window.center, WindowWidth=window.width, VOILUTFunction=window.function.value)
    with np.errstate(over="ignore"):
        theirs = pydicom_pixels.apply_windowing(pixels.astype(np.float64), dataset) / 65535
    np.testing.assert_allclose(apply_window(pixels, window), theirs, atol=2e-6)


@given(data=st.data())
def test_tables_agree_with_pydicom(data):
    entries = data.draw(hnp.arrays(np.uint16, st.integers(2, 300), elements=st.integers(0, 4095)))
    first = data.draw(st.integers(0, 60000))
    pixels = data.draw(hnp.arrays(np.uint16, (4, 4)))
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [len(entries), first, 12], entries.tolist()
    theirs = pydicom_pixels.apply_voi_lut(pixels, header(VOILUTSequence=[item]))
    np.testing.assert_allclose(apply_voi_lut(pixels, VoiLut(entries, first, 12)), theirs / 4095, rtol=1e-6)


# ── Properties ────────────────────────────────────────────────────────────────────────────────────────────────────

numbers = st.floats(-1e6, 1e6, width=32)


@given(pixels=hnp.arrays(np.float32, (2, 20), elements=numbers), window=windows())
def test_brighter_never_becomes_darker(pixels, window):
    order = np.sort(pixels.ravel()).reshape(2, 20)
    y = apply_window(order, window).ravel()
    assert (np.diff(y) >= 0).all()
    assert y.min() >= 0
    assert y.max() <= 1


@given(pixels=hnp.arrays(np.int16, (4, 4)), window=windows(), shift=st.integers(-900, 900))
def test_moving_pixels_and_center_together_changes_nothing(pixels, window, shift):
    moved = replace(window, center=window.center + shift)
    np.testing.assert_allclose(
        apply_window(pixels.astype(np.int32) + shift, moved), apply_window(pixels, window), atol=1e-6
    )


@given(pixels=hnp.arrays(np.int16, (4, 4)), window=windows((EXACT, SIGMOID)), scale=st.sampled_from([0.25, 2, 8]))
def test_scaling_pixels_and_window_together_changes_nothing(pixels, window, scale):
    scaled = replace(window, center=window.center * scale, width=window.width * scale)
    np.testing.assert_allclose(
        apply_window(pixels.astype(float) * scale, scaled), apply_window(pixels, window), atol=1e-6
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.int32, ">u2", ">i2", "<u4", np.int64])
@settings(max_examples=40)
@given(data=st.data())
def test_integers_through_the_table_equal_floats_through_the_formula(dtype, data):
    pixels = data.draw(hnp.arrays(np.dtype(dtype), (6, 7), elements=st.integers(0, 127)))
    pixels[0, 0] = data.draw(st.integers(np.iinfo(dtype).min, np.iinfo(dtype).max))
    window = data.draw(windows())
    np.testing.assert_array_equal(render(image_of(pixels), window), render(image_of(pixels.astype(np.float64)), window))


def test_large_images_equal_small_ones_and_need_no_contiguous_memory():
    pixels = np.random.default_rng(1).integers(0, 4096, (700, 500), dtype=np.uint16)
    window = WindowLevel(1800, 2500)
    whole = render(image_of(pixels), window)
    expected = np.floor(np.clip((pixels - 1799.5) / 2499 + 0.5, 0, 1) * 255 + 0.5)
    np.testing.assert_array_equal(whole, expected)
    np.testing.assert_array_equal(render(image_of(np.asfortranarray(pixels)[::-1, ::2]), window), whole[::-1, ::2])


@given(pixels=hnp.arrays(np.int16, (5, 5)), window=windows())
def test_monochrome1_is_the_complement_of_its_twin(pixels, window):
    light, dark = image_of(pixels, "MONOCHROME2"), image_of(pixels, "MONOCHROME1")
    np.testing.assert_array_equal(render(dark, window), 255 - render(light, window))
    np.testing.assert_array_equal(render(dark, window, invert=True), render(light, window))
    np.testing.assert_array_equal(render(light, window, invert=True), render(dark, window))


def test_monochrome1_inverts_tables_too():
    lut = VoiLut(np.array([0, 100, 255], np.uint16), 0, 8)
    np.testing.assert_array_equal(render(image_of([[0, 1, 2]], "MONOCHROME1"), lut), [[255, 155, 0]])


# ── No image here ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("photometric_interpretation", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_padding_is_black_whatever_the_polarity(photometric_interpretation, invert, dtype):
    pixels = np.array([[-2000, -1500, 0, 50, 100]], dtype)
    image = image_of(pixels, photometric_interpretation, padding=(-2000, -1500))
    shades = render(image, WindowLevel(50, 100, EXACT), invert=invert)[0]
    assert shades[:2].tolist() == [0, 0]
    bright_is_high = (photometric_interpretation == "MONOCHROME2") != invert
    assert shades[2:].tolist() == ([0, 128, 255] if bright_is_high else [255, 127, 0])


def test_nan_is_black_and_infinity_saturates():
    image = image_of(np.array([[np.nan, -np.inf, np.inf, 5.0]], np.float32))
    window = WindowLevel(5, 10, EXACT)
    np.testing.assert_array_equal(render(image, window), [[0, 0, 255, 128]])
    np.testing.assert_array_equal(
        render(replace(image, photometric_interpretation="MONOCHROME1"), window), [[0, 255, 0, 127]]
    )


def test_padding_and_nan_are_left_out_of_every_statistic():
    pixels = np.full((40, 40), -2000.0)
    pixels[10:30, 10:30] = np.linspace(0, 1000, 400).reshape(20, 20)
    pixels[0, 0], pixels[0, 1] = np.nan, np.inf
    image = image_of(pixels, padding=(-2000, -2000))
    assert value_range(image) == (0, 1000)
    assert full_range_window(image) == WindowLevel(500, 1000, EXACT, "Full range")
    window = automatic_window(image)
    assert window.center == pytest.approx(500)
    assert window.width == pytest.approx(990)  # from 5 to 995


@given(pixels=hnp.arrays(np.int16, (6, 6)), padding=st.integers(-3, 3))
def test_the_padding_value_does_not_matter(pixels, padding):
    pixels[0], pixels[1] = padding, 100
    padded = image_of(pixels, padding=(padding, padding))
    bare = image_of(pixels[pixels != padding].reshape(1, -1))
    assert value_range(padded) == value_range(bare)
    assert automatic_window(padded) == automatic_window(bare)


@pytest.mark.parametrize("pixels", [np.full((4, 4), np.nan), np.full((4, 4), np.inf), np.full((4, 4), -2000.0)])
def test_an_image_without_a_value_has_no_range_and_renders(pixels):
    image = image_of(pixels, padding=(-2000, -2000))
    assert np.isnan(value_range(image)).all()
    assert set(np.unique(render(image))) <= {0, 255}


# ── Automatic windows ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [0, 7, -1024, 0.25, 1e300])
@pytest.mark.parametrize(("photometric_interpretation", "gray"), [("MONOCHROME2", 128), ("MONOCHROME1", 127)])
def test_a_constant_image_is_an_even_mid_gray(value, photometric_interpretation, gray):
    image = image_of(np.full((20, 30), value), photometric_interpretation)
    np.testing.assert_array_equal(render(image), np.full((20, 30), gray))


def test_the_automatic_window_spans_the_percentiles():
    image = image_of(np.arange(1001, dtype=np.uint16).reshape(7, 143))
    window = automatic_window(image, percentiles=(1, 99))
    assert (window.center, window.width, window.function) == (500, 980, EXACT)
    shades = render(image, window).ravel()
    assert shades[10] == 0
    assert shades[990] == 255
    assert 0 < shades[12] < shades[988] < 255


def test_the_automatic_window_of_a_large_image_is_near_the_exact_one():
    values = np.random.default_rng(3).normal(1000, 200, (1500, 1700)).astype(np.float32)
    window = automatic_window(image_of(values))
    low, high = np.percentile(values, (0.5, 99.5))
    assert window.center == pytest.approx((low + high) / 2, abs=5)
    assert window.width == pytest.approx(high - low, rel=0.01)
    assert automatic_window(image_of(values.copy())) == window


def test_a_small_bright_object_is_not_lost():
    pixels = np.zeros((100, 100), np.uint8)
    pixels[50, 50] = 200
    assert automatic_window(image_of(pixels)) == WindowLevel(100, 200, EXACT, "Full range")
    assert render(image_of(pixels)).max() == 255


def test_a_range_wider_than_a_float_can_hold_renders_quietly():
    image = image_of([[-1.7e308, 0.0, 1.7e308]])
    np.testing.assert_array_equal(render(image, full_range_window(image))[0, 1], 128)


def test_the_file_s_first_window_is_the_default():
    stored = WindowLevel(40, 80, LINEAR, "BRAIN"), WindowLevel(400, 1800, LINEAR, "BONE")
    image = image_of(np.arange(-200, 200, dtype=np.int16).reshape(20, 20), voi=stored)
    assert default_voi(image) is stored[0]
    np.testing.assert_array_equal(render(image), render(image, stored[0]))


def test_colour_passes_unchanged():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    image = Image(pixels, Intensity.RGB, "RGB", "uid", padding=(0, 255))
    np.testing.assert_array_equal(render(image), pixels)
    np.testing.assert_array_equal(render(image, WindowLevel(1, 1)), pixels)
    np.testing.assert_array_equal(render(image, invert=True), 255 - pixels)
    assert value_range(image) == (pixels.min(), pixels.max())


# ── Presets ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_windows_radiologists_know():
    known = {preset.name: (preset.window.width, preset.window.center) for preset in presets_for("CT", None)}
    assert known["Brain"] == (80, 40)
    assert known["Stroke"] == (40, 40)
    assert known["Temporal bone"] == (2800, 600)
    assert known["Bone"] == (1800, 400)
    assert known["Lung"] == (1500, -600)
    assert known["Mediastinum"] == (350, 50)
    assert known["Abdomen"] == (400, 50)
    assert known["Liver"] == (150, 30)


@pytest.mark.parametrize(
    ("body_part", "first"),
    [
        ("HEAD", "Brain"),
        ("Chest", "Lung"),
        ("ABDOMEN", "Abdomen"),
        ("C-SPINE", "Bone"),
        ("KNEE", "Bone"),
        ("AORTA", "CT angiography"),
    ],
)
def test_what_fits_the_body_part_comes_first(body_part, first):
    presets = presets_for("CT", body_part)
    assert presets[0].name == first
    assert len({preset.name for preset in presets}) == len(presets) == len(presets_for("CT", None))


@pytest.mark.parametrize("modality", ["MR", "CR", "DX", "US", None])
def test_only_hounsfield_units_have_fixed_windows(modality):
    assert presets_for(modality, "CHEST") == ()


# ── Real films ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_film_relabelled_monochrome1_is_shown_inverted(shared_data):
    looks = []
    for path in sorted((shared_data / "dicom" / "chest").glob("*.dcm")):
        dataset = dcmread(path)
        if dataset.Modality == "CR":  # the same pixels under both photometric interpretations
            image = image_of(dataset.pixel_array, dataset.PhotometricInterpretation)
            looks.append(render(image, WindowLevel(128, 256)))
    assert len(looks) == 2
    np.testing.assert_array_equal(looks[0], 255 - looks[1])

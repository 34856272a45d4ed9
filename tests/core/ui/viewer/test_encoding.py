"""Pictures as bytes: every value comes back, in the smallest type that holds it."""

from __future__ import annotations

import numpy as np
import pytest

from core.domain import Acquisition, Intensity, Position, Spacing, VoiFunction, VoiLut, WindowLevel
from core.ui.viewer.encoding import encode_frame, narrow
from tests.core.ui.viewer.made_images import frame_of, image_of, unpacked


@pytest.mark.parametrize(
    ("low", "high", "dtype", "expected"),
    [
        (0, 255, np.int64, "uint8"),
        (0, 256, np.int32, "int16"),
        (-1, 255, np.int32, "int16"),
        (-32768, 32767, np.int32, "int16"),
        (0, 65535, np.int32, "uint16"),
        (-33792, 2000, np.int32, "uint16"),
        (100_000, 165_535, np.int64, "uint16"),
        (0, 65536, np.int64, "int32"),
        (-(2**31), 2**31 - 1, np.int64, "int32"),
        (0, 2**31, np.uint32, "float64"),
    ],
)
def test_whole_numbers_travel_in_the_smallest_type_that_holds_them(low, high, dtype, expected) -> None:
    pixels = np.array([[low, high], [high, low]], dtype)
    stored, intercept = narrow(pixels)
    assert stored.dtype.name == expected
    assert np.array_equal(stored.astype(np.float64) + intercept, pixels)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.1, np.nan]], np.float32), "float32"),
        (np.array([[0.5, np.inf, np.nan]], np.float64), "float32"),
        (np.array([[0.1, 1e300]], np.float64), "float64"),
        (np.array([[0.25]], np.float16), "float32"),
    ],
)
def test_fractions_keep_every_bit(values, expected) -> None:
    stored, intercept = narrow(values)
    assert (stored.dtype.name, intercept) == (expected, 0)
    assert np.array_equal(stored.astype(np.float64), values.astype(np.float64), equal_nan=True)


def test_big_endian_and_strided_pixels_come_out_little_endian_and_in_order() -> None:
    pixels = np.arange(24, dtype=">i2").reshape(4, 6)[::2, ::3] * 300
    _, stored, _ = unpacked(encode_frame(image_of(pixels), frame_of(image_of(pixels)), Acquisition()))
    assert stored.tolist() == [[0, 900], [3600, 4500]]


def test_the_header_says_what_is_needed_to_show_probe_and_measure() -> None:
    image = image_of(
        np.array([[-1024, 50], [3000, -2000]], np.int16),
        intensity=Intensity.HU,
        padding=(-2000.0, -2000.0),
        spacing=Spacing(0.5, 0.25, "PixelSpacing"),
        voi=(WindowLevel(40, 80, VoiFunction.LINEAR, "BRAIN"),),
    )
    frame = frame_of(image, position=Position((0, 0, 0), (1, 0, 0, 0, 1, 0)))
    header, _, _ = unpacked(encode_frame(image, frame, Acquisition(modality="CT", body_part_examined="HEAD")))
    assert (header["rows"], header["columns"], header["channels"]) == (2, 2, 1)
    assert header["rescale"] == {"slope": 1, "intercept": 0}
    assert header["padding"] == [-2000, -2000]
    assert header["unit"] == "HU"
    assert header["spacing"] == {"row_mm": 0.5, "column_mm": 0.25, "source": "PixelSpacing"}
    assert header["edges"] == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    assert header["windows"][0] == {"name": "File: BRAIN 80/40", "center": 40, "width": 80, "function": "LINEAR"}
    assert [window["name"] for window in header["windows"][1:4]] == ["Automatic", "Full range", "Brain 80/40"]


def test_voi_luts_follow_the_pixels() -> None:
    luts = tuple(VoiLut(np.array(values, np.uint16), first, 12) for values, first in (([7, 8, 9], -5), ([4095, 0], 3)))
    image = image_of(np.array([[1]], np.uint8), voi=luts)
    header, _, behind = unpacked(encode_frame(image, frame_of(image), Acquisition()))
    tables = [window["lut"] for window in header["windows"] if "lut" in window]
    assert tables[0] == {"first_value": -5, "bits": 12, "first": 0, "entries": 3}
    assert tables[1] == {"first_value": 3, "bits": 12, "first": 3, "entries": 2}
    assert np.frombuffer(behind, "<u2").tolist() == [7, 8, 9, 4095, 0]


def test_graphics_follow_as_bits() -> None:
    graphics = np.zeros((3, 5), np.bool_)
    graphics[0, 1] = graphics[2, 4] = True
    lut = VoiLut(np.array([7, 8, 9], np.uint16), -5, 12)
    image = image_of(np.zeros((3, 5), np.uint8), voi=(lut,), graphics=graphics)
    header, _, behind = unpacked(encode_frame(image, frame_of(image), Acquisition()))
    assert header["graphics"] is True
    # Three entries of two bytes, then pixels 1 and 14 of 15.
    assert list(behind[6:]) == [0b00000010, 0b01000000]


def test_colour_has_three_channels_and_no_window() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    header, stored, _ = unpacked(encode_frame(image_of(pixels), frame_of(image_of(pixels)), Acquisition()))
    assert (header["channels"], header["windows"]) == (3, [])
    assert np.array_equal(stored, pixels)


def test_nothing_of_series_or_study_is_in_the_bytes() -> None:
    image = image_of(np.zeros((2, 2), np.uint8), uid="5ecret")
    assert b"5ecret" not in encode_frame(image, frame_of(image), Acquisition(manufacturer="5ecret"))

"""What the file proposes for display, and the distance between its pixels."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian

from core.domain import Image, Spacing, VoiFunction, VoiLut, WindowLevel
from core.io.dicom import decode_frame
from tests.core.io.dicom.made import dataset_of, file_of, image_file, item, read

FLAT = np.zeros((2, 2), np.uint16)


def image_of(**attributes: object) -> Image:
    return decode_frame(image_file(FLAT, **attributes), 0)


def codes(image: Image) -> list[str]:
    return [notice.code for notice in image.notices if notice.code != "uncalibrated"]


# ── Windows ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_windows_come_in_the_order_of_the_file_with_their_explanations():
    image = image_of(
        WindowCenter=[40, -600], WindowWidth=[400, 1500], WindowCenterWidthExplanation=["MEDIASTINUM", "LUNG"]
    )
    assert image.voi == (WindowLevel(40, 400, explanation="MEDIASTINUM"), WindowLevel(-600, 1500, explanation="LUNG"))


@pytest.mark.parametrize("function", list(VoiFunction))
def test_the_function_of_a_window_is_kept(function):
    assert image_of(WindowCenter=1, WindowWidth=2, VOILUTFunction=function.value).voi[0].function is function


@pytest.mark.parametrize(
    ("width", "function", "usable"),
    [
        (0, "LINEAR", False),
        (-5, "LINEAR", False),
        (0.5, "LINEAR", False),
        (1, "LINEAR", True),
        (0.5, "LINEAR_EXACT", True),
        (0, "LINEAR_EXACT", False),
        (0.5, "SIGMOID", True),
        (0, "SIGMOID", False),
    ],
)
def test_a_window_too_narrow_for_its_function_is_dropped_with_a_notice(width, function, usable):
    """PS3.3 C.11.2.1.2.1: at least 1 for LINEAR; C.11.2.1.3: above 0 for the others."""
    image = image_of(WindowCenter=10, WindowWidth=width, VOILUTFunction=function)
    assert (len(image.voi), codes(image)) == ((1, []) if usable else (0, ["window-unusable"]))


def test_one_bad_window_does_not_take_the_others_along():
    image = image_of(WindowCenter=[1, 2, 3], WindowWidth=[10, 0, 30])
    assert [window.width for window in image.voi] == [10, 30]
    assert codes(image) == ["window-unusable"]


def test_centres_without_widths_are_noted():
    image = image_of(WindowCenter=[1, 2], WindowWidth=10)
    assert [window.center for window in image.voi] == [1]
    assert codes(image) == ["window-unusable"]


def test_an_unknown_function_drops_the_windows():
    image = image_of(WindowCenter=1, WindowWidth=10, VOILUTFunction="CUBIC")
    assert (image.voi, codes(image)) == ((), ["voi-function-unknown"])


def test_a_window_that_is_no_number_is_noted():
    content = file_of(dataset_of(FLAT, WindowCenter="123456", WindowWidth="10"))
    image = decode_frame(read(content.replace(b"123456", b"middle")), 0)
    assert (image.voi, codes(image)) == ((), ["window-unusable"])


def test_colour_has_no_windows():
    image = decode_frame(image_file(np.zeros((2, 2, 3), np.uint8), is_colour=True, WindowCenter=1, WindowWidth=10), 0)
    assert image.voi == ()


# ── VOI LUT ───────────────────────────────────────────────────────────────────────────────────────────────────────


def lut(data: bytes | list[int], descriptor: list[int], *, vr: str, explanation: str = "") -> Dataset:
    result = item(LUTExplanation=explanation)
    result.add_new("LUTDescriptor", "US", descriptor)
    result.add_new("LUTData", vr, data)
    return result


def voi_luts(*luts: Dataset, pixels: np.ndarray = FLAT, syntax: str | None = None, **attributes: object) -> Image:
    dataset = dataset_of(pixels, VOILUTSequence=Sequence(luts), **attributes)
    return decode_frame(read(file_of(dataset, syntax) if syntax else file_of(dataset)), 0)


def only_lut(image: Image) -> VoiLut:
    (entry,) = image.voi
    assert isinstance(entry, VoiLut)
    return entry


@pytest.mark.parametrize(
    ("data", "descriptor", "vr"),
    [
        ([1, 20, 255], [3, 7, 8], "US"),
        (struct.pack("<3H", 1, 20, 255), [3, 7, 8], "OW"),
        (bytes([1, 20, 255, 0]), [3, 7, 8], "OW"),
        ([1 + (20 << 8), 255], [3, 7, 8], "US"),
    ],
    ids=["US", "OW", "8 bits packed in OW", "8 bits packed in US"],
)
def test_a_table_is_read_however_it_is_stored(data, descriptor, vr):
    table = only_lut(voi_luts(lut(data, descriptor, vr=vr, explanation="NORMAL")))
    np.testing.assert_array_equal(table.values, [1, 20, 255])
    assert (table.first_value, table.bits, table.explanation) == (7, 8, "NORMAL")
    assert table.values.dtype == np.uint16


def test_a_big_endian_table_is_swapped():
    image = voi_luts(lut(struct.pack(">3H", 1, 20, 4095), [3, 0, 12], vr="OW"), syntax=ExplicitVRBigEndian)
    np.testing.assert_array_equal(only_lut(image).values, [1, 20, 4095])


def test_zero_entries_mean_65536():
    table = only_lut(voi_luts(lut(np.arange(65536, dtype="<u2").tobytes(), [0, 0, 16], vr="OW")))
    assert (len(table.values), table.values[-1], table.bits) == (65536, 65535, 16)


def test_the_first_value_is_signed_where_values_may_be_negative():
    signed = voi_luts(lut([0, 9], [2, 64512, 8], vr="US"), RescaleSlope=1, RescaleIntercept=-1024)
    unsigned = voi_luts(lut([0, 9], [2, 64512, 8], vr="US"))
    assert (only_lut(signed).first_value, only_lut(unsigned).first_value) == (-1024, 64512)


def test_entries_beyond_the_announced_bits_widen_them():
    assert only_lut(voi_luts(lut([0, 4095], [2, 0, 8], vr="US"))).bits == 12


def test_tables_come_before_windows():
    image = voi_luts(lut([0, 9], [2, 0, 8], vr="US"), WindowCenter=1, WindowWidth=10)
    assert [type(entry) for entry in image.voi] == [VoiLut, WindowLevel]


@pytest.mark.parametrize("descriptor", [[400, 0, 8], [2, 0, 40], [2, 0]], ids=["too short", "40 bits", "two numbers"])
def test_an_unusable_table_is_noted_and_the_window_stays(descriptor):
    image = voi_luts(lut([0, 9], descriptor, vr="US"), WindowCenter=1, WindowWidth=10)
    assert ([type(entry) for entry in image.voi], codes(image)) == ([WindowLevel], ["voi-lut-unusable"])


# ── Spacing ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("attributes", "spacing", "notice"),
    [
        ({"PixelSpacing": [0.3, 0.5]}, Spacing(0.3, 0.5, "PixelSpacing"), []),
        ({"PixelSpacing": [0.3, 0.5], "ImagerPixelSpacing": [1, 1]}, Spacing(0.3, 0.5, "PixelSpacing"), []),
        ({"ImagerPixelSpacing": [0.2, 0.2]}, Spacing(0.2, 0.2, "ImagerPixelSpacing"), ["spacing-at-detector"]),
        (
            {"ImagerPixelSpacing": [0.2, 0.3], "EstimatedRadiographicMagnificationFactor": 2},
            Spacing(0.1, 0.15, "ImagerPixelSpacing / EstimatedRadiographicMagnificationFactor"),
            [],
        ),
        (
            {"ImagerPixelSpacing": [0.2, 0.2], "EstimatedRadiographicMagnificationFactor": 0},
            Spacing(0.2, 0.2, "ImagerPixelSpacing"),
            ["spacing-at-detector"],
        ),
        (
            {"PixelSpacing": [0.2, 0.2], "ImagerPixelSpacing": [0.2, 0.2]},
            Spacing(0.2, 0.2, "PixelSpacing"),
            ["spacing-at-detector"],
        ),
        (
            {"PixelSpacing": [1, 1], "ImagerPixelSpacing": [1, 1], "PixelSpacingCalibrationType": "GEOMETRY"},
            Spacing(1, 1, "PixelSpacing"),
            [],
        ),
        ({"NominalScannedPixelSpacing": [0.1, 0.1]}, Spacing(0.1, 0.1, "NominalScannedPixelSpacing"), []),
        ({"PixelSpacing": [0, 0]}, None, ["uncalibrated"]),
        ({"PixelSpacing": [-0.3, 0.3]}, None, ["uncalibrated"]),
        ({"PixelSpacing": [0.3]}, None, ["uncalibrated"]),
        (
            {"PixelSpacing": [0, 0], "ImagerPixelSpacing": [1, 2]},
            Spacing(1, 2, "ImagerPixelSpacing"),
            ["spacing-at-detector"],
        ),
        ({}, None, ["uncalibrated"]),
    ],
)
def test_spacing_names_its_source_and_is_never_made_up(attributes, spacing, notice):
    image = image_of(**attributes)
    assert image.spacing == spacing
    assert [entry.code for entry in image.notices] == notice


def test_colour_images_have_spacing_too():
    image = decode_frame(image_file(np.zeros((2, 2, 3), np.uint8), is_colour=True, PixelSpacing=[0.3, 0.5]), 0)
    assert image.spacing == Spacing(0.3, 0.5, "PixelSpacing")

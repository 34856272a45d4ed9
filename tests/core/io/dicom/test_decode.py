"""Gray pixels: stored bits, modality LUT, what the values mean, padding."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from core.domain import Intensity
from core.errors import StudyError
from core.io.dicom import decode_frame, read_header
from tests.core.io.dicom.made import SMALL, dataset_of, file_of, image_file, item, read


def pixels_of(pixels: np.ndarray, **attributes: object) -> np.ndarray:
    return decode_frame(image_file(pixels, **attributes), 0).pixels


# ── Stored bits ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_every_width_and_sign_is_read_as_it_was_written(dtype, syntax):
    limits = np.iinfo(dtype)
    pixels = np.array([[limits.min, -1 if limits.min else 1], [0, limits.max]], dtype)
    result = decode_frame(image_file(pixels, syntax=syntax), 0).pixels
    np.testing.assert_array_equal(result, pixels)
    assert result.dtype == dtype


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint32])
def test_big_endian_words_are_swapped(dtype):
    pixels = np.array([[1, 2, 300], [400, 500, 32000]], dtype)
    dataset = dataset_of(pixels, PixelData=pixels.astype(np.dtype(dtype).newbyteorder(">")).tobytes())
    result = decode_frame(read(file_of(dataset, ExplicitVRBigEndian)), 0).pixels
    np.testing.assert_array_equal(result, pixels)
    assert result.dtype.isnative


def test_big_endian_bytes_written_as_words_are_swapped():
    pixels = np.array([[1, 2, 3, 4]], np.uint8)
    dataset = dataset_of(pixels, PixelData=bytes([2, 1, 4, 3]))
    dataset["PixelData"].VR = "OW"
    np.testing.assert_array_equal(decode_frame(read(file_of(dataset, ExplicitVRBigEndian)), 0).pixels, pixels)


def test_junk_above_the_stored_bits_is_masked():
    junk = np.array([[0xF001, 0x0FFF], [0x8000, 0x1234]], np.uint16)
    result = pixels_of(junk, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(result, [[0x001, 0xFFF], [0x000, 0x234]])


def test_the_sign_is_that_of_the_stored_bits():
    words = np.array([[0x0FFF, 0x0800], [0x07FF, 0xF001]], np.uint16).view(np.int16)
    result = pixels_of(words, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(result, [[-1, -2048], [2047, 1]])


def test_stored_bits_at_the_top_are_shifted_down():
    """HighBit 15 with 12 bits: the low nibble is not part of the value, PS3.5 8.1.1."""
    result = pixels_of(np.array([[0x123A, 0xFFFF]], np.uint16), BitsStored=12, HighBit=15)
    np.testing.assert_array_equal(result, [[0x123, 0xFFF]])


@pytest.mark.parametrize("pixels", [np.array([[0, 4095]], np.uint16), np.array([[-2048, 2047]], np.int16)])
def test_a_high_bit_that_would_leave_nothing_is_not_believed(pixels):
    image = decode_frame(image_file(pixels, BitsStored=12, HighBit=15), 0)
    np.testing.assert_array_equal(image.pixels, pixels)
    assert "high-bit-ignored" in [notice.code for notice in image.notices]


@pytest.mark.parametrize(
    ("dtype", "attributes", "expected"),
    [
        (np.uint16, {"BitsStored": 12, "HighBit": 11}, (0, 4095)),
        (np.uint16, {"BitsStored": 15, "HighBit": 14}, (0, 32767)),
        (np.int16, {"BitsStored": 16, "HighBit": 15}, (-32768, 32767)),
        (np.uint16, {"BitsStored": 12, "HighBit": 11, "RescaleSlope": 2, "RescaleIntercept": -1000}, (-1000, 7190)),
        (np.uint16, {"BitsStored": 10, "HighBit": 9, "RescaleSlope": -1, "RescaleIntercept": 1023}, (0, 1023)),
    ],
)
def test_the_range_of_the_stored_bits_is_told_in_the_units_of_the_pixels(dtype, attributes, expected):
    image = decode_frame(image_file(np.array([[0, 500]], dtype), **attributes), 0)
    assert image.stored_range == expected


def test_single_bits_are_unpacked_across_frames_that_share_a_byte():
    bits = np.array([[[1, 0, 1, 1, 0]], [[0, 1, 1, 0, 1]], [[1, 1, 1, 1, 0]]], np.uint8)
    attributes = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    dataset = dataset_of(bits, **attributes, PixelData=np.packbits(bits.ravel(), bitorder="little").tobytes())
    file = read(file_of(dataset))
    for index in range(3):
        np.testing.assert_array_equal(decode_frame(file, index).pixels, bits[index])


def test_single_bits_in_big_endian_words_are_swapped():
    bits = np.random.default_rng(2).integers(0, 2, (2, 3, 7), np.uint8)
    words = np.frombuffer(np.packbits(bits.ravel(), bitorder="little").tobytes(), "<u2")
    dataset = dataset_of(bits, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=words.astype(">u2").tobytes())
    dataset["PixelData"].VR = "OW"
    file = read(file_of(dataset, ExplicitVRBigEndian))
    for index in range(2):
        np.testing.assert_array_equal(decode_frame(file, index).pixels, bits[index])


@pytest.mark.parametrize(("keyword", "dtype"), [("FloatPixelData", np.float32), ("DoubleFloatPixelData", np.float64)])
def test_floating_point_pixels_are_read_with_nan_and_infinity(keyword, dtype):
    pixels = np.array([[0.5, np.nan], [np.inf, -1e30]], dtype)
    dataset = dataset_of(np.zeros((2, 2), np.uint16), PixelData=None, BitsStored=None, HighBit=None)
    del dataset.PixelRepresentation
    dataset.BitsAllocated = 8 * pixels.dtype.itemsize
    setattr(dataset, keyword, pixels.tobytes())
    image = decode_frame(read(file_of(dataset)), 0)
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.pixels.dtype == dtype
    assert image.stored_range is None


def test_one_frame_of_many_is_decoded():
    pixels = np.arange(24, dtype=np.uint16).reshape(4, 2, 3)
    file = image_file(pixels)
    np.testing.assert_array_equal(decode_frame(file, 2).pixels, pixels[2])
    assert [decode_frame(file, index).uid for index in (0, 3)] == [f"{file.digest}:1", f"{file.digest}:4"]


@pytest.mark.parametrize("index", [-1, 1])
def test_a_frame_that_is_not_there_is_refused(index):
    with pytest.raises(StudyError, match="There is no frame"):
        decode_frame(image_file(np.zeros((2, 2), np.uint16)), index)


def test_the_pixels_are_a_copy_that_may_be_written_to():
    content = file_of(dataset_of(np.zeros((2, 2), np.uint16)))
    file = read(content)
    decode_frame(file, 0).pixels[:] = 7
    assert not decode_frame(file, 0).pixels.any()


# ── Modality LUT ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("bits", "slope", "intercept", "expected", "dtype"),
    [
        (12, 1, -1024, [-1024, 3071], np.int16),
        (16, 1, -1024, [-1024, 64511], np.int32),
        (12, 2, -1000, [-1000, 7190], np.int16),
        (12, -1, 0, [0, -4095], np.int16),
        (12, 1, 0, [0, 4095], np.uint16),
        (12, 0.5, -1, [-1.0, 2046.5], np.float32),
        (12, 1, 0.25, [0.25, 4095.25], np.float32),
        (12, 2**20, 0, [0, 4095 * 2**20], np.int64),
    ],
)
def test_rescale_keeps_whole_numbers_whole(bits, slope, intercept, expected, dtype):
    pixels = np.array([[0, 2**bits - 1]], np.uint16)
    result = pixels_of(pixels, BitsStored=bits, HighBit=bits - 1, RescaleSlope=slope, RescaleIntercept=intercept)
    np.testing.assert_array_equal(result[0], expected)
    assert result.dtype == dtype


def test_an_intercept_alone_is_applied():
    np.testing.assert_array_equal(pixels_of(np.array([[5]], np.int16), RescaleIntercept=-3), [[2]])


@pytest.mark.parametrize("value", ["0", "1e999", "steep"])
def test_an_impossible_slope_leaves_the_stored_values(value):
    content = file_of(dataset_of(np.array([[5, 6]], np.uint16), RescaleSlope="1.2345", RescaleIntercept="0"))
    image = decode_frame(read(content.replace(b"1.2345", value.ljust(6).encode())), 0)
    np.testing.assert_array_equal(image.pixels, [[5, 6]])
    assert [notice.code for notice in image.notices if notice.code != "uncalibrated"] == (
        ["rescale-unusable"] if value == "0" else []
    )


def lut_item(values: list[int], first: int, bits: int) -> Dataset:
    result = item(LUTDescriptor=[len(values), first, bits], ModalityLUTType="US")
    result.add_new("LUTData", "US", values)
    result["LUTDescriptor"].VR = "US"
    return result


def test_a_modality_lut_is_applied_and_holds_its_ends():
    pixels = np.array([[0, 10, 11, 12, 13, 500]], np.uint16)
    image = decode_frame(image_file(pixels, ModalityLUTSequence=Sequence([lut_item([7, 70, 700], 10, 16)])), 0)
    np.testing.assert_array_equal(image.pixels, [[7, 7, 70, 700, 700, 700]])
    assert image.intensity is Intensity.OTHER


def test_a_modality_lut_of_signed_pixels_may_begin_below_zero():
    lut = lut_item([1, 2, 3, 4], 65534, 16)
    result = pixels_of(np.array([[-3, -2, -1, 0, 1, 2]], np.int16), ModalityLUTSequence=Sequence([lut]))
    np.testing.assert_array_equal(result, [[1, 1, 2, 3, 4, 4]])


def test_an_unusable_modality_lut_is_noted():
    lut = lut_item([1, 2, 3, 4], 0, 16)
    lut.LUTDescriptor = [400, 0, 16]
    lut["LUTDescriptor"].VR = "US"
    image = decode_frame(image_file(np.array([[1, 2]], np.uint16), ModalityLUTSequence=Sequence([lut])), 0)
    np.testing.assert_array_equal(image.pixels, [[1, 2]])
    assert "modality-lut-unusable" in [notice.code for notice in image.notices]


# ── Meaning ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("attributes", "intensity"),
    [
        ({"RescaleSlope": 1, "RescaleIntercept": -1024}, Intensity.HU),
        ({"RescaleSlope": 1, "RescaleIntercept": -1024, "RescaleType": "HU"}, Intensity.HU),
        ({"RescaleSlope": 1, "RescaleIntercept": 0, "RescaleType": "US"}, Intensity.OTHER),
        ({}, Intensity.GRAY),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, Intensity.RADIOGRAPH),
        ({"Modality": "DX"}, Intensity.RADIOGRAPH),
        ({"Modality": "CR"}, Intensity.RADIOGRAPH),
        ({"Modality": "MG"}, Intensity.RADIOGRAPH),
        ({"Modality": "XA"}, Intensity.RADIOGRAPH),
        ({"Modality": "MR"}, Intensity.MR_ARBITRARY),
        ({"Modality": "US"}, Intensity.ULTRASOUND),
        ({"Modality": "PT"}, Intensity.OTHER),
        ({"Modality": "RTDOSE"}, Intensity.OTHER),
        ({"Modality": "OT"}, Intensity.GRAY),
        ({"Modality": None}, Intensity.GRAY),
    ],
)
def test_intensity_says_what_the_values_mean(attributes, intensity):
    assert decode_frame(image_file(np.zeros((2, 2), np.uint16), **attributes), 0).intensity is intensity


def test_monochrome1_is_not_inverted_here():
    image = decode_frame(image_file(np.array([[1, 9]], np.uint16), PhotometricInterpretation="MONOCHROME1"), 0)
    assert image.photometric_interpretation == "MONOCHROME1"
    np.testing.assert_array_equal(image.pixels, [[1, 9]])


# ── Padding ───────────────────────────────────────────────────────────────────────────────────────────────────────


def padded(dtype: type, value: int, vr: str, *, limit: int | None = None, **attributes: object) -> object:
    dataset = dataset_of(np.zeros((2, 2), dtype), **attributes)
    dataset.add_new("PixelPaddingValue", vr, value)
    if limit is not None:
        dataset.add_new("PixelPaddingRangeLimit", vr, limit)
    return decode_frame(read(file_of(dataset)), 0).padding


def test_padding_is_in_the_units_of_the_pixels():
    assert padded(np.int16, -2000, "SS", RescaleSlope=1, RescaleIntercept=-1024) == (-3024, -3024)


def test_padding_of_signed_pixels_may_be_written_unsigned():
    assert padded(np.int16, 63536, "US") == (-2000, -2000)


def test_padding_of_unsigned_pixels_may_be_written_signed():
    assert padded(np.uint16, -1, "SS") == (65535, 65535)


def test_a_padding_range_is_ordered_even_where_the_slope_is_negative():
    assert padded(np.uint16, 0, "US", limit=10, RescaleSlope=-2, RescaleIntercept=5) == (-15, 5)


def test_pixels_of_padding_equal_it_to_the_last_bit_whatever_the_slope():
    rng = np.random.default_rng(0)
    for slope, intercept in zip(rng.uniform(0.01, 5, 60), rng.uniform(-2000, 2000, 60), strict=True):
        dataset = dataset_of(
            np.full((2, 2), -2000, np.int16), RescaleSlope=f"{slope:.6f}", RescaleIntercept=f"{intercept:.4f}"
        )
        dataset.add_new("PixelPaddingValue", "SS", -2000)
        image = decode_frame(read(file_of(dataset)), 0)
        low, high = image.padding
        assert ((image.pixels >= low) & (image.pixels <= high)).all()


def test_there_is_no_padding_without_the_attribute():
    assert decode_frame(image_file(np.zeros((2, 2), np.uint16)), 0).padding is None


# ── Enhanced multi-frame ──────────────────────────────────────────────────────────────────────────────────────────


def enhanced() -> Dataset:
    """Two frames: rescale, window and spacing of each its own, orientation shared."""
    dataset = dataset_of(np.arange(8, dtype=np.uint16).reshape(2, 2, 2))
    dataset.PerFrameFunctionalGroupsSequence = Sequence(
        item(
            PixelValueTransformationSequence=[item(RescaleSlope=slope, RescaleIntercept=-10, RescaleType="HU")],
            FrameVOILUTSequence=[item(WindowCenter=center, WindowWidth=50)],
            PlanePositionSequence=[item(ImagePositionPatient=[0, 0, z])],
        )
        for slope, center, z in ((1, 40, 5.0), (2, 60, 2.5))
    )
    dataset.SharedFunctionalGroupsSequence = Sequence(
        [
            item(
                PixelMeasuresSequence=[item(PixelSpacing=[0.4, 0.5])],
                PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
            )
        ]
    )
    return dataset


def test_each_frame_of_an_enhanced_object_has_its_own_rescale_window_and_spacing():
    file = read(file_of(enhanced()))
    first, second = decode_frame(file, 0), decode_frame(file, 1)
    np.testing.assert_array_equal(first.pixels, [[-10, -9], [-8, -7]])
    np.testing.assert_array_equal(second.pixels, [[-2, 0], [2, 4]])
    assert [image.voi[0].center for image in (first, second)] == [40, 60]
    assert (second.spacing.row_mm, second.spacing.column_mm) == (0.4, 0.5)
    assert second.intensity is Intensity.HU


def test_frames_may_be_decoded_from_many_threads_at_once():
    content = file_of(enhanced())
    for _ in range(20):
        file = read(content)  # anew, so that nothing of the header has been converted yet
        with ThreadPoolExecutor(8) as pool:
            images = list(pool.map(partial(decode_frame, file), [0, 1] * 8))
        assert [int(image.pixels.sum()) for image in images] == [-34, 4] * 8


def test_the_default_limits_are_those_of_the_intake():
    from core.io.limits import Limits

    content = file_of(dataset_of(np.zeros((16, 16), np.uint16)))
    assert read_header(content, name="", limits=Limits()).layout == read_header(content, name="", limits=SMALL).layout

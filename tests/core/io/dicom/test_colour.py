"""Colour: RGB of any depth, YBR, planes, palettes plain and segmented."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

from core.domain import Intensity
from core.errors import StudyError
from core.io.dicom import decode_frame
from core.io.dicom.palette import expand_segments
from tests.core.io.dicom.made import dataset_of, file_of, image_file, read

RGB = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [10, 20, 30]]], np.uint8)


def test_rgb_is_kept():
    image = decode_frame(image_file(RGB, is_colour=True), 0)
    np.testing.assert_array_equal(image.pixels, RGB)
    assert (image.intensity, image.photometric_interpretation) == (Intensity.RGB, "RGB")
    assert image.is_colour
    assert image.padding is None


def test_colour_by_plane_is_interleaved():
    planes = np.moveaxis(RGB, -1, 0).tobytes()
    image = decode_frame(image_file(RGB, is_colour=True, PlanarConfiguration=1, PixelData=planes), 0)
    np.testing.assert_array_equal(image.pixels, RGB)
    assert image.pixels.flags.c_contiguous


@pytest.mark.parametrize(("bits", "stored"), [(16, 16), (32, 32)])
def test_deep_rgb_keeps_its_highest_bits(bits, stored):
    deep = RGB.astype(f"u{bits // 8}") * (2**bits // 255)
    image = decode_frame(image_file(deep, is_colour=True, BitsStored=stored), 0)
    np.testing.assert_array_equal(image.pixels, RGB)


def test_shallow_rgb_is_spread_to_eight_bits():
    image = decode_frame(image_file(np.full((1, 1, 3), 31, np.uint8), is_colour=True, BitsStored=5, HighBit=4), 0)
    np.testing.assert_array_equal(image.pixels, [[[255, 255, 255]]])


def test_ybr_becomes_rgb_by_the_formula_of_the_standard():
    """PS3.3 C.7.6.3.1.2, worked out by hand: R = Y + 1.402 Cr', G = Y - 0.3441 Cb' - 0.7141 Cr', B = Y + 1.772 Cb'."""
    ybr = np.array([[[128, 128, 128], [100, 100, 200], [76, 85, 255]]], np.uint8)
    image = decode_frame(image_file(ybr, is_colour=True, PhotometricInterpretation="YBR_FULL"), 0)
    np.testing.assert_array_equal(image.pixels, [[[128, 128, 128], [201, 58, 50], [254, 0, 0]]])


def test_subsampled_ybr_is_spread_over_pairs_of_pixels():
    """Y1 Y2 Cb Cr for two pixels, PS3.3 C.7.6.3.1.2."""
    packed = bytes([128, 100, 128, 128, 50, 60, 128, 128])
    attributes = {"PhotometricInterpretation": "YBR_FULL_422", "PixelData": packed}
    image = decode_frame(image_file(np.zeros((2, 2, 3), np.uint8), is_colour=True, **attributes), 0)
    np.testing.assert_array_equal(image.pixels[..., 0], [[128, 100], [50, 60]])


def test_full_pixels_that_claim_to_be_subsampled_are_read_as_what_they_are():
    gray = np.repeat(np.array([[[10], [20]], [[30], [40]]], np.uint8), 3, axis=2)
    gray[..., 1:] = 128
    file = image_file(gray, is_colour=True, PhotometricInterpretation="YBR_FULL_422")
    assert [notice.code for notice in file.notices] == ["not-subsampled"]
    np.testing.assert_array_equal(decode_frame(file, 0).pixels[..., 1], [[10, 20], [30, 40]])


def test_colour_without_an_interpretation_is_taken_for_rgb():
    file = image_file(RGB, is_colour=True, PhotometricInterpretation=None)
    assert [notice.code for notice in file.notices] == ["photometric-interpretation-assumed"]
    np.testing.assert_array_equal(decode_frame(file, 0).pixels, RGB)


# ── Palette ───────────────────────────────────────────────────────────────────────────────────────────────────────


def palette(
    indices: np.ndarray, tables: list[bytes], descriptor: list[int], *, segmented: bool = False, **attributes: object
) -> Dataset:
    dataset = dataset_of(indices, PhotometricInterpretation="PALETTE COLOR", **attributes)
    prefix = "Segmented" if segmented else ""
    for colour, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", descriptor)
        dataset.add_new(f"{prefix}{colour}PaletteColorLookupTableData", "OW", table)
    return dataset


def words(*values: int, order: str = "<") -> bytes:
    return struct.pack(f"{order}{len(values)}H", *values)


INDICES = np.array([[0, 1, 2, 3]], np.uint8)
EXPECTED = [[[1, 40, 7], [2, 50, 8], [3, 60, 9], [3, 60, 9]]]


@pytest.mark.parametrize(
    ("tables", "bits"),
    [
        ([bytes([1, 2, 3, 0]), bytes([40, 50, 60, 0]), bytes([7, 8, 9, 0])], 8),
        ([words(1, 2, 3), words(40, 50, 60), words(7, 8, 9)], 8),
        ([words(0x100, 0x2FF, 0x380), words(0x2800, 0x3200, 0x3CFF), words(0x700, 0x800, 0x900)], 16),
        ([words(1, 2, 3), words(40, 50, 60), words(7, 8, 9)], 16),
    ],
    ids=["bytes", "bytes in words", "words", "bytes that claim to be words"],
)
def test_a_palette_becomes_rgb_of_eight_bits(tables, bits):
    image = decode_frame(read(file_of(palette(INDICES, tables, [3, 0, bits]))), 0)
    np.testing.assert_array_equal(image.pixels, EXPECTED)
    assert image.intensity is Intensity.RGB


def test_a_big_endian_palette_is_swapped():
    tables = [words(0x100, 0x200, order=">"), words(0x300, 0x400, order=">"), words(0x500, 0x600, order=">")]
    dataset = palette(np.array([[0, 256]], np.uint16), tables, [2, 0, 16])  # 0 and 1 when swapped
    content = file_of(dataset, ExplicitVRBigEndian)
    np.testing.assert_array_equal(decode_frame(read(content), 0).pixels, [[[1, 3, 5], [2, 4, 6]]])


def test_a_palette_begins_at_its_first_value_and_reaches_beyond_256():
    indices = np.array([[99, 100, 399, 400, 65535]], np.uint16)
    ramp = bytes(np.repeat(np.arange(150, dtype=np.uint8), 2))
    image = decode_frame(read(file_of(palette(indices, [ramp, ramp, ramp], [300, 100, 8]))), 0)
    np.testing.assert_array_equal(image.pixels[0, :, 0], [0, 0, 149, 149, 149])


def test_a_segmented_palette_is_expanded():
    """Discrete 0, 10; linear to 30 in 4 steps; a copy of that linear segment, which goes on from 30 to 30."""
    table = bytes([0, 2, 0, 10, 1, 4, 30, 2, 1, 4, 0, 0, 0, 0])
    indices = np.arange(10, dtype=np.uint8).reshape(1, 10)
    dataset = palette(indices, [table] * 3, [10, 0, 8], segmented=True)
    image = decode_frame(read(file_of(dataset)), 0)
    np.testing.assert_array_equal(image.pixels[0, :, 1], [0, 10, 15, 20, 25, 30, 30, 30, 30, 30])


def test_a_segmented_palette_of_words_copies_from_a_byte_offset():
    """PS3.3 C.7.9.2.3: the offset is in bytes, its low word first."""
    data = np.array([0, 1, 500, 0, 2, 100, 200, 2, 1, 6, 0], np.uint16)
    np.testing.assert_array_equal(expand_segments(data, entries=5), [500, 100, 200, 100, 200])


@pytest.mark.parametrize(
    "data",
    [[1, 4, 30], [0, 2, 5], [9, 1, 1], [2, 1, 0, 0, 0, 0], []],
    ids=["begins linear", "too short", "unknown opcode", "begins with a copy", "empty"],
)
def test_an_impossible_segment_is_refused(data):
    with pytest.raises(ValueError, match=r"segment|entries"):
        expand_segments(np.array(data, np.uint8), entries=10)


def test_a_palette_image_without_palette_is_refused():
    with pytest.raises(StudyError) as caught:
        decode_frame(image_file(INDICES, PhotometricInterpretation="PALETTE COLOR"), 0)
    assert caught.value.code == "damaged-palette"


@pytest.mark.parametrize("descriptor", [[400, 0, 8], [3, 0]])
def test_a_damaged_palette_is_refused(descriptor):
    with pytest.raises(StudyError) as caught:
        decode_frame(read(file_of(palette(INDICES, [b"\1\2\3\0"] * 3, descriptor))), 0)
    assert caught.value.code == "damaged-palette"


def test_a_supplemental_palette_is_not_applied_and_that_is_noted():
    """PS3.3 C.7.6.19: gray pixels, some of which a palette would colour."""
    dataset = palette(np.array([[1, 2]], np.uint16), [b"\1\2"] * 3, [2, 0, 8])
    dataset.PhotometricInterpretation = "MONOCHROME2"
    image = decode_frame(read(file_of(dataset)), 0)
    np.testing.assert_array_equal(image.pixels, [[1, 2]])
    assert "colours-not-shown" in [notice.code for notice in image.notices]

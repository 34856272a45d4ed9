"""Every file that pydicom brings along opens with the right pixels, or is refused with the reason named here.

Gray pixels are compared with pydicom's `pixel_array` and modality LUT, colour with its `pixel_array`; beyond that, the
same picture in two encodings is compared with itself (`SIBLINGS`), which shows who is right where readers disagree.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_files
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut

from core.domain import Image
from core.errors import StudyError
from core.io.dicom import decode_frame, read_header
from core.io.limits import Limits
from tests.core.io.dicom.made import SMALL, read

ROOT = "test_files"


def _bundled() -> dict[str, Path]:
    paths = [Path(name) for name in get_testdata_files()]
    return {str(path).partition(f"{ROOT}/")[2]: path for path in paths if path.is_file() and ROOT in path.parts}


FILES = _bundled()
HEADERS_ONLY = "dicomdirtests/TINY_ALPHA/PT000000/ST000000/SE000000/"

REFUSED = {
    "ExplVR_BigEndNoMeta.dcm": ("not-an-image", "RT Ion Plan"),
    "ExplVR_LitEndNoMeta.dcm": ("not-an-image", "RT Ion Plan"),
    "JPEG2000-embedded-sequence-delimiter.dcm": ("size-mismatch", "1024 × 3722445056 pixels"),
    "MR_truncated.dcm": ("truncated-pixel-data", "need 8192 bytes, and the file holds 8130"),
    "README.txt": ("not-dicom", "DICM"),
    "UN_sequence.dcm": ("no-pixel-data", "This CT Image has no pixels"),
    "badVR.dcm": ("invalid-number-of-frames", "NumberOfFrames is not a whole number"),
    "crayons.icc": ("not-dicom", "DICM"),
    "dicomdirtests/README.txt": ("not-dicom", "DICM"),
    "dicomdirtests/TINY_ALPHA/README": ("not-dicom", "DICM"),
    **{
        f"dicomdirtests/{name}": ("not-an-image", "Media Storage Directory")
        for name in (
            "DICOMDIR",
            "DICOMDIR-bigEnd",
            "DICOMDIR-empty.dcm",
            "DICOMDIR-implicit",
            "DICOMDIR-nooffset",
            "DICOMDIR-nopatient",
            "DICOMDIR-reordered",
            "TINY_ALPHA/DICOMDIR",
        )
    },
    "empty_charset_LEI.dcm": ("not-an-image", "holds no image"),
    "meta_missing_tsyntax.dcm": ("invalid-image-size", "Rows is missing"),
    "nested_priv_SQ.dcm": ("invalid-image-size", "Rows is missing"),
    "no_meta.dcm": ("not-dicom", "DICM"),
    "no_meta_group_length.dcm": ("no-pixel-data", "This RT Image has no pixels"),
    "priv_SQ.dcm": ("no-pixel-data", "This MR Image has no pixels"),
    "reportsi.dcm": ("not-an-image", "Basic Text SR"),
    "reportsi_with_empty_number_tags.dcm": ("not-an-image", "Basic Text SR"),
    "rtplan.dcm": ("not-an-image", "RT Plan"),
    "rtplan.dump": ("not-dicom", "DICM"),
    "rtplan_truncated.dcm": ("not-an-image", "RT Plan"),
    "rtstruct.dcm": ("not-an-image", "RT Structure Set"),
    "rtstruct.dump": ("not-dicom", "DICM"),
    "test-SR.dcm": ("not-an-image", "Comprehensive SR"),
    "test1.json": ("not-dicom", "DICM"),
    "test_PN.json": ("not-dicom", "DICM"),
    "waveform_ecg.dcm": ("not-an-image", "12-lead ECG Waveform"),
    "zipMR.gz": ("not-dicom", "DICM"),
}

SIBLINGS = {
    # file: (the same picture, largest difference, mean difference)
    "MR_small_RLE.dcm": ("MR_small.dcm", 0, 0),
    "MR_small_bigendian.dcm": ("MR_small.dcm", 0, 0),
    "MR_small_expb.dcm": ("MR_small.dcm", 0, 0),
    "MR_small_implicit.dcm": ("MR_small.dcm", 0, 0),
    "MR_small_jp2klossless.dcm": ("MR_small.dcm", 0, 0),
    "MR_small_jpeg_ls_lossless.dcm": ("MR_small.dcm", 0, 0),
    "MR_small_padded.dcm": ("MR_small.dcm", 0, 0),
    "JPEG-lossy.dcm": ("JPGExtended.dcm", 0, 0),
    "liver_expb_1frame.dcm": ("liver_1frame.dcm", 0, 0),
    "rtdose_expb.dcm": ("rtdose.dcm", 0, 0),
    "rtdose_rle.dcm": ("rtdose.dcm", 0, 0),
    "rtdose_1frame.dcm": ("rtdose.dcm", 0, 0),
    "rtdose_expb_1frame.dcm": ("rtdose.dcm", 0, 0),
    "rtdose_rle_1frame.dcm": ("rtdose.dcm", 0, 0),
    "SC_rgb_gdcm_KY.dcm": ("SC_rgb_rle.dcm", 0, 0),
    "SC_rgb_jpeg_gdcm.dcm": ("SC_rgb_rle.dcm", 0, 0),
    "SC_rgb_rle_16bit.dcm": ("SC_rgb_rle.dcm", 0, 0),
    "SC_rgb_rle_32bit.dcm": ("SC_rgb_rle.dcm", 0, 0),
    "SC_rgb_rle_2frame.dcm": ("SC_rgb_rle.dcm", 0, 0),
    "SC_rgb_rle_16bit_2frame.dcm": ("SC_rgb_rle.dcm", 0, 0),
    "SC_rgb_rle_32bit_2frame.dcm": ("SC_rgb_rle.dcm", 0, 0),
    "SC_rgb_dcmtk_+eb+cr.dcm": ("SC_rgb_rle.dcm", 1, 0.2),
    "SC_rgb_jls_lossy_line.dcm": ("SC_rgb_rle.dcm", 2, 0.8),
    "SC_rgb_jls_lossy_sample.dcm": ("SC_rgb_rle.dcm", 2, 0.8),
    "SC_ybr_full_422_uncompressed.dcm": ("SC_rgb_rle.dcm", 6, 0.6),
    "SC_rgb_dcmtk_+eb+cy+n2.dcm": ("SC_rgb_rle.dcm", 6, 0.6),
    "SC_rgb_dcmtk_+eb+cy+s2.dcm": ("SC_rgb_rle.dcm", 6, 0.6),
    "SC_rgb_dcmtk_+eb+cy+s4.dcm": ("SC_rgb_rle.dcm", 6, 0.6),
    "SC_rgb_jpeg_dcmtk.dcm": ("SC_rgb_rle.dcm", 6, 0.6),
    # Colour at half resolution in both directions bleeds at the edges of the bars.
    "SC_rgb_dcmtk_+eb+cy+n1.dcm": ("SC_rgb_rle.dcm", 77, 3),
    "SC_rgb_dcmtk_+eb+cy+np.dcm": ("SC_rgb_rle.dcm", 77, 3),
    "SC_rgb_jpeg_lossy_gdcm.dcm": ("SC_rgb_rle.dcm", 77, 3),
    "SC_rgb_jpeg.dcm": ("SC_rgb_jpeg_dcmd.dcm", 1, 0.1),
    "SC_jpeg_no_color_transform.dcm": ("SC_rgb_jpeg_dcmd.dcm", 1, 0.1),
    "SC_jpeg_no_color_transform_2.dcm": ("SC_rgb_jpeg_app14_dcmd.dcm", 0, 0),
    "SC_rgb_small_odd_big_endian.dcm": ("SC_rgb_small_odd.dcm", 0, 0),
    "SC_rgb_small_odd_jpeg.dcm": ("SC_rgb_small_odd.dcm", 4, 3),
}

NOTICES = {
    "JPEG-lossy.dcm": {"codestream-repaired"},
    "MR_small_padded.dcm": {"trailing-bytes"},
}

OPENED = sorted(name for name in FILES if name not in REFUSED and not name.startswith(HEADERS_ONLY))


@cache
def opened(name: str) -> tuple[Image, ...]:
    file = read(FILES[name].read_bytes())
    return tuple(decode_frame(file, index) for index in range(min(file.layout.frames, 3)))


def test_the_table_names_files_that_exist():
    assert not (set(REFUSED) | set(SIBLINGS) | {other for other, *_ in SIBLINGS.values()} | set(NOTICES)) - set(FILES)
    assert len(OPENED) >= 90


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_readable_image_is_refused_with_its_reason(name):
    code, words = REFUSED[name]
    with pytest.raises(StudyError) as caught:
        decode_frame(read(FILES[name].read_bytes()), 0)
    assert caught.value.code == code
    assert words in caught.value.message


def test_headers_without_pixels_are_told_so():
    names = [name for name in FILES if name.startswith(HEADERS_ONLY)]
    assert len(names) == 50
    for name in names:
        with pytest.raises(StudyError, match="This CT Image has no pixels"):
            read(FILES[name].read_bytes())


def reference(name: str, index: int) -> np.ndarray:
    """Return what pydicom's own decoding comes to; RGB deeper than 8 bits is cut to its highest bits."""
    dataset = dcmread(FILES[name], force=True)
    pixels = dataset.pixel_array
    if int(dataset.get("NumberOfFrames") or 1) > 1:
        pixels = pixels[index]
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, dataset)
    elif pixels.ndim == 2:
        return apply_modality_lut(pixels, dataset)
    return pixels >> (8 * pixels.dtype.itemsize - 8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in OPENED if name != "JPEG-lossy.dcm"])
def test_pixels_are_those_of_pydicom(name):
    for index, image in enumerate(opened(name)):
        expected = reference(name, index)
        assert image.pixels.shape == expected.shape
        np.testing.assert_allclose(image.pixels, expected, rtol=2e-7, atol=0)


@pytest.mark.parametrize("name", SIBLINGS)
def test_the_same_picture_in_another_encoding_is_the_same_picture(name):
    other, largest, mean = SIBLINGS[name]
    for image, expected in zip(opened(name), opened(other), strict=False):
        difference = np.abs(image.pixels.astype(np.int64) - expected.pixels)
        assert difference.max() <= largest
        assert difference.mean() <= mean


@pytest.mark.parametrize(
    "name", ["SC_rgb_rle_2frame.dcm", "SC_rgb_rle_16bit_2frame.dcm", "SC_rgb_rle_32bit_2frame.dcm"]
)
def test_the_second_of_two_frames_is_the_negative_of_the_first(name):
    first, second = opened(name)
    np.testing.assert_array_equal(second.pixels, 255 - first.pixels)


@pytest.mark.parametrize("name", OPENED)
def test_notices_are_those_that_belong_to_the_file(name):
    codes = {notice.code for image in opened(name) for notice in image.notices}
    assert codes - {"uncalibrated", "spacing-at-detector"} == NOTICES.get(name, set())


def test_usual_limits_refuse_only_what_nobody_could_read():
    limits = Limits(min_side=16)
    for name in OPENED:
        if min(opened(name)[0].shape) >= limits.min_side:
            read_header(FILES[name].read_bytes(), name="", limits=limits)


# ── Where readers disagree ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "sibling"), [("rtdose_expb.dcm", "rtdose.dcm"), ("SC_rgb_rle_16bit.dcm", "SC_rgb_rle.dcm")]
)
def test_on_big_endian_dose_and_deep_rle_simpleitk_is_wrong(name, sibling):
    """SimpleITK does not swap 32-bit big-endian words, nor put together the bytes of deep RLE colour.

    The little-endian and the 8-bit sibling, on which all readers agree, show it: here are their values, there are not.
    """
    sitk = pytest.importorskip("SimpleITK")
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(FILES[name])))[0]
    agreed = sitk.GetArrayFromImage(sitk.ReadImage(str(FILES[sibling])))[0]
    deep = theirs.dtype.itemsize - agreed.dtype.itemsize
    assert not np.array_equal(theirs >> 8 * deep, agreed)
    np.testing.assert_array_equal(opened(name)[0].pixels, agreed)


def test_a_repaired_jpeg_is_what_a_lenient_reader_makes_of_it():
    sitk = pytest.importorskip("SimpleITK")
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(FILES["JPEG-lossy.dcm"])))
    difference = opened("JPEG-lossy.dcm")[0].pixels.astype(int) - theirs.reshape(1024, 256)
    assert np.abs(difference).max() <= 1  # decoders may round differently, T.83


def test_dose_stays_as_it_is_stored():
    """DoseGridScaling is no modality LUT (PS3.3 C.11.1); the values are those of the grid."""
    assert [int(opened("rtdose.dcm")[0].pixels[0, column]) for column in (0, 2, 4)] == [1249000, 1250000, 1247000]
    assert read(FILES["rtdose.dcm"].read_bytes(), limits=SMALL).layout.frames == 15

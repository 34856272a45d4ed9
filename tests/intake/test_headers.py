"""Cases 13 to 25: what the header says of the pixels."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless

from core.domain import Spacing
from core.errors import StudyError
from core.windowing import render
from tests import made
from tests.core.io.dicom.made import compressed, dataset_of, file_of
from tests.intake.door import brought, codes, refused, shown

SMALL = np.arange(64, dtype=np.uint16).reshape(8, 8)


def refused_at_once(content: bytes) -> StudyError:
    """Return why a file is refused, which took no more memory than the file itself is worth."""
    tracemalloc.start()
    try:
        error = refused(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
    return error


def test_case_13_one_pixel() -> None:
    error = refused(made.dicom(np.zeros((1, 1), np.uint16)))
    assert (error.code, "at least 2" in error.message) == ("image-too-small", True)
    assert refused(made.png(np.zeros((1, 1), np.uint8))).code == "image-too-small"


@pytest.mark.parametrize("lost", [2, 64, 100])
def test_case_14_truncated_pixels(lost: int) -> None:
    error = refused(made.dicom(SMALL)[:-lost])
    assert error.code == "truncated-pixel-data"
    assert f"need 128 bytes, and the file holds {128 - lost}" in error.message


def test_case_15_trailing_bytes() -> None:
    longer = made.dicom(SMALL, {"PixelData": SMALL.tobytes() + b"\0" * 10})
    for content in (longer, made.dicom(SMALL) + b"\0" * 512):
        image = shown(content)
        np.testing.assert_array_equal(image.pixels, SMALL)
        assert codes(image) == {"trailing-bytes"}


def test_case_16_a_claim_of_65535_squared() -> None:
    content = made.dicom(np.zeros((64, 64), np.uint16), {"Rows": 65535, "Columns": 65535})
    assert len(content) < 10_000
    error = refused_at_once(content)
    assert (error.code, "65535 × 65535" in error.message) == ("image-too-large", True)


def test_case_17_two_thousand_million_frames() -> None:
    error = refused_at_once(made.dicom(SMALL, {"NumberOfFrames": 2_000_000_000}))
    assert error.code == "invalid-number-of-frames"
    assert "2000000000" in error.message


def test_case_18_no_rows() -> None:
    error = refused(made.dicom(SMALL, {"Rows": 0}))
    assert (error.code, "Rows is 0" in error.message) == ("invalid-image-size", True)


def test_case_19_no_pixel_data() -> None:
    error = refused(made.report())
    assert (error.code, error.message) == ("not-an-image", "This is not an image: Basic Text SR.")
    error = refused(made.dicom(SMALL, {"PixelData": None}))
    assert (error.code, "Digital X-Ray Image" in error.message) == ("no-pixel-data", True)


def test_case_20_empty_pixel_data() -> None:
    assert refused(made.dicom(SMALL, {"PixelData": b""})).code == "empty-pixel-data"
    empty = compressed(dataset_of(SMALL), JPEG2000Lossless, [b"\0\0"]).replace(b"\xfe\xff\x00\xe0\x02\0\0\0\0\0", b"")
    assert refused(empty).code == "empty-pixel-data"


def test_case_21_no_spacing() -> None:
    image = shown(made.dicom(SMALL, {"ImagerPixelSpacing": None}))
    assert image.spacing is None
    assert [notice.code for notice in image.notices] == ["uncalibrated"]


@pytest.mark.parametrize("spacing", [[0, 0], [0, 0.2], [-0.1, 0.2]])
def test_case_22_a_spacing_of_zero(spacing: list[float]) -> None:
    image = shown(made.dicom(SMALL, {"ImagerPixelSpacing": None, "PixelSpacing": spacing}))
    assert image.spacing is None
    assert [notice.code for notice in image.notices] == ["uncalibrated"]


def test_case_23_spacing_at_the_detector() -> None:
    at_detector = shown(made.dicom(SMALL, {"ImagerPixelSpacing": [0.2, 0.3]}))
    assert at_detector.spacing == Spacing(0.2, 0.3, "ImagerPixelSpacing")
    assert [notice.code for notice in at_detector.notices] == ["spacing-at-detector"]
    calibrated = shown(made.dicom(SMALL, {"ImagerPixelSpacing": [0.2, 0.3], "PixelSpacing": [0.15, 0.25]}))
    assert calibrated.spacing == Spacing(0.15, 0.25, "PixelSpacing")
    assert calibrated.notices == ()


def test_case_24_no_photometric_interpretation() -> None:
    image = shown(made.dicom(SMALL, {"PhotometricInterpretation": None}))
    assert image.photometric_interpretation == "MONOCHROME2"
    assert codes(image) == {"photometric-interpretation-assumed"}
    gray = render(image)
    assert gray[0, 0] < gray[7, 7]


def test_case_25_more_bits_stored_than_allocated() -> None:
    error = refused(made.dicom(SMALL, {"BitsStored": 17, "HighBit": 16}))
    assert error.code == "invalid-bits"
    assert "BitsStored is 17" in error.message
    assert "BitsAllocated, which is 16" in error.message


def test_no_refusal_takes_the_others_along() -> None:
    study = brought(made.dicom(SMALL), made.report(), b"", file_of(dataset_of(SMALL, Rows=0)))
    assert len(study.series) == 1
    assert [rejected.code for rejected in study.rejected] == ["not-an-image", "empty-file", "invalid-image-size"]

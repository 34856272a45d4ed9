from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from core.domain import Intensity
from core.io import Source, load_study
from core.io.phantom import Opacity, chest_dicom, synthetic_chest

SIZE = 256


@pytest.fixture(scope="module")
def clear() -> NDArray[np.uint16]:
    return synthetic_chest(size=SIZE)


@pytest.fixture(scope="module")
def content() -> bytes:
    return chest_dicom(size=SIZE)


def region(pixels: NDArray[np.uint16], top: float, bottom: float, left: float, right: float) -> float:
    """Return the mean of a part of a picture, its edges as shares of the whole."""
    rows, columns = pixels.shape
    return float(pixels[int(top * rows) : int(bottom * rows), int(left * columns) : int(right * columns)].mean())


class TestPicture:
    def test_twelve_bits(self, clear: NDArray[np.uint16]) -> None:
        assert clear.dtype == np.uint16
        assert clear.shape == (SIZE, SIZE)
        assert clear.max() < 4096
        assert np.ptp(clear) > 3000

    def test_lungs_are_dark_between_bright_neighbours(self, clear: NDArray[np.uint16]) -> None:
        right_lung = region(clear, 0.35, 0.45, 0.22, 0.30)
        left_lung = region(clear, 0.35, 0.45, 0.70, 0.78)
        mediastinum = region(clear, 0.45, 0.55, 0.46, 0.54)
        liver = region(clear, 0.85, 0.95, 0.25, 0.35)
        assert max(right_lung, left_lung) < 0.6 * min(mediastinum, liver)

    def test_heart_lies_to_the_patients_left(self, clear: NDArray[np.uint16]) -> None:
        assert region(clear, 0.60, 0.68, 0.62, 0.68) > 1.3 * region(clear, 0.60, 0.68, 0.32, 0.38)

    def test_right_dome_of_the_diaphragm_is_the_higher_one(self, clear: NDArray[np.uint16]) -> None:
        below = clear[int(0.6 * SIZE) :]
        right, left = (int(np.argmax(below[:, int(share * SIZE)] > 3300)) for share in (0.30, 0.73))
        assert 0 < right < left

    def test_heart_is_less_than_half_as_wide_as_the_chest(self, clear: NDArray[np.uint16]) -> None:
        profile = clear[int(0.66 * SIZE)].astype(float)
        dark = np.flatnonzero(profile[int(0.15 * SIZE) : int(0.85 * SIZE)] < 2500)
        heart = np.diff(dark).max()
        assert 0.3 < heart / (dark.max() - dark.min()) < 0.5

    def test_same_seed_same_picture(self, clear: NDArray[np.uint16]) -> None:
        np.testing.assert_array_equal(synthetic_chest(size=SIZE), clear)
        assert (synthetic_chest(size=SIZE, seed=1) != clear).mean() > 0.5

    def test_sizes_show_the_same_patient(self, clear: NDArray[np.uint16]) -> None:
        larger = synthetic_chest(size=2 * SIZE).reshape(SIZE, 2, SIZE, 2).mean(axis=(1, 3))
        difference = np.abs(larger - clear)[SIZE // 5 :]  # below the letters
        assert np.median(difference) < 25


class TestOpacity:
    def test_it_brightens_its_place_and_nothing_else(self, clear: NDArray[np.uint16]) -> None:
        # The same noise and the same vessels: only the opacity, and the scatter that it takes away, differ.
        change = synthetic_chest(size=SIZE, opacity=True).astype(int) - clear
        row, column = np.unravel_index(int(change.argmax()), change.shape)
        assert 0.5 < row / SIZE < 0.7
        assert 0.2 < column / SIZE < 0.4  # the patient's right
        assert change.max() > 600
        away = change[:, SIZE // 2 :]
        assert np.abs(away).max() < 60

    def test_it_goes_where_it_is_put(self, clear: NDArray[np.uint16]) -> None:
        opacity = Opacity(x_mm=75, z_mm=50, radius_mm=25)
        change = synthetic_chest(size=SIZE, opacity=opacity).astype(int) - clear
        row, column = np.unravel_index(int(change.argmax()), change.shape)
        assert 0.28 < row / SIZE < 0.45
        assert 0.62 < column / SIZE < 0.78

    def test_it_stays_inside_the_lung(self, clear: NDArray[np.uint16]) -> None:
        change = synthetic_chest(size=SIZE, opacity=Opacity(x_mm=-70, z_mm=-150)).astype(int) - clear
        assert np.abs(change[int(0.9 * SIZE) :]).max() < 60


class TestDicom:
    def test_header_says_what_it_is(self, content: bytes) -> None:
        dataset = pydicom.dcmread(io.BytesIO(content))
        assert str(dataset.PatientName) == "SYNTHETIC^PHANTOM"
        assert dataset.SeriesDescription == "synthetic, not a patient"
        assert "not a patient" in dataset.ImageComments
        assert dataset.QualityControlImage == "YES"
        assert dataset.SOPClassUID.name == "Digital X-Ray Image Storage - For Presentation"
        assert (dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition) == ("DX", "CHEST", "PA")
        assert not dataset.PatientBirthDate

    def test_pixels_are_the_phantoms(self, content: bytes, clear: NDArray[np.uint16]) -> None:
        (series,) = load_study([Source("", content)]).series
        image = series.frames[0].load()
        np.testing.assert_array_equal(image.pixels, clear)
        assert image.intensity is Intensity.RADIOGRAPH
        assert image.spacing is not None
        assert image.spacing.row_mm == pytest.approx(410 / SIZE, rel=1e-4)

    def test_same_arguments_same_file(self, content: bytes) -> None:
        assert chest_dicom(size=SIZE) == content
        other = pydicom.dcmread(io.BytesIO(chest_dicom(size=SIZE, opacity=True)))
        assert other.SOPInstanceUID != pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID

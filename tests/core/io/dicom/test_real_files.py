"""Real studies: transfer syntaxes, chest radiographs, a tilted head CT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.domain import Image, Intensity
from core.io.dicom import decode_frame, group_series, read_header
from core.io.limits import Limits

PREFIX = "CTImage.dcm_"
LOSSLESS = (
    "BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2.dcm",
    "DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99.dcm",
    "JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90.dcm",
    "JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80.dcm",
    "JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70.dcm",
    "JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57.dcm",
    "LittleEndianExplicitTransferSyntax_1.2.840.10008.1.2.1.dcm",
    "LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2.dcm",
    "RLELosslessTransferSyntax_1.2.840.10008.1.2.5.dcm",
)
LOSSY = {
    # file: (largest, mean difference in HU); one step is 2 HU in 12 bits and 32 HU in 8 bits
    "JPEG2000TransferSyntax_1.2.840.10008.1.2.4.91.dcm": (5, 0.6),
    "JPEGLSLossyTransferSyntax_1.2.840.10008.1.2.4.81.dcm": (1, 0.7),
    "JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51.dcm": (36, 4),
    "JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm": (36, 4),
    "JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55.dcm": (36, 4),
    "JPEGProcess1TransferSyntax_1.2.840.10008.1.2.4.50.dcm": (65, 20),
}
OTHER_PICTURES = {
    # file: largest difference from SimpleITK, which knows these as well
    "CT1_J2KR": 0,
    "CT2_J2KR": 0,
    "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm": 1,
}


def load(path: Path, index: int = 0) -> Image:
    return decode_frame(read_header(path.read_bytes(), name=path.name, limits=Limits()), index)


@pytest.fixture(scope="module")
def syntaxes(shared_data) -> Path:
    return shared_data / "dicom" / "transfer_syntaxes"


@pytest.fixture(scope="module")
def uncompressed(syntaxes) -> np.ndarray:
    return load(syntaxes / "CTImage.dcm").pixels.astype(np.float64)


def test_every_transfer_syntax_is_in_a_table(syntaxes):
    tables = {PREFIX + name for name in (*LOSSLESS, *LOSSY)} | {"CTImage.dcm"} | set(OTHER_PICTURES)
    assert {path.name for path in syntaxes.iterdir()} == tables


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_syntaxes_decode_to_the_reference_exactly(syntaxes, uncompressed, name):
    image = load(syntaxes / (PREFIX + name))
    np.testing.assert_array_equal(image.pixels, uncompressed)
    assert (image.intensity, image.notices) == (Intensity.HU, ())


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_syntaxes_decode_to_the_reference_within_their_loss(syntaxes, uncompressed, name):
    image = load(syntaxes / (PREFIX + name))
    difference = np.abs(image.pixels - uncompressed)
    largest, mean = LOSSY[name]
    assert difference.max() <= largest
    assert difference.mean() <= mean
    assert image.intensity is Intensity.HU


@pytest.mark.parametrize("name", OTHER_PICTURES)
def test_other_pictures_decode_as_an_independent_reader_decodes_them(syntaxes, name):
    sitk = pytest.importorskip("SimpleITK")
    frames = sitk.GetArrayFromImage(sitk.ReadImage(str(syntaxes / name)))
    for index, expected in enumerate(frames):
        difference = np.abs(load(syntaxes / name, index).pixels.astype(np.int64) - expected)
        assert difference.max() <= OTHER_PICTURES[name]


def test_the_two_frames_without_offset_table_are_two_slices(syntaxes):
    path = syntaxes / "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm"
    (series,) = group_series([read_header(path.read_bytes(), name="", limits=Limits())])
    assert len(series.frames) == 2
    assert series.frames[0].position != series.frames[1].position
    assert series.frames[0].load().intensity is Intensity.OTHER  # a map of blood flow, RescaleType US


# ── Chest ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_radiograph_with_a_faulty_codestream_is_the_repaired_one(shared_data):
    chest = shared_data / "dicom" / "chest"
    faulty, sound = load(chest / "966.dcm"), load(chest / "966_fixed.dcm")
    np.testing.assert_array_equal(faulty.pixels, sound.pixels)
    assert {notice.code for notice in faulty.notices} - {notice.code for notice in sound.notices} == {
        "codestream-repaired"
    }
    assert (sound.shape, sound.intensity) == ((2128, 2000), Intensity.RADIOGRAPH)
    assert sound.photometric_interpretation == "MONOCHROME1"


def test_the_radiograph_says_that_its_spacing_is_that_of_the_detector(shared_data):
    image = load(shared_data / "dicom" / "chest" / "966_fixed.dcm")
    assert (image.spacing.row_mm, image.spacing.source) == (0.16, "PixelSpacing")
    assert [notice.code for notice in image.notices] == ["spacing-at-detector"]


def test_the_twin_differs_in_its_polarity_only(shared_data):
    chest = shared_data / "dicom" / "chest"
    twin = load(chest / "Fake_MONOHR1.dcm")
    original = load(chest / "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm")
    np.testing.assert_array_equal(twin.pixels, original.pixels)
    assert (twin.photometric_interpretation, original.photometric_interpretation) == ("MONOCHROME1", "MONOCHROME2")


def test_what_an_intended_use_is_checked_against_is_read(shared_data):
    path = shared_data / "dicom" / "chest" / "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm"
    (series,) = group_series([read_header(path.read_bytes(), name="", limits=Limits())])
    acquisition = series.acquisition
    assert (acquisition.modality, acquisition.body_part_examined, acquisition.view_position) == ("CR", "CHEST", "PA")
    assert (acquisition.patient_age_years, acquisition.patient_sex) == (62, "M")


# ── Head CT ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_tilted_head_is_one_series_in_order_with_its_tilt_named(shared_data):
    paths = sorted((shared_data / "dicom" / "ct_head_tilted").iterdir())
    shuffled = np.random.default_rng(5).permutation(len(paths))
    files = [read_header(paths[at].read_bytes(), name=paths[at].name, limits=Limits()) for at in shuffled]
    (series,) = group_series(files)
    assert len(series.frames) == 28
    assert [frame.instance_number for frame in series.frames] == list(range(1, 29))
    heights = [frame.position.origin_mm[2] for frame in series.frames]
    assert heights == sorted(heights)
    assert [notice.code for notice in series.notices] == ["non-uniform-spacing", "gantry-tilt"]
    assert "18.5°" in series.notices[1].message
    assert (series.title, series.acquisition.body_part_examined) == ("CT head", "HEAD")


def test_a_slice_of_the_tilted_head_is_in_hounsfield_units(shared_data):
    sitk = pytest.importorskip("SimpleITK")
    path = shared_data / "dicom" / "ct_head_tilted" / "15.dcm"
    image = load(path)
    np.testing.assert_array_equal(image.pixels, sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0])
    assert (image.intensity, image.padding, image.pixels.dtype) == (Intensity.HU, (-1500, -1500), np.int16)
    assert [(window.center, window.width) for window in image.voi] == [(35, 85)]

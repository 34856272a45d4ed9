"""Cases 52 and 53: every way to store a picture gives exactly its pixels, every volume its way up."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian

from tests.core.io.dicom.made import dataset_of, file_of
from tests.intake.door import brought, codes, series_of, shown

WORDS = np.arange(64, dtype=np.uint16).reshape(8, 8) * 513
RGB = np.random.default_rng(2).integers(0, 256, (6, 8, 3), np.uint8)


def colour(pixels: np.ndarray, **attributes: object) -> bytes:
    return file_of(dataset_of(pixels, is_colour=True, **attributes))


def _ybr() -> tuple[bytes, np.ndarray]:
    # PS3.3 C.7.6.3.1.2 by hand: R = Y + 1.402 Cr', G = Y − 0.3441 Cb' − 0.7141 Cr', B = Y + 1.772 Cb'.
    ybr = np.array([[[128, 128, 128], [100, 100, 200]], [[76, 85, 255], [0, 128, 128]]], np.uint8)
    rgb = np.array([[[128, 128, 128], [201, 58, 50]], [[254, 0, 0], [0, 0, 0]]])
    return colour(ybr, PhotometricInterpretation="YBR_FULL"), rgb


def _planar() -> tuple[bytes, np.ndarray]:
    planes = np.moveaxis(RGB, 2, 0).tobytes()
    return colour(RGB, PlanarConfiguration=1, PixelData=planes), RGB


def _palette() -> tuple[bytes, np.ndarray]:
    dataset = dataset_of(np.array([[0, 1], [2, 9]], np.uint8), PhotometricInterpretation="PALETTE COLOR")
    for name, table in (("Red", (1, 2, 3)), ("Green", (40, 50, 60)), ("Blue", (7, 8, 9))):
        dataset.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [3, 0, 16])
        entries = struct.pack("<3H", *(256 * value for value in table))
        dataset.add_new(f"{name}PaletteColorLookupTableData", "OW", entries)
    return file_of(dataset), np.array([[[1, 40, 7], [2, 50, 8]], [[3, 60, 9], [3, 60, 9]]])


def _big_endian() -> tuple[bytes, np.ndarray]:
    dataset = dataset_of(WORDS, PixelData=WORDS.astype(">u2").tobytes())
    return file_of(dataset, ExplicitVRBigEndian), WORDS


def _deflated() -> tuple[bytes, np.ndarray]:
    return file_of(dataset_of(WORDS), DeflatedExplicitVRLittleEndian), WORDS


def _single_bits() -> tuple[bytes, np.ndarray]:
    bits = np.random.default_rng(4).integers(0, 2, (8, 10), np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    dataset = dataset_of(bits, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=packed)
    return file_of(dataset), bits


def _deep(dtype: str) -> tuple[bytes, np.ndarray]:
    deep = (np.arange(16).reshape(4, 4) * 100_000_007).astype(dtype)
    return file_of(dataset_of(deep), ExplicitVRLittleEndian), deep


MADE = {
    "YBR": _ybr,
    "planar": _planar,
    "palette": _palette,
    "big-endian": _big_endian,
    "deflated": _deflated,
    "1 bit": _single_bits,
    "32 bits": lambda: _deep("uint32"),
    "32 bits, signed": lambda: _deep("int32"),
}


def bundled(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    assert path is not None
    return Path(path).read_bytes()


BUNDLED_TWINS = [
    # Where pydicom and SimpleITK disagree, the twin in another encoding, on which both agree, says who is right:
    # SimpleITK does not swap 32-bit words of big endian, and takes the bytes of deep RLE colour apart wrongly.
    ("rtdose_expb.dcm", "rtdose.dcm"),
    ("SC_rgb_rle_16bit.dcm", "SC_rgb_rle.dcm"),
    ("SC_rgb_rle_32bit.dcm", "SC_rgb_rle.dcm"),
    ("MR_small_bigendian.dcm", "MR_small.dcm"),
    ("MR_small_RLE.dcm", "MR_small.dcm"),
    ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
    ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"),
    ("SC_rgb_small_odd_big_endian.dcm", "SC_rgb_small_odd.dcm"),
    ("liver_expb_1frame.dcm", "liver_1frame.dcm"),
]


def test_case_52_exact_pixels_of_every_encoding() -> None:
    for name, make in MADE.items():
        content, expected = make()
        np.testing.assert_array_equal(shown(content).pixels, expected, err_msg=name)
    for name, twin in BUNDLED_TWINS:
        frames, expected_frames = (brought(bundled(each)).series[0].frames for each in (name, twin))
        for frame, expected_frame in zip(frames[:3], expected_frames[:3], strict=True):
            expected = expected_frame.load().pixels
            np.testing.assert_array_equal(frame.load().pixels, expected, err_msg=f"{name} and {twin}")


def nifti(values: np.ndarray, rows: list[list[float]]) -> bytes:
    """Return a NIfTI-1 file by hand, after nifti1.h; `values` are (k, j, i) or (t, k, j, i), `rows` the affine's."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    sizes = values.shape[::-1]
    struct.pack_into("<8h", header, 40, len(sizes), *sizes, *[1] * (7 - len(sizes)))
    struct.pack_into("<hh", header, 70, 16, 32)  # datatype float32
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<2f", header, 108, 352, 1)  # vox_offset, scl_slope
    struct.pack_into("<hh", header, 252, 0, 1)  # sform
    struct.pack_into("<12f", header, 280, *np.ravel(rows))
    header[344:348] = b"n+1\0"
    return gzip.compress(bytes(header) + values.astype("<f4").tobytes(), mtime=0)


RIGHT_ANTERIOR_SUPERIOR = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
LEFT_POSTERIOR_INFERIOR = [[-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 0]]


def test_case_53_nifti_orientation_time_and_nan() -> None:
    # One voxel marks the patient's left, front and head: (k, j, i) counts from the far corner in each.
    volume = np.zeros((4, 5, 6), np.float32)
    volume[3, 4, 0] = 7  # in RAS axes: i towards the right, so 0 is left; j towards the front; k towards the head
    for stored, affine in ((volume, RIGHT_ANTERIOR_SUPERIOR), (volume[::-1, ::-1, ::-1], LEFT_POSTERIOR_INFERIOR)):
        series = series_of(nifti(stored, affine))
        assert len(series.frames) == 4
        assert series.frames[3].load().pixels[0, 5] == 7  # last slice: head; first row: front; last column: left
        position = series.frames[3].position
        assert position is not None
        # Columns run to the patient's left, rows to the back: "L" stands on the right of the picture, "R" on the left.
        np.testing.assert_allclose(position.orientation, (1, 0, 0, 0, 1, 0), atol=1e-6)
    times = brought(nifti(np.stack([volume, volume + 1, volume + 2]), RIGHT_ANTERIOR_SUPERIOR)).series
    assert [series.frames[0].load().pixels[0, 0] for series in times] == [0, 1, 2]
    assert "time point 2 of 3" in times[1].title
    volume[0, 0, 0] = np.nan
    image = shown(nifti(volume, RIGHT_ANTERIOR_SUPERIOR))
    assert np.isnan(image.pixels).sum() == 1
    assert "not-a-number" in codes(image)


@pytest.mark.parametrize("name", ["rtdose_expb.dcm", "SC_rgb_rle_16bit.dcm"])
def test_readers_disagree_about(name: str) -> None:
    """The case rests on it: SimpleITK gives other values than this for the two files."""
    sitk = pytest.importorskip("SimpleITK")
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(get_testdata_file(name, download=False)))[0]
    ours = brought(bundled(name)).series[0].frames[0].load().pixels
    assert not np.array_equal(theirs >> 8 * (theirs.dtype.itemsize - ours.dtype.itemsize), ours)

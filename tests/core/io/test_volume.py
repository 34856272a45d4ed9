from __future__ import annotations

import gzip
import stat
import struct
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from core.domain import Intensity, Series, VoiFunction
from core.errors import StudyError
from core.io import Limits, Source
from core.io import volume as volume_module
from core.io.isolation import Decoded, decode_apart
from core.io.volume import read_volume
from core.io.volume_file import voxels_of
from tests import made

RNG = np.random.default_rng(11)
FORMATS = ["nii", "mha", "nrrd"]


def written(image: sitk.Image, suffix: str, *, compressed: bool = False) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"v.{suffix}"
        sitk.WriteImage(image, str(path), compressed)
        return path.read_bytes()


def volume(shape: tuple[int, int, int] = (5, 6, 7), *, dtype: str = "int16") -> sitk.Image:
    return sitk.GetImageFromArray(RNG.integers(0, 1000, shape).astype(dtype))


def read(content: bytes, limits: Limits | None = None) -> tuple[Series, ...]:
    return read_volume(Source("upload", content), limits or Limits())


def stack(series: Series) -> NDArray[Any]:
    return np.stack([frame.load().pixels for frame in series.frames])


def refusal(content: bytes, limits: Limits | None = None) -> StudyError:
    with pytest.raises(StudyError) as caught:
        _ = [stack(series) for series in read(content, limits)]
    return caught.value


def codes(series: Series) -> list[str]:
    return [notice.code for notice in series.notices]


def turned(seed: int) -> sitk.Image:
    """Return a volume that lies in the patient at random: axes permuted, flipped, then turned by some degrees."""
    rng = np.random.default_rng(seed)
    image = volume()
    axes = np.eye(3)[rng.permutation(3)] * rng.choice([-1, 1], 3)
    direction, _ = np.linalg.qr(axes + rng.normal(0, 0.15, (3, 3)))
    direction *= np.sign(np.sum(direction * axes, axis=0))
    if np.linalg.det(direction) < 0:
        direction[:, 0] *= -1
    image.SetDirection(direction.ravel().tolist())
    image.SetOrigin(rng.uniform(-100, 100, 3).tolist())
    image.SetSpacing(rng.uniform(0.9, 1.2, 3).tolist())
    return image


class TestGeometry:
    @pytest.mark.parametrize("suffix", FORMATS)
    @pytest.mark.parametrize("seed", range(8))
    def test_slices_are_those_of_simpleitk_turned_to_lps(self, suffix: str, seed: int) -> None:
        image = turned(seed)
        expected = sitk.DICOMOrient(image, "LPS")
        (series,) = read(written(image, suffix))
        np.testing.assert_array_equal(stack(series), sitk.GetArrayFromImage(expected))
        direction = np.reshape(expected.GetDirection(), (3, 3))
        for index, frame in enumerate(series.frames):
            assert frame.position is not None
            origin = expected.TransformIndexToPhysicalPoint((0, 0, index))
            np.testing.assert_allclose(frame.position.origin_mm, origin, atol=1e-3)
            np.testing.assert_allclose(frame.position.orientation, [*direction[:, 0], *direction[:, 1]], atol=1e-5)
            assert frame.shape == frame.load().shape
        spacing = series.frames[0].load().spacing
        assert spacing is not None
        np.testing.assert_allclose((spacing.column_mm, spacing.row_mm), expected.GetSpacing()[:2], rtol=1e-5)

    def test_ras_volume_shows_the_right_of_the_patient_on_the_left(self) -> None:
        # By hand: in RAS, index 0 of x is the patient's left and index 0 of y is the front.
        values = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
        affine_file = bytearray(gzip.decompress(made.nifti(np.zeros((2, 3, 4), np.float32))))
        affine_file[352:] = values.tobytes()
        (series,) = read(bytes(affine_file))
        # The made file stores LPS order under an affine of RAS with negative x and y, so nothing is to be turned.
        np.testing.assert_array_equal(stack(series), values)
        struct.pack_into("<12f", affine_file, 280, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
        (series,) = read(bytes(affine_file))
        np.testing.assert_array_equal(stack(series), values[:, ::-1, ::-1])

    @pytest.mark.parametrize(
        ("thick", "plane", "count"), [((1, 1, 4), "axial", 5), ((4, 1, 1), "sagittal", 7), ((1, 4, 1), "coronal", 6)]
    )
    def test_thick_slices_are_shown_in_their_plane(self, thick: tuple[int, int, int], plane: str, count: int) -> None:
        image = volume()
        image.SetSpacing([float(value) for value in thick])
        (series,) = read(written(image, "nrrd"))
        assert plane in series.title
        assert len(series.frames) == count

    def test_sagittal_slices_have_the_head_up_and_the_face_left(self) -> None:
        image = volume()
        image.SetSpacing((4.0, 1.0, 1.0))
        (series,) = read(written(image, "mha"))
        stored = sitk.GetArrayFromImage(image)  # (z to the head, y to the back, x to the left)
        np.testing.assert_array_equal(series.frames[0].load().pixels, stored[::-1, :, -1])
        position = series.frames[0].position
        assert position is not None
        np.testing.assert_allclose(position.orientation, (0, 1, 0, 0, 0, -1))
        np.testing.assert_allclose(position.origin_mm, (24, 0, 4))

    def test_coronal_slices_have_the_head_up_and_the_right_left(self) -> None:
        image = volume()
        image.SetSpacing((1.0, 4.0, 1.0))
        (series,) = read(written(image, "mha"))
        stored = sitk.GetArrayFromImage(image)
        np.testing.assert_array_equal(series.frames[0].load().pixels, stored[::-1, 0, :])

    def test_a_single_slice_is_shown_in_its_plane(self) -> None:
        (series,) = read(written(volume((20, 1, 30)), "mha"))
        assert [frame.shape for frame in series.frames] == [(20, 30)]
        assert "coronal" in series.title

    def test_sheared_axes_are_straightened_with_a_notice(self) -> None:
        content = bytearray(written(volume(), "nii"))
        struct.pack_into("<2h", content, 252, 0, 1)
        struct.pack_into("<12f", content, 280, 1, 0.1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
        (series,) = read(bytes(content))
        assert codes(series) == ["sheared"]
        position = series.frames[0].position
        assert position is not None
        row, column = np.reshape(position.orientation, (2, 3))
        assert abs(row @ column) < 1e-6
        # The nearest right angles share the shear between both axes: atan(0.1) / 2 each.
        assert np.arctan2(abs(row[1]), abs(row[0])) == pytest.approx(np.arctan(0.1) / 2, abs=1e-3)

    def test_picture_of_two_dimensions(self) -> None:
        image = volume()[:, :, 0]
        image.SetSpacing((0.5, 0.7))
        (series,) = read(written(image, "mha"))
        picture = series.frames[0].load()
        np.testing.assert_array_equal(picture.pixels, sitk.GetArrayFromImage(image))
        assert picture.spacing is not None
        assert (picture.spacing.row_mm, picture.spacing.column_mm) == (0.7, 0.5)


class TestUnknown:
    def test_meta_image_without_spacing_and_orientation(self) -> None:
        content = b"NDims = 2\nDimSize = 20 20\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n" + bytes(400)
        (series,) = read(content)
        assert series.frames[0].load().spacing is None
        assert series.frames[0].position is None
        assert codes(series) == ["orientation-unknown", "uncalibrated"]

    @pytest.mark.parametrize("value", [0.0, float("nan"), -1.0, float("inf")])
    def test_nifti_with_unusable_spacing(self, value: float) -> None:
        content = bytearray(written(volume(), "nii"))
        struct.pack_into("<f", content, 80, value)
        (series,) = read(bytes(content))
        assert series.frames[0].load().spacing is None
        assert series.frames[0].position is None
        assert "uncalibrated" in codes(series)

    def test_meta_image_with_a_spacing_of_zero(self) -> None:
        content = written(volume(), "mha").replace(b"ElementSpacing = 1 1 1", b"ElementSpacing = 0 0 0")
        (series,) = read(content)
        assert series.frames[0].load().spacing is None

    def test_nrrd_without_spacing(self) -> None:
        content = b"NRRD0001\ntype: uchar\ndimension: 2\nsizes: 20 20\nencoding: raw\n\n" + bytes(400)
        (series,) = read(content)
        assert series.frames[0].load().spacing is None
        assert "orientation-unknown" in codes(series)

    def test_nrrd_with_plain_spacings(self) -> None:
        content = b"NRRD0001\ntype: uchar\ndimension: 2\nsizes: 20 20\nspacings: 0.5 0.7\nencoding: raw\n\n" + bytes(
            400
        )
        spacing = read(content)[0].frames[0].load().spacing
        assert spacing is not None
        assert (spacing.row_mm, spacing.column_mm) == (0.7, 0.5)

    def test_nifti_without_orientation_codes(self) -> None:
        content = bytearray(written(volume(), "nii"))
        struct.pack_into("<2h", content, 252, 0, 0)
        (series,) = read(bytes(content))
        assert codes(series) == ["orientation-unknown"]
        assert series.frames[0].position is None
        assert series.frames[0].load().spacing is not None


class TestValues:
    @pytest.mark.parametrize("suffix", FORMATS)
    @pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
    def test_depth_is_kept(self, suffix: str, dtype: str) -> None:
        image = volume(dtype=dtype)
        (series,) = read(written(image, suffix))
        assert series.frames[0].load().pixels.dtype == np.dtype(dtype)
        assert sorted(stack(series).ravel()) == sorted(sitk.GetArrayFromImage(image).ravel())

    @pytest.mark.parametrize("suffix", ["mha", "nrrd"])
    def test_packed_voxels(self, suffix: str) -> None:
        image = volume()
        np.testing.assert_array_equal(
            stack(read(written(image, suffix, compressed=True))[0]), sitk.GetArrayFromImage(image)
        )

    def test_big_endian_nifti(self) -> None:
        little = gzip.decompress(made.nifti(made.ball_volume(16)))
        (series,) = read(_swapped(little))
        np.testing.assert_array_equal(stack(series), made.ball_volume(16))

    def test_slope_and_intercept_are_applied(self) -> None:
        content = bytearray(written(volume(), "nii"))
        stored = np.frombuffer(content[352:], "<i2").reshape(5, 6, 7)
        struct.pack_into("<2f", content, 112, 2.0, -1024.0)
        (series,) = read(bytes(content))
        np.testing.assert_allclose(stack(series), stored * 2.0 - 1024)

    def test_display_range_of_the_file_is_offered(self) -> None:
        content = bytearray(written(volume(), "nii"))
        struct.pack_into("<2f", content, 124, 300.0, 100.0)
        (window,) = read(bytes(content))[0].frames[0].load().voi
        assert (window.center, window.width, window.function) == (200, 200, VoiFunction.LINEAR_EXACT)  # type: ignore[union-attr]

    def test_nan_is_kept_and_named(self) -> None:
        # SimpleITK itself gives zeros, and says nothing.
        values = made.ball_volume(16)
        values[3, 4, 5], values[3, 0, 0], values[3, 0, 1] = np.nan, np.inf, -np.inf
        (series,) = read(gzip.decompress(made.nifti(values)))
        picture = series.frames[3].load()
        np.testing.assert_array_equal(picture.pixels, values[3])
        assert "not-a-number" in [notice.code for notice in picture.notices]
        assert series.frames[4].load().notices == ()

    def test_rgb(self) -> None:
        values = RNG.integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)
        (series,) = read(written(sitk.GetImageFromArray(values, isVector=True), "mha"))
        picture = series.frames[1].load()
        assert picture.intensity is Intensity.RGB
        np.testing.assert_array_equal(stack(series), values)

    def test_hounsfield_units_are_suspected_not_concluded(self) -> None:
        image = sitk.GetImageFromArray(RNG.integers(-1024, 3072, (3, 20, 20), dtype=np.int16))
        (series,) = read(written(image, "nii"))
        picture = series.frames[0].load()
        assert picture.intensity is Intensity.GRAY
        assert [notice.code for notice in picture.notices] == ["modality-unknown"]
        assert series.acquisition.modality is None

    @pytest.mark.parametrize("scale", [1.0, 0.3])
    def test_other_values_raise_no_suspicion(self, scale: float) -> None:
        low = 0 if scale == 1.0 else -1024
        values = RNG.integers(low, 3072, (3, 20, 20)).astype(np.float32) * np.float32(scale)
        picture = read(written(sitk.GetImageFromArray(values), "nii"))[0].frames[0].load()
        assert picture.notices == ()

    def test_slices_are_copies(self) -> None:
        frame = read(written(volume(), "nii"))[0].frames[2]
        first = frame.load()
        expected = first.pixels.copy()
        first.pixels[:] = 0
        np.testing.assert_array_equal(frame.load().pixels, expected)


class TestTime:
    def times(self, count: int) -> tuple[bytes, list[NDArray[Any]]]:
        images = [volume() for _ in range(count)]
        return written(sitk.JoinSeries(images), "nii"), [sitk.GetArrayFromImage(image) for image in images]

    def test_each_time_point_is_a_series(self) -> None:
        content, expected = self.times(3)
        found = read(content)
        assert [series.title.rpartition(", ")[2] for series in found] == [f"time point {n} of 3" for n in (1, 2, 3)]
        for index in (2, 0, 1, 2):
            np.testing.assert_array_equal(stack(found[index]), expected[index])
        uids = [frame.uid for series in found for frame in series.frames]
        assert len(set(uids)) == 15
        assert len({series.uid for series in found}) == 3

    def test_many_time_points_are_cut_with_a_notice(self) -> None:
        content, _ = self.times(6)
        found = read(content, Limits(max_time_points=4))
        assert len(found) == 4
        assert codes(found[0]) == ["time-points-left-out"]


class TestRefusal:
    @pytest.mark.parametrize("suffix", FORMATS)
    def test_cut_short(self, suffix: str) -> None:
        # SimpleITK itself fills such a NIfTI file up with zeros, and says nothing.
        content = written(volume((16, 16, 16)), suffix)
        assert refusal(content[:-50]).code == "truncated-pixel-data"

    @pytest.mark.parametrize("suffix", ["mha", "nrrd"])
    def test_packed_and_cut_short(self, suffix: str) -> None:
        content = written(volume((16, 16, 16)), suffix, compressed=True)
        assert refusal(content[:-50]).code == "damaged-volume"

    @pytest.mark.parametrize(
        ("suffix", "found", "claimed"),
        [
            ("mha", b"DimSize = 7 6 5", b"DimSize = 70000 60000 50000"),
            ("nrrd", b"sizes: 7 6 5", b"sizes: 70000 60000 50000"),
        ],
    )
    def test_absurd_size(self, suffix: str, found: bytes, claimed: bytes) -> None:
        assert refusal(written(volume(), suffix).replace(found, claimed)).code == "volume-too-large"

    def test_absurd_size_of_a_nifti(self) -> None:
        content = bytearray(written(volume(), "nii"))
        struct.pack_into("<4h", content, 40, 3, 32767, 32767, 32767)
        assert refusal(bytes(content)).code == "volume-too-large"

    @pytest.mark.parametrize("sizes", [(3, 0, 6, 5), (3, -7, 6, 5), (9, 7, 6, 5), (0, 7, 6, 5)])
    def test_impossible_dimensions_of_a_nifti(self, sizes: tuple[int, ...]) -> None:
        content = bytearray(written(volume(), "nii"))
        struct.pack_into("<4h", content, 40, *sizes)
        assert refusal(bytes(content)).code == "damaged-header"

    def test_packed_voxels_cannot_claim_more_than_deflate_can_hold(self) -> None:
        content = written(volume(), "mha", compressed=True).replace(b"DimSize = 7 6 5", b"DimSize = 700 600 500")
        assert refusal(content).code == "truncated-pixel-data"

    @pytest.mark.parametrize(
        "header",
        [
            b"NDims = 3\nDimSize = a b c\nElementType = MET_SHORT\nElementDataFile = LOCAL\n",
            b"NDims = 3\nElementType = MET_SHORT\nElementDataFile = LOCAL\n",
            b"NDims = 3\nElementType = MET_SHORT\nElementDataFile = LOCAL",
            b"NRRD0004\ntype: short\n\n",
            b"NRRD0004\ntype: short",
        ],
    )
    def test_damaged_header(self, header: bytes) -> None:
        assert refusal(header).code == "damaged-header"

    @pytest.mark.parametrize(
        "header",
        [
            b"NDims = 2\nBinaryData = False\nDimSize = 9 9\nElementType = MET_SHORT\nElementDataFile = LOCAL\n1 2",
            b"NDims = 2\nDimSize = 9 9\nElementType = MET_STRING\nElementDataFile = LOCAL\n",
            b"NDims = 2\nHeaderSize = 9\nDimSize = 9 9\nElementType = MET_SHORT\nElementDataFile = LOCAL\n",
            b"NRRD0004\ntype: block\nencoding: raw\nsizes: 9 9\n\n",
            b"NRRD0004\ntype: short\nencoding: bzip2\nsizes: 9 9\n\n",
        ],
    )
    def test_makes_that_are_not_read(self, header: bytes) -> None:
        assert refusal(header).code == "unsupported-encoding"

    def test_vectors(self) -> None:
        image = sitk.GetImageFromArray(RNG.random((4, 9, 9, 3), dtype=np.float32), isVector=True)
        error = refusal(written(image, "nii"))
        assert error.code == "unsupported-pixel-type"
        assert "3 values" in error.message

    def test_complex_numbers(self) -> None:
        image = sitk.GetImageFromArray(RNG.random((4, 9, 9)).astype(np.complex64))
        assert refusal(written(image, "nii")).code == "unsupported-pixel-type"

    def test_too_small(self) -> None:
        assert refusal(written(volume((5, 1, 1)), "mha")).code == "image-too-small"

    def test_too_many_slices(self) -> None:
        assert refusal(written(volume(), "nii"), Limits(max_frames=4)).code == "image-too-large"

    def test_singular_orientation(self) -> None:
        content = written(volume(), "mha").replace(b"1 0 0 0 1 0 0 0 1", b"1 0 0 1 0 0 0 0 0")
        with pytest.raises(StudyError, match="do not span a space"):
            read(content)


class TestTemporaryFile:
    def test_it_is_private_and_gone_afterwards(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(volume_module, "MEMORY_FOLDER", tmp_path)
        seen: list[tuple[str, int, int]] = []

        def watched(decoder: Any, content: bytes, *, path: str, **options: Any) -> Decoded:
            if decoder is voxels_of:
                modes = [stat.S_IMODE(place.stat().st_mode) for place in (Path(path), Path(path).parent)]
                seen.append((Path(path).name, *modes))
            return decode_apart(decoder, content, path=path, **options)

        monkeypatch.setattr(volume_module, "decode_apart", watched)
        frames = read_volume(Source("Doe^Jane.nii", written(volume(), "nii")))[0].frames
        assert list(tmp_path.iterdir()) == []
        frames[0].load()
        frames[1].load()
        assert seen == [("volume.nii", 0o600, 0o700)]  # once for all slices
        assert list(tmp_path.iterdir()) == []

    def test_it_is_gone_after_a_failure(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        content = written(volume((16, 16, 16)), "nrrd", compressed=True)
        monkeypatch.setattr(volume_module, "MEMORY_FOLDER", tmp_path)
        error = refusal(content[:-50])
        assert str(tmp_path) not in str(error)
        assert list(tmp_path.iterdir()) == []

    def test_it_is_on_the_disk_only_where_memory_has_no_room(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(volume_module, "MEMORY_FOLDER", tmp_path / "missing")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        made: list[Path] = []

        def watched(decoder: Any, content: bytes, *, path: str, **options: Any) -> Decoded:
            made.append(Path(path).parent.parent)
            return decode_apart(decoder, content, path=path, **options)

        monkeypatch.setattr(volume_module, "decode_apart", watched)
        content = written(volume(), "mha")
        read(content)
        monkeypatch.setattr(volume_module, "MEMORY_FOLDER", full := tmp_path / "full")
        full.mkdir()
        monkeypatch.setattr(volume_module.shutil, "disk_usage", lambda _: SimpleNamespace(free=len(content)))
        read(content)
        assert made == [tmp_path, tmp_path]
        assert list(full.iterdir()) == []


def test_threads_share_one_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    image = volume((12, 20, 20))
    frames = read(written(image, "nii"))[0].frames
    count = 0

    def counted(*arguments: Any, **options: Any) -> Decoded:
        nonlocal count
        count += 1
        return decode_apart(*arguments, **options)

    monkeypatch.setattr(volume_module, "decode_apart", counted)
    pixels: dict[int, NDArray[Any]] = {}
    threads = [
        threading.Thread(target=lambda index=index: pixels.update({index: frames[index].load().pixels}))
        for index in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == 1
    np.testing.assert_array_equal(np.stack([pixels[index] for index in range(12)]), sitk.GetArrayFromImage(image))


def _swapped(content: bytes) -> bytes:
    """Return a NIfTI-1 file of 32-bit floats in the other byte order, field by field."""
    swapped = bytearray(content)
    fields = [
        (0, "i"),
        (40, "8h"),
        (68, "4h"),
        (76, "8f"),
        (108, "3f"),
        (120, "h"),
        (124, "4f"),
        (252, "2h"),
        (256, "18f"),
    ]
    for offset, layout in fields:
        struct.pack_into(">" + layout, swapped, offset, *struct.unpack_from("<" + layout, content, offset))
    swapped[352:] = np.frombuffer(content[352:], "<f4").astype(">f4").tobytes()
    return bytes(swapped)

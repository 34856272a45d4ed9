"""Volumes whose header and voxels are two files of one upload."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from core.domain import Study
from core.io import load_study
from core.io.content import Source
from core.io.limits import Limits
from tests.made import nifti, zipped

VALUES = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
"""(z, y, x). The first words, 0 to 4, are no data set; `DATASET_LIKE` begins like one."""
DATASET_LIKE = np.concatenate([[8, 3, 12, 0], np.arange(56)]).astype(np.int16).reshape(3, 4, 5)


def saved(folder: Path, name: str, values: np.ndarray, *, compressed: bool = False) -> dict[str, bytes]:
    """Return the two files that SimpleITK, which is the judge here, writes of a volume under a name."""
    image = SimpleITK.GetImageFromArray(values)
    image.SetSpacing((0.5, 0.75, 2.0))
    SimpleITK.WriteImage(image, str(folder / name), useCompression=compressed)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def study_of(files: Mapping[str, bytes], limits: Limits | None = None) -> Study:
    sources = [Source(name, content) for name, content in files.items()]
    return load_study(sources, limits=limits) if limits else load_study(sources)


def slices(study: Study) -> list[list[list[float]]]:
    """Return the values of all slices, each turned back into the order of the file, which is known to be plain."""
    (series,) = study.series
    return [np.sort(frame.load().pixels, axis=None).tolist() for frame in series.frames]


@pytest.mark.parametrize("name", ["volume.mhd", "volume.hdr", "volume.nhdr"])
@pytest.mark.parametrize("values", [VALUES, DATASET_LIKE], ids=["ramp", "like a data set"])
def test_both_files_make_one_volume_in_whatever_order_they_come(tmp_path: Path, name: str, values: np.ndarray) -> None:
    files = saved(tmp_path, name, values)
    assert len(files) == 2
    for order in permutations(files):
        study = study_of({key: files[key] for key in order})
        assert study.rejected == ()
        (series,) = study.series
        assert sorted(slices(study)) == sorted(np.sort(one, axis=None).tolist() for one in values)
        spacing = series.frames[0].load().spacing
        assert spacing is not None
        assert (spacing.row_mm, spacing.column_mm) == (0.75, 0.5)


def test_a_pair_shows_exactly_what_the_same_volume_in_one_file_does(tmp_path: Path) -> None:
    whole = nifti(VALUES.astype(np.float32))
    (offset,) = struct.unpack_from("<f", whole, 108)
    header = bytearray(whole[:348])
    header[344:348] = b"ni1\0"
    struct.pack_into("<f", header, 108, 0.0)
    pair = {"a.hdr": bytes(header), "a.img": whole[int(offset) :]}
    (one,), (two,) = study_of({"a.nii": whole}).series, study_of(pair).series
    assert [frame.position for frame in one.frames] == [frame.position for frame in two.frames]
    for frame, other in zip(one.frames, two.frames, strict=True):
        np.testing.assert_array_equal(frame.load().pixels, other.load().pixels)


def test_compressed_voxels_are_joined_too(tmp_path: Path) -> None:
    files = saved(tmp_path, "volume.mhd", VALUES, compressed=True)
    assert set(files) == {"volume.mhd", "volume.zraw"}
    assert len(slices(study_of(files))) == 3


def test_a_pair_inside_a_folder_of_a_zip_is_found(tmp_path: Path) -> None:
    one, other = tmp_path / "1", tmp_path / "2"
    one.mkdir()
    other.mkdir()
    first, second = saved(one, "volume.mhd", VALUES), saved(other, "volume.mhd", VALUES + 100)
    members = {f"first/{name}": content for name, content in first.items()}
    members |= {f"second/{name}": content for name, content in second.items()}
    study = study_of({"both.zip": zipped(members)})
    assert [series.source for series in study.series] == ["first/volume.mhd", "second/volume.mhd"]
    lows = [min(float(frame.load().pixels.min()) for frame in series.frames) for series in study.series]
    assert lows == [0, 100]


def test_voxels_of_another_name_are_known_by_their_size(tmp_path: Path) -> None:
    files = saved(tmp_path, "volume.mhd", VALUES)
    study = study_of({"renamed.mhd": files["volume.mhd"], "x.bin": files["volume.raw"], "other": b"\x00\x01" * 7})
    assert len(slices(study)) == 3
    assert [(rejected.name, rejected.code) for rejected in study.rejected] == [("other", "not-a-medical-image")]


def test_two_files_of_the_right_size_are_not_guessed_between(tmp_path: Path) -> None:
    files = saved(tmp_path, "volume.mhd", VALUES)
    raw = files["volume.raw"]
    study = study_of({"renamed.mhd": files["volume.mhd"], "x.bin": raw, "y.bin": raw[::-1]})
    assert study.series == ()
    assert sorted(rejected.code for rejected in study.rejected) == [
        "missing-pixel-file",
        "not-a-medical-image",
        "not-a-medical-image",
    ]


def test_halves_alone_are_named(tmp_path: Path) -> None:
    files = saved(tmp_path, "volume.mhd", VALUES)
    (rejected,) = study_of({"volume.mhd": files["volume.mhd"]}).rejected
    assert rejected.code == "missing-pixel-file"
    assert "is not here" in rejected.message
    (rejected,) = study_of({"volume.raw": files["volume.raw"]}).rejected
    assert rejected.code == "not-a-medical-image"


def test_voxels_that_are_cut_short_are_named(tmp_path: Path) -> None:
    files = saved(tmp_path, "volume.mhd", VALUES)
    (rejected,) = study_of({**files, "volume.raw": files["volume.raw"][:-2]}).rejected
    assert (rejected.name, rejected.code) == ("volume.mhd", "truncated-pixel-data")


@pytest.mark.parametrize("line", ["ElementDataFile = LIST", "ElementDataFile = slice%03d.raw 1 3 1"])
def test_voxels_in_many_files_are_refused(tmp_path: Path, line: str) -> None:
    files = saved(tmp_path, "volume.mhd", VALUES)
    header = files["volume.mhd"].replace(b"ElementDataFile = volume.raw", line.encode())
    study = study_of({"volume.mhd": header, "volume.raw": files["volume.raw"]})
    assert {rejected.code for rejected in study.rejected} == {"missing-pixel-file", "not-a-medical-image"}


def test_bytes_in_front_of_the_voxels_are_passed_over(tmp_path: Path) -> None:
    files = saved(tmp_path, "volume.mhd", VALUES)
    header = files["volume.mhd"].replace(b"ElementDataFile", b"HeaderSize = 6\nElementDataFile")
    study = study_of({"volume.mhd": header, "volume.raw": b"\xff" * 6 + files["volume.raw"]})
    assert sorted(slices(study)) == sorted(np.sort(one, axis=None).tolist() for one in VALUES)


def test_no_more_unknown_bytes_are_kept_than_one_volume_may_have(tmp_path: Path) -> None:
    files = saved(tmp_path, "volume.mhd", VALUES)
    room = Limits(max_volume_bytes=len(files["volume.raw"]))
    assert len(study_of(files, room).series) == 1
    study = study_of({"unknown": b"\x00\x01", **files}, room)
    assert study.series == ()
    assert {rejected.name for rejected in study.rejected} == {"unknown", *files}

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from PIL import Image

from core.domain import InputSpec
from core.errors import DatasetError
from core.training.cache import Pictures, cached_pictures, ignore_in_version_control
from core.training.dataset import Example, find_examples, read_images
from tests.core.training.films import film, labelled_folder, write
from tests.made import PATIENT_ID, dicom

SPEC = InputSpec(size=(32, 32), channels=1, resize="squash", intensity_range="full", mean=(0.0,), std=(1.0,))


def read(data: Path, cache: Path, spec: InputSpec = SPEC) -> Pictures:
    return cached_pictures(find_examples(data), spec=spec, size=(64, 64), folder=cache, progress=lambda _: None)


def test_the_cache_holds_the_pixels_themselves_where_size_and_range_agree(tmp_path: Path) -> None:
    data = labelled_folder(tmp_path / "data", patients=2)
    pictures = read(data, tmp_path / "cache")
    stored = np.stack([np.asarray(Image.open(one.path)) for one in pictures.examples])
    assert pictures.pixels.dtype == np.uint8
    assert np.array_equal(pictures.pixels, stored)
    assert np.array_equal(pictures.shapes, np.full((8, 2), 64))


def test_a_second_run_reads_the_cache_and_not_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = labelled_folder(tmp_path / "data", patients=2)
    first = read(data, tmp_path / "cache")
    monkeypatch.setattr("core.training.cache.open_file", None)
    again = read(data, tmp_path / "cache")
    assert np.array_equal(again.pixels, first.pixels)
    assert again.examples == first.examples
    assert isinstance(again.pixels.base, np.memmap)


@pytest.mark.parametrize("change", [{"intensity_range": "percentile"}, {"enhance": ("clahe",)}, {"resize": "pad"}])
def test_another_preprocessing_makes_another_cache(tmp_path: Path, change: dict[str, Any]) -> None:
    data = labelled_folder(tmp_path / "data", patients=1)
    read(data, tmp_path / "cache")
    read(data, tmp_path / "cache", replace(SPEC, **change))
    assert len(list((tmp_path / "cache").glob("*.pixels"))) == 2


def test_a_changed_file_makes_another_cache(tmp_path: Path) -> None:
    data = labelled_folder(tmp_path / "data", patients=1)
    read(data, tmp_path / "cache")
    write(data / "clear" / "p000_0.png", np.eye(64, dtype=np.uint8) * 255)
    assert np.array_equal(read(data, tmp_path / "cache").pixels[0], np.eye(64, dtype=np.uint8) * 255)


def test_unreadable_and_flat_files_are_listed_and_left_out(tmp_path: Path) -> None:
    data = labelled_folder(tmp_path / "data", patients=2)
    (data / "clear" / "p0.txt").write_text("no picture")
    write(data / "clear" / "q0.png", np.zeros((64, 64), np.uint8))
    pictures = read(data, tmp_path / "cache")
    assert {one.path.name for one in pictures.left_out} == {"p0.txt", "q0.png"}
    assert len(pictures.examples) == len(pictures.pixels) == 8
    assert all(one.reason and "q0" not in one.reason for one in pictures.left_out)
    assert read(data, tmp_path / "cache").left_out == pictures.left_out
    stored = np.stack([np.asarray(Image.open(one.path)) for one in pictures.examples])
    assert np.array_equal(pictures.pixels, stored)


def test_a_file_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    data = labelled_folder(tmp_path / "data", patients=1)
    examples = [*find_examples(data), Example(data / "gone.png", ("clear",), "gone")]
    pictures = cached_pictures(examples, spec=SPEC, size=(64, 64), folder=tmp_path, progress=lambda _: None)
    assert [one.path.name for one in pictures.left_out] == ["gone.png"]
    assert len(pictures.examples) == 4


def test_gray_that_was_saved_in_colour_is_gray_and_colour_its_luminance(tmp_path: Path) -> None:
    gray = film(np.random.default_rng(0), opacity=True)
    write(tmp_path / "a" / "gray.png", np.repeat(gray[:, :, None], 3, axis=2))
    green = np.zeros((64, 64, 3), np.uint8)
    green[:, :, 1] = gray
    write(tmp_path / "b" / "green.png", green)
    pictures = read(tmp_path, tmp_path / ".cache")
    assert np.array_equal(pictures.pixels[0], gray)
    assert np.abs(pictures.pixels[1] - 0.587 * gray).max() <= 0.51
    assert pictures.coloured == 1


# ── Files of several pictures, and headers ────────────────────────────────────────────────────────────────────────


def slices(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([film(rng, opacity=False) for _ in range(n)]).astype(np.int16)


def write_volume(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), path)
    return path


def test_every_slice_of_a_volume_is_a_picture_of_one_patient(tmp_path: Path) -> None:
    values = slices(5)
    values[3] = 7
    write_volume(tmp_path / "a" / "head.nii.gz", values)
    write_volume(tmp_path / "b" / "neck.nii.gz", slices(2, seed=1))
    pictures = read(tmp_path, tmp_path / ".cache", replace(SPEC, intensity_range="percentile", percentiles=(0, 100)))
    assert [one.frame for one in pictures.examples] == [0, 1, 2, 4, 0, 1]
    assert [one.patient for one in pictures.examples] == ["a/head.nii.gz"] * 4 + ["b/neck.nii.gz"] * 2
    assert [(one.path.name, "no contrast" in one.reason) for one in pictures.left_out] == [("head.nii.gz", True)]
    for example, pixels in zip(pictures.examples, pictures.pixels, strict=True):
        image = next(read_images([example]))
        assert np.corrcoef(image.pixels.ravel(), pixels.ravel())[0, 1] > 0.999


def test_a_clip_gives_a_picture_for_each_frame(tmp_path: Path) -> None:
    clip = slices(3).astype(np.uint16)
    attributes = {"NumberOfFrames": 3, "PixelData": clip.astype("<u2").tobytes(), "PatientID": None}
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "clip.dcm").write_bytes(dicom(clip[0], attributes))
    write(tmp_path / "b" / "c.png", clip[0].astype(np.uint8))
    pictures = read(tmp_path, tmp_path / ".cache", replace(SPEC, intensity_range="percentile"))
    assert [one.frame for one in pictures.examples] == [0, 1, 2, 0]
    assert [one.patient_from for one in pictures.examples] == ["file"] * 4


def dicom_folder(folder: Path, patients: tuple[str | None, ...]) -> Path:
    for number, (patient, values) in enumerate(zip(patients, slices(len(patients)), strict=True)):
        path = folder / "ab"[number % 2] / f"k{number}.dcm"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(dicom(values.astype(np.uint16), {"PatientID": patient, "PatientName": "Zebedee^Quill"}))
    return folder


def test_the_header_says_who_the_patient_is_where_nothing_else_does(tmp_path: Path) -> None:
    data = dicom_folder(tmp_path / "data", (PATIENT_ID, PATIENT_ID, "another", None))
    found = {one.path.name: one for one in read(data, tmp_path / "cache").examples}
    assert found["k0.dcm"].patient == found["k1.dcm"].patient != found["k2.dcm"].patient
    assert [found[f"k{n}.dcm"].patient_from for n in range(4)] == ["header", "header", "header", "file"]


def test_the_pattern_is_heard_before_the_header(tmp_path: Path) -> None:
    data = dicom_folder(tmp_path / "data", (PATIENT_ID, PATIENT_ID))
    examples = find_examples(data, patient_pattern=r"k\d")
    pictures = cached_pictures(examples, spec=SPEC, size=(64, 64), folder=tmp_path, progress=lambda _: None)
    assert [one.patient for one in pictures.examples] == ["k0", "k1"]


def test_no_identity_is_written(tmp_path: Path) -> None:
    told: list[str] = []
    data = dicom_folder(tmp_path / "data", (PATIENT_ID, PATIENT_ID))
    cached_pictures(find_examples(data), spec=SPEC, size=(64, 64), folder=tmp_path / "cache", progress=told.append)
    for file in (tmp_path / "cache").iterdir():
        written = file.read_bytes()
        for identity in (PATIENT_ID, "Zebedee", hashlib.sha256(PATIENT_ID.encode()).hexdigest()[:12]):
            assert identity.encode() not in written
    assert "decoded 2 of 2 files" in told[-1]
    assert "0 s left" in told[-1]


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(b"")
    with pytest.raises(DatasetError) as caught:
        read(tmp_path, tmp_path / ".cache")
    assert caught.value.code == "nothing-readable"


def test_intermediate_files_stay_out_of_version_control(tmp_path: Path) -> None:
    ignore_in_version_control(tmp_path / "work")
    assert (tmp_path / "work" / ".gitignore").read_text().strip() == "*"

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.domain import InputSpec
from core.errors import DatasetError
from core.training.cache import Pictures, cached_pictures, ignore_in_version_control
from core.training.dataset import find_examples
from tests.core.training.films import labelled_folder, write

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
    monkeypatch.setattr("core.training.cache.read_example", None)
    assert np.array_equal(read(data, tmp_path / "cache").pixels, first.pixels)


def test_another_preprocessing_or_a_changed_file_makes_another_cache(tmp_path: Path) -> None:
    data = labelled_folder(tmp_path / "data", patients=1)
    read(data, tmp_path / "cache")
    read(data, tmp_path / "cache", replace(SPEC, intensity_range="percentile"))
    write(data / "clear" / "p000_0.png", np.eye(64, dtype=np.uint8) * 255)
    pictures = read(data, tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 3
    assert np.array_equal(pictures.pixels[0], np.eye(64, dtype=np.uint8) * 255)


def test_unreadable_flat_and_coloured_files_are_listed_and_left_out(tmp_path: Path) -> None:
    data = labelled_folder(tmp_path / "data", patients=2)
    (data / "clear" / "p0.txt").write_text("no picture")
    write(data / "clear" / "q0.png", np.zeros((64, 64), np.uint8))
    write(data / "opaque" / "q1.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    pictures = read(data, tmp_path / "cache", replace(SPEC, channels=3, mean=(0.0,) * 3, std=(1.0,) * 3))
    assert {one.path.name for one in pictures.left_out} == {"p0.txt", "q0.png", "q1.png"}
    assert len(pictures.examples) == len(pictures.pixels) == 8
    assert all(one.reason and "q1" not in one.reason for one in pictures.left_out)
    again = read(data, tmp_path / "cache", replace(SPEC, channels=3, mean=(0.0,) * 3, std=(1.0,) * 3))
    assert again.left_out == pictures.left_out


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

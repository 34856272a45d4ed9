"""Overlay planes, made by hand, against the numbers written here and against pydicom's own reading."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from core.domain import Image
from core.io.dicom.decode import decode_frame
from core.io.dicom.graphics import read_graphics
from core.io.dicom.series import group_series
from tests.core.io.dicom.made import dataset_of, file_of, read

ROWS, COLUMNS = 6, 7
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def with_plane(
    bits: NDArray[np.uint8], *, group: int = 0x6000, origin: tuple[int, int] = (1, 1), frames: int = 1, **extra: Any
) -> Dataset:
    """Return an image with an overlay plane; `bits` are (rows, columns), or (n, rows, columns)."""
    pixels = np.zeros((frames, ROWS, COLUMNS), np.uint16) if frames > 1 else np.zeros((ROWS, COLUMNS), np.uint16)
    return add_plane(dataset_of(pixels), bits, group=group, origin=origin, **extra)


def add_plane(
    dataset: Dataset, bits: NDArray[np.uint8], *, group: int, origin: tuple[int, int], first_frame: int | None = None
) -> Dataset:
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    values: dict[int, tuple[str, Any]] = {
        0x0010: ("US", bits.shape[-2]),
        0x0011: ("US", bits.shape[-1]),
        0x0040: ("CS", "G"),
        0x0050: ("SS", list(origin)),
        0x0100: ("US", 1),
        0x0102: ("US", 0),
        0x3000: ("OW", packed + b"\0" * (len(packed) % 2)),
    }
    if bits.ndim == 3:
        values[0x0015] = ("IS", bits.shape[0])
    if first_frame is not None:
        values[0x0051] = ("US", first_frame)
    for element, (vr, value) in values.items():
        dataset.add_new((group, element), vr, value)
    return dataset


def image_of(dataset: Dataset, index: int = 0, syntax: str = ExplicitVRLittleEndian) -> Image:
    return decode_frame(read(file_of(dataset, syntax)), index)


def codes(dataset: Dataset) -> list[str]:
    (series,) = group_series([read(file_of(dataset))])
    return [notice.code for notice in series.notices if "graphics" in notice.code or "overlay" in notice.code]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_plane_of_the_images_size_is_read_as_pydicom_reads_it(syntax: str) -> None:
    bits = np.random.default_rng(5).integers(0, 2, (ROWS, COLUMNS), np.uint8)
    dataset = with_plane(bits)
    image = image_of(dataset, syntax=syntax)
    assert image.graphics is not None
    assert np.array_equal(image.graphics, dataset.overlay_array(0x6000))
    assert codes(dataset) == ["own-graphics"]


def test_words_of_big_endian_are_turned() -> None:
    bits = np.random.default_rng(6).integers(0, 2, (ROWS, COLUMNS), np.uint8)
    dataset = with_plane(bits)
    dataset[0x6000, 0x3000].value = np.frombuffer(dataset[0x6000, 0x3000].value, "<u2").astype(">u2").tobytes()
    image = image_of(dataset, syntax=ExplicitVRBigEndian)
    assert np.array_equal(image.graphics, bits)


@pytest.mark.parametrize(
    ("origin", "place", "part"),
    [
        ((2, 3), np.s_[1:4, 2:5], np.s_[:, :]),
        ((0, 1), np.s_[0:2, 0:3], np.s_[1:, :]),
        ((-1, -1), np.s_[0:1, 0:1], np.s_[2:, 2:]),
        ((5, 6), np.s_[4:6, 5:7], np.s_[:2, :2]),
        ((40, 40), np.s_[0:0, 0:0], np.s_[0:0, 0:0]),
        ((-40, 2), np.s_[0:0, 0:0], np.s_[0:0, 0:0]),
    ],
)
def test_it_lies_at_its_origin_and_is_cut_at_the_edges(origin: tuple[int, int], place: Any, part: Any) -> None:
    expected = np.zeros((ROWS, COLUMNS), np.bool_)
    expected[place] = CROSS[part]
    image = image_of(with_plane(CROSS, origin=origin))
    assert np.array_equal(image.graphics, expected)


def test_several_planes_are_drawn_together() -> None:
    dataset = with_plane(np.ones((1, 1), np.uint8))
    add_plane(dataset, np.ones((1, 2), np.uint8), group=0x6002, origin=(6, 6))
    image = image_of(dataset)
    assert image.graphics is not None
    assert np.argwhere(image.graphics).tolist() == [[0, 0], [5, 5], [5, 6]]
    assert codes(dataset) == ["own-graphics"]


def test_planes_of_several_frames_belong_to_theirs() -> None:
    # Nine bits a frame: the second begins within a byte.
    bits = np.stack([CROSS, 1 - CROSS])
    file = read(file_of(with_plane(bits, frames=4, first_frame=2)))
    assert [read_graphics(file, index) is None for index in range(4)] == [True, False, False, True]
    for index, wanted in ((1, CROSS), (2, 1 - CROSS)):
        graphics = read_graphics(file, index)
        assert graphics is not None
        assert np.array_equal(graphics[:3, :3], wanted)


def test_a_plane_that_says_nothing_of_frames_belongs_to_all() -> None:
    file = read(file_of(with_plane(CROSS, frames=3)))
    assert all(read_graphics(file, index) is not None for index in range(3))


@pytest.mark.parametrize(
    "fault",
    [
        {0x0010: ("US", 0)},
        {0x0011: ("US", 65535)},
        {0x0100: ("US", 16)},
        {0x0050: ("SS", [1])},
        {0x0015: ("IS", 3)},
        {0x0051: ("US", 0)},
    ],
)
def test_a_plane_that_cannot_be_read_is_named_and_the_image_is_shown(fault: dict[int, tuple[str, Any]]) -> None:
    dataset = with_plane(CROSS)
    for element, (vr, value) in fault.items():
        dataset.add_new((0x6000, element), vr, value)
    image = image_of(dataset)
    assert image.graphics is None
    assert codes(dataset) == ["overlay-not-shown"]


def test_a_plane_in_unused_bits_of_the_pixels_is_named() -> None:
    dataset = with_plane(CROSS)
    dataset.add_new((0x6000, 0x0100), "US", 16)
    dataset.add_new((0x6000, 0x0102), "US", 12)
    del dataset[0x6000, 0x3000]
    assert image_of(dataset).graphics is None
    assert codes(dataset) == ["overlay-not-shown"]


def test_without_planes_there_is_nothing() -> None:
    dataset = dataset_of(np.zeros((ROWS, COLUMNS), np.uint16))
    assert image_of(dataset).graphics is None
    assert codes(dataset) == []

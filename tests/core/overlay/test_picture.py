"""Pictures: next to each other, with a bar of colours, as PNG."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from core.overlay import colour_bar, colour_map, encode_png, side_by_side
from core.overlay.bar import ticks


def test_side_by_side_keeps_both_pictures():
    left = np.full((4, 3), 50, np.uint8)
    right = np.random.default_rng(0).integers(0, 256, (2, 5, 3), dtype=np.uint8)
    sheet = side_by_side(left, right, gap=2, ground=(1, 2, 3))
    assert sheet.shape == (4, 10, 3)
    assert (sheet[:, :3] == 50).all()
    np.testing.assert_array_equal(sheet[1:3, 5:], right)
    assert (sheet[:, 3:5] == (1, 2, 3)).all()
    assert (sheet[0, 5:] == (1, 2, 3)).all()


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (1, 9), (64, 33), (7, 5, 3), (40, 1, 3)])
@pytest.mark.parametrize("level", [1, 9])
def test_png_is_lossless(shape, level):
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with Pillow.open(io.BytesIO(encode_png(picture, level=level))) as opened:
        opened.verify()
    with Pillow.open(io.BytesIO(encode_png(picture, level=level))) as opened:
        assert opened.mode == ("RGB" if picture.ndim == 3 else "L")
        np.testing.assert_array_equal(np.asarray(opened), picture)


def test_png_takes_pictures_that_are_not_contiguous():
    picture = np.arange(240, dtype=np.uint8).reshape(12, 20)[::-2, ::3]
    np.testing.assert_array_equal(np.asarray(Pillow.open(io.BytesIO(encode_png(picture)))), picture)


@pytest.mark.parametrize(
    ("limits", "texts"),
    [
        ((0, 1), ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        ((0, 5.2), ["0", "2", "4", "5.2"]),
        ((-1, 1), ["−1", "−0.5", "0", "0.5", "1"]),
        ((0, 0.00123), ["0", "0.0005", "0.00123"]),
    ],
)
def test_ticks_are_round_and_the_limits_are_written(limits, texts):
    assert [text for _, text in ticks(limits)] == texts


def test_the_bar_runs_from_the_last_colour_down_to_the_first():
    bar = colour_bar((0, 5.2), height=400, unit="evidence (logit)")
    column = bar[:, 3].astype(int)
    assert bar.shape[0] == 400
    np.testing.assert_allclose(column[12], colour_map(np.array(5.2), limits=(0, 5.2)), atol=6)
    np.testing.assert_allclose(column[200], colour_map(np.array(2.6), limits=(0, 5.2)), atol=6)
    np.testing.assert_allclose(column[387], colour_map(np.array(0.0), limits=(0, 5.2)), atol=6)
    assert colour_bar((0, 5.2), height=400).shape[1] < bar.shape[1]

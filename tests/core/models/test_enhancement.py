"""The steps that change a picture: against the filters' definitions, and on pictures that have nothing to change."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from core.domain import ENHANCEMENTS, Enhancement
from core.models.enhancement import enhance
from tests.made import chest_values

Picture = NDArray[np.float32]


def chest(side: int = 128) -> Picture:
    return (chest_values(side) / 4095).astype(np.float32)


def head(side: int = 128) -> Picture:
    """Return a disc of two kinds of tissue, 0.4 and 0.6, on black."""
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    radius = np.hypot(rows, columns)
    stripes = np.where(np.sin(25 * rows) * np.sin(25 * columns) > 0, 0.6, 0.4)
    return np.where(radius < 0.8, stripes, 0).astype(np.float32)


@pytest.mark.parametrize("step", ENHANCEMENTS)
def test_every_step_stays_within_0_and_1_and_gives_the_same_twice(step: Enhancement) -> None:
    picture = chest()
    before = picture.copy()
    first = enhance(picture, (step,))
    assert first.dtype == np.float32
    assert first.shape == picture.shape
    assert 0 <= first.min() < first.max() <= 1
    np.testing.assert_array_equal(first, enhance(picture, (step,)))
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("step", ENHANCEMENTS)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_constant_picture_stays_constant(step: Enhancement, value: float) -> None:
    assert np.unique(enhance(np.full((64, 48), value, dtype=np.float32), (step,))).size == 1


def test_steps_are_applied_in_their_order() -> None:
    picture = chest()
    there, back = enhance(picture, ("median", "clahe")), enhance(picture, ("clahe", "median"))
    np.testing.assert_array_equal(there, enhance(enhance(picture, ("median",)), ("clahe",)))
    assert not np.array_equal(there, back)


def test_median_is_that_of_nine_pixels() -> None:
    picture = np.random.default_rng(0).random((32, 40), dtype=np.float32)
    np.testing.assert_array_equal(enhance(picture, ("median",)), ndimage.median_filter(picture, 3, mode="nearest"))


def test_curvature_flow_takes_noise_away_and_leaves_the_edge() -> None:
    step = np.zeros((64, 64), dtype=np.float32)
    step[:, 32:] = 0.5
    noisy = (step + 0.25 + np.random.default_rng(0).normal(0, 0.03, step.shape)).astype(np.float32)
    smooth = enhance(noisy, ("curvature-flow",))
    assert smooth[:, 4:28].std() < 0.6 * noisy[:, 4:28].std()
    rise = smooth[:, 34:38].mean() - smooth[:, 26:30].mean()
    assert rise == pytest.approx(0.5, abs=0.02)


def test_curvature_flow_moves_a_circle_as_the_equation_says() -> None:
    # A level line of curvature κ moves with speed κ: the radius of a disc falls to √(r² − 2 t), t = 5 · 0.125.
    rows, columns = np.mgrid[-32:32, -32:32] + 0.5
    cone = (1 - np.hypot(rows, columns) / 50).astype(np.float32)
    level = 1 - 10 / 50
    moved = enhance(cone, ("curvature-flow",))[32, 32:]
    radius = float(np.interp(-level, -moved, np.arange(32) + 0.5))
    start = float(np.interp(-level, -cone[32, 32:], np.arange(32) + 0.5))
    assert start - radius == pytest.approx(10 - np.sqrt(100 - 2 * 5 * 0.125), rel=0.1)


def test_clahe_stretches_as_far_as_its_limit_lets_it() -> None:
    # Every tile holds 256 pixels, 8 of each value from 40 to 71 of 255. At most 2 of them stay in a bin; the other 192
    # go to every k-th bin, k = 256 // 192 = 1, until they are used up: to the first 192 bins. So 3 of the 256 pixels
    # are in each of the picture's bins, where an even histogram has 1: contrast grows threefold.
    values = np.repeat(np.arange(40, 72), 8) / 255
    tile = np.random.default_rng(0).permutation(values).reshape(16, 16)
    enhanced = enhance(np.tile(tile, (8, 8)).astype(np.float32), ("clahe",))
    assert np.ptp(enhanced) * 255 == pytest.approx(3 * 31, abs=1.01)


def test_the_contrast_of_clahe_is_limited() -> None:
    # Unlimited, the equalised noise of an even area would reach from 0 to 1.
    faint = (0.5 + np.random.default_rng(0).normal(0, 0.004, (128, 128))).astype(np.float32)
    assert np.ptp(enhance(faint, ("clahe",))) < 0.35


def test_n4_takes_the_shading_of_a_coil_away() -> None:
    true = head()
    shading = np.exp(0.5 * np.linspace(-1, 1, 128))[None, :].astype(np.float32)
    shaded = (true * shading).clip(0, 1)
    corrected = enhance(shaded, ("n4",))
    tissue = true == 0.6

    def unevenness(picture: Picture) -> float:
        return float(picture[tissue].std() / picture[tissue].mean())

    assert unevenness(shaded) > 0.15
    assert unevenness(corrected) < 0.25 * unevenness(shaded)
    assert (corrected[true == 0] == 0).all()
    assert corrected[true > 0].mean() == pytest.approx(shaded[true > 0].mean(), rel=0.05)


def test_n4_does_not_lift_the_noise_of_the_air() -> None:
    noisy = head() + np.abs(np.random.default_rng(0).normal(0, 0.02, (128, 128))).astype(np.float32)
    corrected = enhance(noisy.clip(0, 1), ("n4",))
    air = head() == 0
    assert corrected[air].max() < 1.5 * noisy[air].max()


@pytest.mark.parametrize("picture", [np.zeros((64, 64)), np.full((64, 64), 0.5), np.eye(64)[:, :20]])
def test_n4_leaves_a_picture_without_tissue_alone(picture: NDArray[np.float64]) -> None:
    np.testing.assert_array_equal(enhance(picture.astype(np.float32), ("n4",)), picture.astype(np.float32))


def test_what_is_not_inside_is_no_tissue() -> None:
    inside = np.zeros((64, 64), dtype=np.bool_)
    inside[:5, :5] = True
    np.testing.assert_array_equal(enhance(head(64), ("n4",), inside=inside), head(64))


def test_filters_are_loaded_only_when_a_model_asks_for_them() -> None:
    code = "import sys, core.models.preprocessing; sys.exit(any(name in sys.modules for name in ('SimpleITK', 'cv2')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

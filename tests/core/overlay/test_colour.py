"""Colours on an absolute scale: nothing is stretched, and nothing is coloured without positive evidence."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from core.domain import Explanation, Extent
from core.overlay import CONTOUR_COLOUR, as_rgb, colour_map, limits_for, overlay

GRAY = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)


def explanation_of(*values: float) -> Explanation:
    return Explanation("pneumonia", "CAM", np.array([values], np.float32), Extent(0, 0, 1, 1), "logit")


def heat_of(value: float) -> np.ndarray:
    return np.full(GRAY.shape, value, np.float32)


# ── Colour map ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["inferno", "magma", "viridis"])
def test_the_map_is_matplotlib_s(name):
    values = np.random.default_rng(1).uniform(-1, 3, (40, 50))
    place = np.rint(np.clip(values / 2, 0, 1) * 255).astype(int)
    expected = mpl.colormaps[name](place, bytes=True)[..., :3]
    np.testing.assert_allclose(colour_map(values, name=name, limits=(0, 2)).astype(int), expected, atol=4)


def test_the_ends_go_on_beyond_the_limits_and_nan_is_black():
    colours = colour_map(np.array([-5.0, 1.0, 2.0, 9.0, np.inf, -np.inf, np.nan]), limits=(1, 2))
    first, last = colours[1].tolist(), colours[2].tolist()
    assert colours.tolist() == [first, first, last, last, last, first, [0, 0, 0]]


@pytest.mark.parametrize("limits", [(0, 0), (1, 0), (0, np.nan), (-np.inf, 1)])
def test_limits_that_do_not_rise_are_refused(limits):
    with pytest.raises(ValueError, match="rising"):
        colour_map(np.zeros((2, 2)), limits=limits)


def test_limits_reach_from_zero_to_the_strongest_evidence():
    assert limits_for([explanation_of(-4, 2.5), explanation_of(1, np.nan)]) == (0, 2.5)
    assert limits_for([explanation_of(0.25)], at_least=1) == (0, 1)
    assert limits_for([explanation_of(-1, 0)]) == (0, 1)
    assert limits_for([]) == (0, 1)


# ── Overlay ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("heat", [heat_of(0), heat_of(-3), heat_of(np.nan)])
@pytest.mark.parametrize("limits", [(0, 1), (0, 0)])
def test_without_positive_evidence_the_image_is_untouched(heat, limits):
    np.testing.assert_array_equal(overlay(GRAY, heat, opacity=1, limits=limits), as_rgb(GRAY))


def test_no_opacity_is_the_image():
    np.testing.assert_array_equal(overlay(GRAY, heat_of(5), opacity=0, limits=(0, 5)), as_rgb(GRAY))


def test_full_opacity_at_the_upper_limit_is_the_last_colour():
    picture = overlay(GRAY, heat_of(5), opacity=1, limits=(0, 5))
    assert (picture == colour_map(np.array(5.0), limits=(0, 5))).all()


def test_half_opacity_by_hand():
    picture = overlay(np.full((1, 1), 100, np.uint8), np.full((1, 1), 2, np.float32), opacity=0.5, limits=(0, 2))
    last = colour_map(np.array(2.0), limits=(0, 2)).astype(float)
    np.testing.assert_allclose(picture[0, 0], (100 + last) / 2, atol=1)


def test_weaker_evidence_hides_less_of_the_image():
    heat = np.linspace(0, 1, 30, dtype=np.float32)[None].repeat(20, 0)
    dark, light = np.zeros((20, 30), np.uint8), np.full((20, 30), 255, np.uint8)
    seen = overlay(light, heat, opacity=0.8, limits=(0, 1)).astype(int) - overlay(
        dark, heat, opacity=0.8, limits=(0, 1)
    )
    assert (np.diff(seen[0, :, 0]) <= 0).all()
    assert seen[0, 0, 0] == 255
    assert seen[0, -1, 0] == pytest.approx(255 * 0.2, abs=1)


def test_the_scale_is_not_stretched():
    weak = overlay(GRAY, heat_of(0.1), opacity=1, limits=(0, 10)).astype(int)
    assert np.abs(weak - as_rgb(GRAY)).max() <= 4


def test_only_values_above_the_threshold_are_coloured():
    heat = heat_of(1)
    heat[:10] = 3
    picture = overlay(GRAY, heat, opacity=1, limits=(0, 3), threshold=1)
    np.testing.assert_array_equal(picture[10:], as_rgb(GRAY)[10:])
    assert (picture[:10] == picture[0, 0]).all()


def test_a_contour_surrounds_what_reaches_its_level():
    heat = np.zeros((20, 30), np.float32)
    heat[5:12, 8:20] = 2
    picture = overlay(GRAY, heat, opacity=0, limits=(0, 2), contour_level=2)
    line = (picture == CONTOUR_COLOUR).all(-1)
    assert line.sum() == 7 * 12 - 5 * 10
    assert line[5, 8:20].all()
    assert line[5:12, 19].all()
    np.testing.assert_array_equal(picture[~line], as_rgb(GRAY)[~line])


def test_a_contour_does_not_run_along_the_edge_of_the_image():
    picture = overlay(GRAY, heat_of(2), opacity=0, limits=(0, 2), contour_level=1)
    np.testing.assert_array_equal(picture, as_rgb(GRAY))


def test_colour_images_take_an_overlay_and_the_input_is_not_changed():
    colours = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    before = colours.copy()
    heat = heat_of(0)
    heat[0, 0] = 1
    picture = overlay(colours, heat, opacity=1, limits=(0, 1), contour_level=0.5)
    np.testing.assert_array_equal(picture[5:], colours[5:])
    np.testing.assert_array_equal(colours, before)


def test_other_grids_are_refused():
    with pytest.raises(ValueError, match="same grid"):
        overlay(GRAY, np.zeros((7, 7), np.float32), opacity=1, limits=(0, 1))

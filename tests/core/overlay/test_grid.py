"""Heatmaps on the image's grid: worked out by hand, and SciPy and Pillow as independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from scipy.interpolate import RegularGridInterpolator

from core.domain import Explanation, Extent, Spacing
from core.overlay import crop_and_scale, heatmap_on_grid, whole_image, zoomed_region


def explanation_of(heatmap: object, extent: Extent) -> Explanation:
    return Explanation("pneumonia", "CAM", np.asarray(heatmap, np.float32), extent, "logit")


# ── Heatmaps ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_cells_over_four_pixels_by_hand():
    # cell centres at 1 and 3; pixel centres at 0.5, 1.5, 2.5, 3.5
    heat = heatmap_on_grid(explanation_of([[0, 8]], Extent(0, 0, 1, 4)), (1, 4))
    np.testing.assert_array_equal(heat, [[0, 2, 6, 8]])
    assert heat.dtype == np.float32


def test_two_by_two_cells_over_a_square_by_hand():
    heat = heatmap_on_grid(explanation_of([[0, 4], [8, 12]], Extent(0, 0, 4, 4)), (4, 4))
    np.testing.assert_array_equal(heat, [[0, 1, 3, 4], [2, 3, 5, 6], [6, 7, 9, 10], [8, 9, 11, 12]])


def test_padding_of_the_network_lies_outside_the_image():
    # a 2 × 4 image padded to a square: one row of zeros above and below it, so the extent reaches over the edge
    heat = heatmap_on_grid(explanation_of([[0], [6]], Extent(-1, 0, 3, 4)), (2, 4))
    # cell centres at rows 0 and 2; pixel centres at 0.5 and 1.5
    np.testing.assert_array_equal(heat, [[1.5] * 4, [4.5] * 4])


def test_what_the_model_did_not_see_is_undefined():
    heat = heatmap_on_grid(explanation_of([[5]], Extent(1, 0, 3, 2)), (4, 3))
    nan = np.nan
    np.testing.assert_array_equal(heat, [[nan, nan, nan], [5, 5, nan], [5, 5, nan], [nan, nan, nan]])


@given(
    cells=st.tuples(st.integers(2, 8), st.integers(2, 8)),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 99),
)
def test_it_agrees_with_scipy_between_the_centres(cells, shape, seed):
    heatmap = np.random.default_rng(seed).normal(size=cells).astype(np.float32)
    extent = Extent(-3.5, 0, shape[0] + 2, shape[1] + 7.25)
    rows = extent.top + (np.arange(cells[0]) + 0.5) * (extent.bottom - extent.top) / cells[0]
    columns = extent.left + (np.arange(cells[1]) + 0.5) * (extent.right - extent.left) / cells[1]
    at_row = np.clip(np.arange(shape[0]) + 0.5, rows[0], rows[-1])
    at_column = np.clip(np.arange(shape[1]) + 0.5, columns[0], columns[-1])
    expected = RegularGridInterpolator((rows, columns), heatmap)(tuple(np.meshgrid(at_row, at_column, indexing="ij")))
    np.testing.assert_allclose(heatmap_on_grid(explanation_of(heatmap, extent), shape), expected, atol=1e-5)


def test_it_agrees_with_pillow_where_the_extent_is_the_image():
    heatmap = np.random.default_rng(5).normal(size=(7, 9)).astype(np.float32)
    theirs = Pillow.fromarray(heatmap).resize((90, 140), Pillow.Resampling.BILINEAR)
    np.testing.assert_allclose(
        heatmap_on_grid(explanation_of(heatmap, Extent(0, 0, 140, 90)), (140, 90)), np.asarray(theirs), atol=1e-5
    )


def test_a_region_on_its_own_grid_is_the_same_part_of_the_whole():
    heatmap = np.random.default_rng(5).normal(size=(7, 7)).astype(np.float32)
    explanation = explanation_of(heatmap, Extent(-10, 0, 110, 120))
    whole = heatmap_on_grid(explanation, (100, 120))
    part = heatmap_on_grid(explanation, (30, 40), region=Extent(20, 50, 50, 90))
    np.testing.assert_allclose(part, whole[20:50, 50:90], atol=1e-5)
    half = heatmap_on_grid(explanation, (50, 60), region=whole_image((100, 120)))
    np.testing.assert_allclose(half, whole.reshape(50, 2, 60, 2).mean((1, 3)), atol=0.05)


def test_a_hole_in_the_heatmap_does_not_spread_over_the_rest():
    heatmap = np.ones((4, 4), np.float32)
    heatmap[0, 0] = np.nan
    heat = heatmap_on_grid(explanation_of(heatmap, Extent(0, 0, 40, 40)), (40, 40))
    assert np.isnan(heat[:5, :5]).all()
    assert (heat[15:] == 1).all()
    assert (heat[:, 15:] == 1).all()


# ── Regions ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_zoom_shows_less_and_stays_inside():
    assert zoomed_region((100, 200), zoom=1) == Extent(0, 0, 100, 200)
    assert zoomed_region((100, 200), zoom=2) == Extent(25, 50, 75, 150)
    assert zoomed_region((100, 200), zoom=4, centre=(0, 190)) == Extent(0, 150, 25, 200)
    assert zoomed_region((100, 200), zoom=0.5, centre=(90, 10)) == Extent(0, 0, 100, 200)


def test_whole_pixels_are_cut_out_as_they_are():
    picture = np.random.default_rng(0).integers(0, 256, (30, 40), dtype=np.uint8)
    np.testing.assert_array_equal(crop_and_scale(picture, region=Extent(5, 10, 20, 30)), picture[5:20, 10:30])
    colours = np.repeat(picture[..., None], 3, axis=2)
    np.testing.assert_array_equal(crop_and_scale(colours, region=Extent(5, 10, 20, 30)), colours[5:20, 10:30])
    assert crop_and_scale(picture, max_side=40) is picture


@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        ((2128, 2000), {"max_side": 1024}, (1024, 962)),
        ((100, 50), {"max_side": 1024}, (100, 50)),
        ((100, 50), {"max_side": 1024, "enlarge": True}, (1024, 512)),
        ((100, 50), {"spacing": Spacing(2.0, 1.0, "PixelSpacing")}, (200, 50)),
        ((100, 50), {"spacing": Spacing(1.0, 4.0, "PixelSpacing"), "max_side": 100}, (50, 100)),
        ((1000, 1), {"max_side": 10}, (10, 1)),
    ],
)
def test_the_shape_that_is_shown(shape, options, expected):
    assert crop_and_scale(np.zeros(shape, np.uint8), **options).shape == expected


def test_reducing_averages_and_keeps_an_even_shade():
    stripes = np.tile(np.array([0, 255], np.uint8), (400, 200))
    assert np.ptp(crop_and_scale(stripes, max_side=100)[:, 2:-2].astype(int)) <= 2
    assert (crop_and_scale(np.full((999, 777), 77, np.uint8), max_side=100) == 77).all()


def test_image_and_heatmap_stay_on_one_grid_when_zoomed():
    # a bright block in the image under the one hot cell of the heatmap
    picture, heatmap = np.zeros((80, 80), np.uint8), np.zeros((8, 8), np.float32)
    picture[30:40, 50:60], heatmap[3, 5] = 255, 1
    region = Extent(22.5, 41.25, 52.5, 71.25)
    shown = crop_and_scale(picture, region=region, max_side=300, enlarge=True).astype(float)
    heat = heatmap_on_grid(explanation_of(heatmap, Extent(0, 0, 80, 80)), shown.shape, region=region)
    for axis in (0, 1):
        places = np.arange(300)
        assert np.average(places, weights=shown.sum(axis)) == pytest.approx(
            np.average(places, weights=heat.sum(axis)), abs=1
        )


@pytest.mark.parametrize("region", [Extent(-1, 0, 5, 5), Extent(0, 0, 11, 5), Extent(5, 5, 5, 9), Extent(7, 0, 3, 5)])
def test_an_empty_region_or_one_over_the_edge_is_refused(region):
    with pytest.raises(ValueError, match="edge of a picture"):
        crop_and_scale(np.zeros((10, 10), np.uint8), region=region)

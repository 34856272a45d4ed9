"""The canvas shows what core makes of an image and its heatmap; all kinds: `tests/browser/test_read_viewer.py`."""

from __future__ import annotations

import numpy as np

from core.domain import Series
from core.overlay import heatmap_on_grid, overlay
from core.ui.windows import window_choices
from core.windowing import render
from tests.browser.viewer.bench import Bench
from tests.browser.viewer.page_heat import heat_over


def test_the_keys_choose_the_presets(bench: Bench, series: dict[str, Series]) -> None:
    bench.open(study="ct")
    bench.press("0")
    image = series["ct"].frames[4].load()
    choices = window_choices(image, series["ct"].acquisition)
    for number, make in enumerate(list(choices.values())[:9], start=1):
        bench.press(str(number))
        bench.shows(render(image, make()))


def test_every_slice_is_its_own(bench: Bench, series: dict[str, Series]) -> None:
    bench.open(study="ct")
    bench.press("0", "Home")
    for index, frame in enumerate(series["ct"].frames):
        bench.until("(v, i) => v.panes[0].shown === i", index)
        bench.shows(render(frame.load()))
        bench.press("ArrowDown")


def test_heat_lies_over_the_image_as_core_lays_it(bench: Bench, series: dict[str, Series]) -> None:
    bench.open(study="ct", heat=1)
    bench.press("0")
    image = series["ct"].frames[4].load()
    explanation = heat_over(image.shape)
    expected = overlay(
        render(image), heatmap_on_grid(explanation, image.shape), opacity=0.6, limits=(0.0, 3.0), threshold=0.0
    )
    canvas, part = bench.see(pane=1).beside(expected)
    assert np.abs(canvas.astype(int) - part).max() <= 3, "rounding of colour, opacity and mixture"
    plain, gray = bench.see(pane=0).beside(render(image))
    assert np.array_equal(plain, gray)
    bench.press("h")
    canvas, part = bench.see(pane=1).beside(render(image))
    assert np.array_equal(canvas, part)

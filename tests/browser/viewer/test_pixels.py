"""The canvas shows what `core.windowing` makes, pixel by pixel: every kind of image, windowed by mouse and keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.domain import Series, VoiFunction, WindowLevel
from core.io import load_path
from core.overlay import heatmap_on_grid, overlay
from core.ui.windows import window_choices
from core.windowing import render
from tests.browser.viewer.bench import Bench
from tests.browser.viewer.page_heat import heat_over

WINDOW = "v => v.active().look.on(v.frame()).voi"


def window_of(bench: Bench) -> WindowLevel:
    told: dict[str, Any] = bench.ask(WINDOW)
    return WindowLevel(told["center"], told["width"], VoiFunction(told["function"]))


def assert_shows(bench: Bench, picture: np.ndarray) -> None:
    canvas, expected = bench.see().beside(picture)
    assert np.array_equal(canvas, expected), int(np.abs(canvas.astype(int) - expected).max())


@pytest.mark.parametrize("name", ["dx.dcm", "ct", "mr.dcm", "volume.nii.gz", "us.dcm"])
def test_an_image_is_shown_as_it_wants_to_be_seen(bench: Bench, series: dict[str, Series], name: str) -> None:
    bench.open(study=name)
    bench.press("0")
    index = len(series[name].frames) // 2
    image = series[name].frames[index].load()
    assert_shows(bench, render(image))
    bench.press("i")
    assert_shows(bench, render(image, invert=True))


@pytest.mark.parametrize("name", ["dx.dcm", "ct", "mr.dcm", "volume.nii.gz"])
def test_a_drag_windows_the_image(bench: Bench, series: dict[str, Series], name: str) -> None:
    bench.open(study=name)
    bench.press("0")
    image = series[name].frames[len(series[name].frames) // 2].load()
    before = window_of(bench)
    bench.drag(60, -37)
    window = window_of(bench)
    assert window.width > before.width
    assert window.center < before.center
    assert_shows(bench, render(image, window))
    bench.press("s")
    other = window_of(bench)
    assert {window.function, other.function} >= {VoiFunction.SIGMOID}
    assert_shows(bench, render(image, other))
    bench.press("r", "0")
    assert window_of(bench) == before


def test_the_keys_choose_the_presets(bench: Bench, series: dict[str, Series]) -> None:
    bench.open(study="ct")
    bench.press("0")
    image = series["ct"].frames[4].load()
    choices = window_choices(image, series["ct"].acquisition)
    for number, make in enumerate(list(choices.values())[:9], start=1):
        bench.press(str(number))
        assert_shows(bench, render(image, make()))


def test_every_slice_is_its_own(bench: Bench, series: dict[str, Series]) -> None:
    bench.open(study="ct")
    bench.press("0", "Home")
    for index, frame in enumerate(series["ct"].frames):
        bench.until("(v, i) => v.panes[0].shown === i", index)
        assert_shows(bench, render(frame.load()))
        bench.press("ArrowDown")


def test_a_real_radiograph_of_inverse_polarity(bench: Bench, shared_data) -> None:
    bench.open(study="shared/chest", series=1)
    bench.press("0")
    image = load_path(shared_data / "dicom" / "chest").series[1].frames[1].load()
    assert image.photometric_interpretation == "MONOCHROME1"
    assert_shows(bench, render(image))
    bench.drag(-50, 80)
    assert_shows(bench, render(image, window_of(bench)))


def test_a_real_tilted_series(bench: Bench, shared_data) -> None:
    bench.open(study="shared/ct_head_tilted")
    bench.press("0")
    frames = load_path(shared_data / "dicom" / "ct_head_tilted").series[0].frames
    assert_shows(bench, render(frames[14].load()))
    bench.press("PageDown")
    bench.until("v => v.panes[0].shown === 24")
    assert_shows(bench, render(frames[24].load()))


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

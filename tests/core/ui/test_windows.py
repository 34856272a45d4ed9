from __future__ import annotations

import numpy as np
import pytest

from core.domain import Acquisition, Image, Intensity, VoiLut, WindowLevel
from core.ui.windows import AUTOMATIC, FULL_RANGE, slider_bounds, slider_step, window_choices

CT = Acquisition(modality="CT", body_part_examined="HEAD")


def image(*voi: WindowLevel | VoiLut, pixels: np.ndarray | None = None) -> Image:
    values = pixels if pixels is not None else np.arange(100, dtype=np.int16).reshape(10, 10)
    return Image(values, Intensity.HU, "MONOCHROME2", "uid", voi=voi)


def test_the_files_own_windows_come_first_by_their_explanation() -> None:
    choices = window_choices(image(WindowLevel(40, 80, explanation="BRAIN"), WindowLevel(300, 2000)), CT)
    names = list(choices)
    assert names[:4] == ["File: BRAIN 80/40", "File: window 2 2000/300", AUTOMATIC, FULL_RANGE]
    assert "Lung 1500/-600" in names
    assert choices["File: BRAIN 80/40"]() == WindowLevel(40, 80, explanation="BRAIN")


def test_two_windows_of_one_name_can_both_be_chosen() -> None:
    first, second = WindowLevel(40, 80, explanation="A"), WindowLevel(40.001, 80, explanation="A")
    choices = window_choices(image(first, second), CT)
    assert [choice() for choice in choices.values()][:2] == [first, second]


def test_windows_that_break_their_rules_are_left_out() -> None:
    assert next(iter(window_choices(image(WindowLevel(40, 0)), Acquisition()))) == AUTOMATIC


def test_a_table_is_named_as_one() -> None:
    lut = VoiLut(np.arange(4, dtype=np.uint16), 0, 12, "NORMAL")
    assert next(iter(window_choices(image(lut), Acquisition()))) == "File: NORMAL"


def test_without_a_named_modality_there_are_no_presets() -> None:
    assert list(window_choices(image(), Acquisition())) == [AUTOMATIC, FULL_RANGE]


def test_slider_bounds_hold_values_window_and_what_they_held_before() -> None:
    assert slider_bounds(image(), WindowLevel(40, 80)) == (0.0, 99.0)
    assert slider_bounds(image(), WindowLevel(-600, 1500)) == (-600.0, 99.0)
    assert slider_bounds(image(), WindowLevel(40, 80), known=(-50.0, 3000.0)) == (-50.0, 3000.0)


@pytest.mark.parametrize("pixels", [np.full((4, 4), 7.0), np.full((4, 4), np.nan)])
def test_slider_bounds_of_an_image_without_contrast_are_still_a_range(pixels: np.ndarray) -> None:
    low, high = slider_bounds(image(pixels=pixels), WindowLevel(7, 1))
    assert low < 7 < high


@pytest.mark.parametrize(("bounds", "step"), [((-1024.0, 3071.0), 1.0), ((0.0, 100.0), 1.0), ((0.0, 1.0), 0.005)])
def test_slider_steps(bounds: tuple[float, float], step: float) -> None:
    assert slider_step(bounds) == pytest.approx(step)

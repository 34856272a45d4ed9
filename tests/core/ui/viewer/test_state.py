"""What the browser tells is checked part by part: it comes from outside."""

from __future__ import annotations

import math
from typing import Any

import pytest

from core.domain import VoiFunction, WindowLevel
from core.ui.viewer.state import ViewerState


def test_a_state_survives_the_way_to_the_browser_and_back() -> None:
    state = ViewerState(
        frame=4,
        preset="Manual",
        window=WindowLevel(-600.0, 1500.0, VoiFunction.SIGMOID),
        invert=True,
        zoom=2.5,
        centre=(0.25, 0.75),
        heat=False,
        label="Effusion",
        method="CAM",
        opacity=0.35,
        threshold=0.5,
        contour=1.25,
    )
    assert ViewerState.from_json(state.as_json(), frames=10) == state


def test_the_first_state_survives_too() -> None:
    assert ViewerState.from_json(ViewerState().as_json(), frames=1) == ViewerState()


@pytest.mark.parametrize("told", [None, {}, [], "frame", {"frame": "x", "zoom": None, "centre": "middle", "window": 3}])
def test_what_cannot_be_meant_is_as_at_first(told: Any) -> None:
    assert ViewerState.from_json(told, frames=3) == ViewerState()


@pytest.mark.parametrize(("told", "frame"), [(-3, 0), (99, 2), (True, 0), (math.nan, 0), (1.0, 1)])
def test_a_frame_that_is_not_there_is_brought_to_the_nearest(told: Any, frame: int) -> None:
    assert ViewerState.from_json({"frame": told}, frames=3).frame == frame


@pytest.mark.parametrize(
    "window",
    [
        {"center": 1, "width": 0, "function": "LINEAR_EXACT"},
        {"center": 1, "width": 0.5, "function": "LINEAR"},
        {"center": math.inf, "width": 5, "function": "LINEAR"},
        {"center": 1, "width": 5, "function": "CUBIC"},
        {"center": 1, "width": 5},
    ],
)
def test_a_window_that_cannot_be_applied_is_none(window: Any) -> None:
    assert ViewerState.from_json({"window": window}, frames=1).window is None


def test_a_name_of_endless_length_is_no_name() -> None:
    assert ViewerState.from_json({"preset": "x" * 1000}, frames=1).preset == ""

"""Letters at the edges, after the directions of PS3.3 C.7.6.2.1.1."""

from __future__ import annotations

import math

import pytest

from core.domain import Frame, Position
from core.ui.viewer.orientation import direction_letters, edge_letters, places_along


@pytest.mark.parametrize(
    ("orientation", "left", "right", "top", "bottom"),
    [
        ((1, 0, 0, 0, 1, 0), "R", "L", "A", "P"),  # axial, seen from the feet
        ((1, 0, 0, 0, 0, -1), "R", "L", "H", "F"),  # coronal, seen from the front
        ((0, 1, 0, 0, 0, -1), "A", "P", "H", "F"),  # sagittal, seen from the left
    ],
)
def test_the_three_planes(orientation, left, right, top, bottom) -> None:
    edges = edge_letters(Position((0, 0, 0), orientation))
    assert edges == {"left": left, "right": right, "top": top, "bottom": bottom}


def test_an_oblique_direction_names_the_strongest_part_first() -> None:
    tilt = math.radians(20)
    assert direction_letters((0, math.cos(tilt), -math.sin(tilt))) == "PF"
    assert direction_letters((0, -math.sin(tilt), math.cos(tilt))) == "HA"


def test_a_tilt_of_two_degrees_is_not_worth_a_letter() -> None:
    tilt = math.radians(2)
    assert direction_letters((math.cos(tilt), math.sin(tilt), 0)) == "L"


def test_a_radiograph_has_the_letters_of_its_patient_orientation() -> None:
    assert edge_letters(None, ("L", "FP")) == {"left": "R", "right": "L", "top": "HA", "bottom": "FP"}


def test_without_a_position_there_are_no_letters() -> None:
    assert edge_letters(None) is None


def test_slices_lie_along_their_normal() -> None:
    tilted = (1, 0, 0, 0, 0.6, -0.8)
    frames = [
        Frame(f"{n}", load=lambda: None, shape=(2, 2), position=Position((5, 8 * n, 6 * n), tilted)) for n in range(3)
    ]
    assert places_along(frames) == {"normal": [0, 0.8, 0.6], "mm": [0, 10, 20]}
    assert places_along([*frames, Frame("?", load=lambda: None, shape=(2, 2))]) is None

"""Letters at the edges, after the directions of PS3.3 C.7.6.2.1.1."""

from __future__ import annotations

import math

import pytest

from core.domain import Position
from core.ui.viewer.orientation import direction_letters, edge_letters


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


def test_without_a_position_there_are_no_letters() -> None:
    assert edge_letters(None) is None

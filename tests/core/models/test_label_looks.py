"""Colours that can be told from black and from white ground, and looks that no two labels share."""

from __future__ import annotations

import pytest

from core.domain import Label
from core.models.label_looks import COLOURS, NEUTRAL, label_looks


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", [*COLOURS, NEUTRAL])
@pytest.mark.parametrize("ground", ["#0f1114", "#fbfbfa", "#ffffff"])
def test_every_colour_has_contrast_to_every_ground(colour: str, ground: str) -> None:
    low, high = sorted((luminance(colour), luminance(ground)))
    assert (high + 0.05) / (low + 0.05) >= 3


def test_no_two_of_eighteen_labels_look_alike() -> None:
    looks = label_looks([Label(f"finding {number}") for number in range(18)])
    assert len(set(looks.values())) == 18
    assert len({(look.colour, look.dash) for look in looks.values()}) == 18


def test_a_label_keeps_its_look_whatever_is_drawn() -> None:
    labels = [Label("glioma"), Label("meningioma")]
    assert label_looks(labels)["glioma"] == label_looks(labels[:1])["glioma"]

"""How the labels of a model look on every chart, on pages and on paper: the same label has the same look everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.domain import Label

Dash = Literal["solid", "dash", "dot", "dashdot"]

COLOURS = ("#2f86c7", "#cc6a1c", "#2a9368", "#9a6fc4", "#cf5a86", "#8c8420", "#1f93a0")
"""Each has a contrast of at least 3 to black and to white ground (WCAG 2.2, 1.4.11)."""
NEUTRAL = "#7d858d"
"""Of what belongs to no label: cases without the finding, lines of reference."""
DASHES: tuple[Dash, ...] = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True, slots=True)
class LabelLook:
    """Colour, as `#rrggbb`, and dash of a label's lines: labels of one colour differ in their dash."""

    colour: str
    dash: Dash = "solid"


def label_looks(labels: Sequence[Label]) -> dict[str, LabelLook]:
    """Return the look of each of a model's labels by its name."""
    return {
        label.name: LabelLook(COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % len(DASHES)])
        for index, label in enumerate(labels)
    }

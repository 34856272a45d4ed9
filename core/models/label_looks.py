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
SYMBOLS = ("circle", "square", "diamond", "cross", "x")
"""Of markers; their number shares no divisor with that of the colours, so that a pair comes again late."""
DASHES: tuple[Dash, ...] = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True, slots=True)
class LabelLook:
    """Colour, as `#rrggbb`, dash of lines and symbol of markers: labels of one colour differ in the others."""

    colour: str
    dash: Dash = "solid"
    symbol: str = "circle"


def label_looks(labels: Sequence[Label]) -> dict[str, LabelLook]:
    """Return the look of each of a model's labels by its name."""
    return {
        label.name: LabelLook(
            colour=COLOURS[index % len(COLOURS)],
            dash=DASHES[index // len(COLOURS) % len(DASHES)],
            symbol=SYMBOLS[index % len(SYMBOLS)],
        )
        for index, label in enumerate(labels)
    }

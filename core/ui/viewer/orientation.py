"""The letters at the edges of a picture: which side of the patient lies there."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain import Position

_DIRECTIONS = (("L", "R"), ("P", "A"), ("H", "F"))
"""Where x, y and z of the patient's coordinates increase and decrease: PS3.3 C.7.6.2.1.1."""
_NEGLIGIBLE = 0.05
"""A part of a direction below this, some three degrees, is not worth a letter."""


def edge_letters(position: Position | None) -> dict[str, str] | None:
    """Return what lies beyond each edge of a picture; None where its position in the patient is unknown.

    Returns
    -------
    dict
        `left`, `right`, `top`, `bottom`: up to three letters each, the strongest direction first.

    References
    ----------
    DICOM PS3.3 C.7.6.2.1.1 Image Position and Image Orientation; C.7.6.1.1.1 Patient Orientation (the letters).
    """
    if position is None:
        return None
    row, column = position.orientation[:3], position.orientation[3:]
    return {
        "right": direction_letters(row),
        "left": direction_letters([-part for part in row]),
        "bottom": direction_letters(column),
        "top": direction_letters([-part for part in column]),
    }


def direction_letters(direction: Sequence[float]) -> str:
    """Name a direction in the patient: "L" for (1, 0, 0), "PL" for one between back and left, nearer to the back."""
    parts = [
        (abs(part), letters[0] if part > 0 else letters[1])
        for part, letters in zip(direction, _DIRECTIONS, strict=True)
        if abs(part) >= _NEGLIGIBLE
    ]
    return "".join(letter for _, letter in sorted(parts, key=lambda each: -each[0]))

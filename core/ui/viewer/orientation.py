"""The letters at the edges of a picture: which side of the patient lies there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.domain import Frame, Position

_DIRECTIONS = (("L", "R"), ("P", "A"), ("H", "F"))
"""Where x, y and z of the patient's coordinates increase and decrease: PS3.3 C.7.6.2.1.1."""
_OPPOSITES = str.maketrans("LRPAHF", "RLAPFH")
_NEGLIGIBLE = 0.05
"""A part of a direction below this, some three degrees, is not worth a letter."""


def edge_letters(position: Position | None, directions: tuple[str, str] | None = None) -> dict[str, str] | None:
    """Return what lies beyond each edge of a picture; None where the file does not say.

    Parameters
    ----------
    position : Position or None
    directions : (row, column), optional
        PatientOrientation, for pictures without a position in the patient.

    Returns
    -------
    dict
        `left`, `right`, `top`, `bottom`: up to three letters each, the strongest direction first.

    References
    ----------
    DICOM PS3.3 C.7.6.2.1.1 Image Position and Image Orientation; C.7.6.1.1.1 Patient Orientation (the letters).
    """
    if position is not None:
        row, column = position.orientation[:3], position.orientation[3:]
        right, bottom = direction_letters(row), direction_letters(column)
    elif directions is not None:
        right, bottom = directions
    else:
        return None
    return {"right": right, "left": _opposite(right), "bottom": bottom, "top": _opposite(bottom)}


def _opposite(letters: str) -> str:
    return letters.translate(_OPPOSITES)


def direction_letters(direction: Sequence[float]) -> str:
    """Name a direction in the patient: "L" for (1, 0, 0), "PL" for one between back and left, nearer to the back."""
    parts = [
        (abs(part), letters[0] if part > 0 else letters[1])
        for part, letters in zip(direction, _DIRECTIONS, strict=True)
        if abs(part) >= _NEGLIGIBLE
    ]
    return "".join(letter for _, letter in sorted(parts, key=lambda each: -each[0]))


def places_along(frames: Sequence[Frame]) -> dict[str, Any] | None:
    """Return where the slices of a stack lie along their normal; None where that is not known of all of them.

    Returns
    -------
    dict
        `normal`: three direction cosines; `mm`: the distance of each slice from the origin along it.

    References
    ----------
    DICOM PS3.3 C.7.6.2.1.1: the normal is the cross product of the row's and the column's direction.
    """
    positions = [frame.position for frame in frames]
    known = [position for position in positions if position is not None]
    if not known or len(known) < len(positions):
        return None
    row, column = np.reshape(known[0].orientation, (2, 3))
    normal = np.cross(row, column)
    origins = np.array([position.origin_mm for position in known])
    return {"normal": np.round(normal, 6).tolist(), "mm": np.round(origins @ normal, 3).tolist()}

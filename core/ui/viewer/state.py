"""How a reader looks at a series, as the viewer reports it when the hand is lifted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.domain import VoiFunction, WindowLevel
from core.windowing import is_usable

MANUAL = "Manual"
"""The name of a window that was made by hand; any other is that of a preset, see `core.ui.windows`."""


@dataclass(frozen=True, slots=True)
class ViewerState:
    """Where a viewer stands; given to it, a place to start from.

    Attributes
    ----------
    frame : int
        Of the first pane, from 0.
    preset : str
        Name of the window; empty for the one that the file wants.
    window : WindowLevel or None
        As shown. None before anything was shown, for colour, and where a VOI LUT is applied.
    invert : bool
    zoom : float
        1 where the whole picture fits.
    centre : (down, across)
        What lies in the middle of the pane, as fractions of the picture.
    heat : bool
        Whether the heatmap is laid over the picture.
    label, method : str
        Of the heatmap; empty for the first one.
    opacity : float
        0 to 1.
    threshold : float
        In the heatmap's unit: only values above it are coloured.
    contour : float or None
        The value around which a line is drawn, in the heatmap's unit.
    """

    frame: int = 0
    preset: str = ""
    window: WindowLevel | None = None
    invert: bool = False
    zoom: float = 1.0
    centre: tuple[float, float] = (0.5, 0.5)
    heat: bool = True
    label: str = ""
    method: str = ""
    opacity: float = 0.6
    threshold: float = 0.0
    contour: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the object that the browser gets."""
        window = self.window
        return {
            "frame": self.frame,
            "preset": self.preset,
            "window": window and {"center": window.center, "width": window.width, "function": str(window.function)},
            "invert": self.invert,
            "zoom": self.zoom,
            "centre": list(self.centre),
            "heat": self.heat,
            "label": self.label,
            "method": self.method,
            "opacity": self.opacity,
            "threshold": self.threshold,
            "contour": self.contour,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any] | None, *, frames: int) -> ViewerState:
        """Return what the browser told; what it cannot have meant is as it is at first.

        Parameters
        ----------
        told : mapping or None
            Comes from outside, so every part of it is checked.
        frames : int
            How many the first pane has.
        """
        told = told if isinstance(told, Mapping) else {}
        start = cls()
        centre = told.get("centre")
        across = centre if isinstance(centre, list) and len(centre) == 2 else list(start.centre)
        return cls(
            frame=int(_number(told.get("frame"), 0, low=0, high=frames - 1)),
            preset=_text(told.get("preset")),
            window=_window(told.get("window")),
            invert=told.get("invert") is True,
            zoom=_number(told.get("zoom"), 1.0, low=0.05, high=200.0),
            centre=(_number(across[0], 0.5, low=-1, high=2), _number(across[1], 0.5, low=-1, high=2)),
            heat=told.get("heat", True) is True,
            label=_text(told.get("label")),
            method=_text(told.get("method")),
            opacity=_number(told.get("opacity"), start.opacity, low=0, high=1),
            threshold=_number(told.get("threshold"), 0.0),
            contour=_optional_number(told.get("contour")),
        )


def _number(told: object, otherwise: float, *, low: float = -math.inf, high: float = math.inf) -> float:
    if isinstance(told, bool) or not isinstance(told, int | float) or not math.isfinite(told):
        return otherwise
    return min(max(float(told), low), high)


def _optional_number(told: object) -> float | None:
    number = _number(told, math.nan)
    return None if math.isnan(number) else number


def _text(told: object) -> str:
    return told if isinstance(told, str) and len(told) <= 200 else ""


def _window(told: object) -> WindowLevel | None:
    if not isinstance(told, Mapping) or told.get("function") not in tuple(VoiFunction):
        return None
    window = WindowLevel(
        _number(told.get("center"), math.nan),
        _number(told.get("width"), math.nan),
        VoiFunction(told["function"]),
    )
    return window if is_usable(window) else None

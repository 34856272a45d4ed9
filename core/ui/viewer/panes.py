"""What the viewer shows: panes next to each other, and the heatmaps that can be laid over them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from core.domain import Explanation
from core.overlay import CONTOUR_COLOUR, Limits, colour_map
from core.ui.viewer.orientation import places_along
from core.ui.viewer.source import PixelSource
from core.workflow import PROJECTIONS


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """A heatmap of one frame, on its own coarse grid; the browser interpolates it.

    Attributes
    ----------
    explanation : Explanation
    limits : (low, high)
        The values of the first and the last colour.
    frame_uid : str
        Of the frame that it explains: it is shown over no other.
    title : str
        What people call its label.
    """

    explanation: Explanation
    limits: Limits
    frame_uid: str
    title: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Pane:
    """One picture of the viewer.

    Panes of the same source share window, inversion and slice; all panes share zoom and place while they are linked.

    Attributes
    ----------
    source : PixelSource
    title : str
        Written into the corner: the series' title.
    heats : tuple of Heat
        What can be laid over it; the first one is, where the reader has not chosen.
    words : str
        Said under the pane where no heatmap is shown: why.
    identity : tuple of str
        Lines about the patient, for the corner; only where the reader asked for them.
    is_synthetic : bool
        The title is then emphasised.
    is_for_evidence : bool
        Whether it shows an image for the sake of its heatmap, also while there is none.
    """

    source: PixelSource
    title: str
    heats: tuple[Heat, ...] = ()
    words: str = ""
    identity: tuple[str, ...] = ()
    is_synthetic: bool = False
    is_for_evidence: bool = False


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """The scores along the first pane's series, in the order of its frames; None where there is none (yet).

    `threshold` is that of the operating point, `title` what people call the label; `reasons` say, by the frame's index,
    why there will be no score.
    """

    title: str
    values: Sequence[float | None]
    threshold: float | None = None
    reasons: Mapping[int, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the object that the browser gets."""
        rounded = [None if value is None else round(value, 4) for value in self.values]
        reasons = [self.reasons.get(index) for index in range(len(rounded))]
        return {"title": self.title, "values": rounded, "threshold": self.threshold, "reasons": reasons}


def pane_as_json(pane: Pane, token: str) -> dict[str, Any]:
    """Return what the browser is told of a pane."""
    frames = pane.source.series.frames
    times = [frame.frame_time_ms for frame in frames if frame.frame_time_ms]
    return {
        "source": pane.source.series.uid,
        "token": token,
        "title": pane.title,
        "synthetic": pane.is_synthetic,
        "identity": list(pane.identity),
        "words": pane.words,
        "evidence": pane.is_for_evidence,
        "frames": len(frames),
        "unit": _word_for_one(pane.source, is_clip=bool(times)),
        "frame_time_ms": times[0] if times else None,
        "along": places_along(frames),
        "heats": [_heat_as_json(heat, pane.source) for heat in pane.heats],
    }


def _word_for_one(source: PixelSource, *, is_clip: bool) -> str:
    """Return what a reader calls one picture of a series."""
    if source.series.acquisition.modality in PROJECTIONS:
        return "Image"
    return "Slice" if source.series.frames[0].position is not None and not is_clip else "Frame"


def colours_as_json(panes: Sequence[Pane]) -> dict[str, Any] | None:
    """Return the colours of heatmaps where there is one."""
    if not any(pane.heats for pane in panes):
        return None
    return {"map": _colour_table(), "contour": list(CONTOUR_COLOUR)}


def _heat_as_json(heat: Heat, source: PixelSource) -> dict[str, Any]:
    explanation, extent = heat.explanation, heat.explanation.extent
    uids = [frame.uid for frame in source.series.frames]
    values = np.ascontiguousarray(explanation.heatmap, dtype="<f4")
    return {
        "label": explanation.label_name,
        "title": heat.title or explanation.label_name,
        "method": explanation.method,
        "unit": explanation.unit,
        "frame": uids.index(heat.frame_uid) if heat.frame_uid in uids else -1,
        "rows": values.shape[0],
        "columns": values.shape[1],
        "values": base64.b64encode(values.tobytes()).decode("ascii"),
        "extent": [extent.top, extent.left, extent.bottom, extent.right],
        "centre_shift": list(explanation.centre_shift),
        "limits": list(heat.limits),
    }


@lru_cache
def _colour_table() -> str:
    table = colour_map(np.arange(256.0), limits=(0.0, 255.0))
    return base64.b64encode(table.tobytes()).decode("ascii")

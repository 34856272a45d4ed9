"""What all charts share: labels with their looks, the sheet that is drawn on, words for numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.domain import Estimate, Label
from core.evaluation import LabelCurves
from core.models.label_looks import NEUTRAL, LabelLook, label_looks
from core.reports.wording import estimate_in_numbers, label_title

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT_PX = 380
SHARE_AXIS = {"range": [-0.02, 1.02], "tickformat": ".1f", "dtick": 0.2, "constrain": "domain"}
_GRID = "rgba(128,128,128,0.22)"


@dataclass(frozen=True, slots=True)
class DrawnLabel:
    """One label with everything that is drawn of it; `auroc` is for the title, where it is known."""

    label: Label
    curves: LabelCurves
    look: LabelLook
    auroc: Estimate | None = None

    @property
    def title(self) -> str:
        """The label as people see it."""
        return label_title(self.label)


def drawn_labels(
    labels: Sequence[Label], curves: Sequence[LabelCurves], aurocs: Mapping[str, Estimate] | None = None
) -> tuple[DrawnLabel, ...]:
    """Bring the labels of a model together with their curves (of all labels, in the same order) and their looks."""
    looks = label_looks(labels)
    return tuple(
        DrawnLabel(label, own, looks[label.name], (aurocs or {}).get(label.name))
        for label, own in zip(labels, curves, strict=True)
    )


def empty_figure(title: str) -> go.Figure:
    """Return a sheet with its title and nothing on it yet."""
    import plotly.graph_objects as go

    figure = go.Figure()
    lay_out(figure, title)
    return figure


def lay_out(figure: go.Figure, title: str) -> None:
    """Give a figure its title, its size and the grid; ground and letters are left to the page."""
    figure.update_layout(
        title={
            "text": title,
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 8},
        },
        height=HEIGHT_PX,
        margin={"l": 56, "r": 12, "t": 40, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"},
    )
    figure.update_xaxes(gridcolor=_GRID, zeroline=False)
    figure.update_yaxes(gridcolor=_GRID, zeroline=False)


def add_diagonal(figure: go.Figure, meaning: str) -> None:
    """Draw the line of reference from corner to corner; `meaning` goes into the legend."""
    line = {"color": NEUTRAL, "width": 1.2, "dash": "dot"}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=line, name=meaning, hoverinfo="skip")


def say_undefined(figure: go.Figure, reason: str) -> None:
    """Say in the middle of an empty chart why there is nothing."""
    if reason:
        figure.add_annotation(text=f"Undefined: {reason}", x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)


def chosen_label(drawn: Sequence[DrawnLabel], name: str) -> DrawnLabel:
    """Return the label of this name."""
    return next(one for one in drawn if one.label.name == name)


def area_words(auroc: Estimate | None) -> str:
    """Say the AUROC for a title; empty where it is not known."""
    return "" if auroc is None or np.isnan(auroc.value) else f", AUROC {estimate_in_numbers(auroc)}"


def transparent(colour: str, opacity: float) -> str:
    """Return a colour, given as `#rrggbb`, that lets the ground shine through."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"

"""How well scores tell cases with a finding from those without: ROC, precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.domain import OperatingPoint
from core.evaluation import CallCounts
from core.models.label_looks import NEUTRAL
from core.reports.plots.drawing import (
    SHARE_AXIS,
    DrawnLabel,
    add_diagonal,
    area_words,
    chosen_label,
    empty_figure,
    say_undefined,
    transparent,
)
from core.reports.wording import estimate_in_numbers, sentence_case

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MOST_NAMED = 6
"""Labels that the legend has room for; of more it names the chosen one."""
_FAINT = 0.5
"""Opacity of the labels beside the chosen one."""


def roc_figure(drawn: Sequence[DrawnLabel], *, chosen: str) -> go.Figure:
    """Draw the ROC curve of the chosen label with its band and operating points, the others faintly beside it."""
    one = chosen_label(drawn, chosen)
    figure = empty_figure(f"ROC curve: {one.title}{area_words(one.auroc)}")
    add_diagonal(figure, "no better than chance")
    for other in drawn:
        _add_line(
            figure,
            other,
            other.curves.roc.false_positive_rate,
            other.curves.roc.sensitivity,
            is_chosen=other is one,
            is_named=len(drawn) <= _MOST_NAMED,
        )
    if one.curves.roc.low:
        _add_band(figure, one)
    for point in one.label.operating_points:
        if point.name in one.curves.calls:
            _add_operating_point(figure, one, point, one.curves.calls[point.name])
    say_undefined(figure, one.curves.roc.undefined)
    figure.update_xaxes(title="1 − specificity (share of cases without it that are called)", **SHARE_AXIS)
    figure.update_yaxes(title="Sensitivity", **SHARE_AXIS)
    # No curve that is worth a look goes through that corner.
    figure.update_layout(legend={"orientation": "v", "x": 1, "xanchor": "right", "y": 0.02, "yanchor": "bottom"})
    return figure


def precision_recall_figure(drawn: Sequence[DrawnLabel], *, chosen: str) -> go.Figure:
    """Draw the precision–recall curve of the chosen label, the others faintly, and the share that has the finding."""
    one = chosen_label(drawn, chosen)
    curve = one.curves.precision_recall
    area = "" if curve.undefined else f", mean precision {curve.average_precision:.3f}"
    figure = empty_figure(f"Precision and recall: {one.title}{area}")
    for other in drawn:
        curves = other.curves.precision_recall
        _add_line(
            figure, other, curves.recall, curves.precision, is_chosen=other is one, is_named=len(drawn) <= _MOST_NAMED
        )
    say_undefined(figure, curve.undefined)
    prevalence = one.curves.prevalence
    if not curve.undefined:
        figure.add_scatter(
            x=[0, 1],
            y=[prevalence] * 2,
            mode="lines",
            line={"color": NEUTRAL, "width": 1.5, "dash": "dot"},
            name=f"calling every case: {prevalence:.2f} of them have it",
            hoverinfo="skip",
        )
    figure.update_xaxes(title="Recall (sensitivity)", **SHARE_AXIS)
    figure.update_yaxes(title="Precision (share of calls that are right)", **SHARE_AXIS)
    return figure


def _add_line(
    figure: go.Figure, one: DrawnLabel, x: Sequence[float], y: Sequence[float], *, is_chosen: bool, is_named: bool
) -> None:
    if not x:
        return
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": one.look.colour, "width": 2.5 if is_chosen else 1.2, "dash": one.look.dash},
        opacity=1.0 if is_chosen else _FAINT,
        name=one.title,
        showlegend=is_chosen or is_named,
        hovertemplate="%{x:.3f}, %{y:.3f}<extra>" + one.title + "</extra>",
    )


def _add_band(figure: go.Figure, one: DrawnLabel) -> None:
    roc = one.curves.roc
    figure.add_scatter(
        x=[*roc.false_positive_rate, *reversed(roc.false_positive_rate)],
        y=[*roc.high, *reversed(roc.low)],
        mode="lines",
        fill="toself",
        fillcolor=transparent(one.look.colour, 0.18),
        line={"width": 0},
        name="95 % band",
        hoverinfo="skip",
    )


def _add_operating_point(figure: go.Figure, one: DrawnLabel, point: OperatingPoint, calls: CallCounts) -> None:
    """Mark what an operating point gave on these cases: a filled diamond for the default one, hollow for the others."""
    is_default = point is one.label.operating_point
    found, spared = calls.sensitivity, calls.specificity
    figure.add_scatter(
        x=[1 - spared.value],
        y=[found.value],
        mode="markers",
        marker={
            "symbol": "diamond" if is_default else "diamond-open",
            "size": 12,
            "color": one.look.colour,
            "line": {"width": 2, "color": one.look.colour},
        },
        name=_operating_point_title(point, is_default=is_default),
        hovertemplate=(
            f"{sentence_case(point.criterion)}<br>score ≥ {point.threshold:.3f}<br>"
            f"sensitivity {estimate_in_numbers(found)}<br>specificity {estimate_in_numbers(spared)}<extra></extra>"
        ),
    )


def _operating_point_title(point: OperatingPoint, *, is_default: bool) -> str:
    """Name an operating point by what it was set for."""
    return f"set for {point.criterion}{' (default)' if is_default else ''}"

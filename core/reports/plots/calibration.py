"""What scores mean: observed shares against stated ones, and how scores are spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.domain import OperatingPoint
from core.evaluation import Reliability
from core.models.label_looks import NEUTRAL
from core.reports.plots.drawing import SHARE_AXIS, DrawnLabel, add_diagonal, empty_figure, lay_out, say_undefined

if TYPE_CHECKING:
    import plotly.graph_objects as go


def reliability_figure(one: DrawnLabel) -> go.Figure:
    """Draw observed shares against stated scores, with intervals, and how many cases each rests on."""
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.78, 0.22], vertical_spacing=0.05)
    lay_out(figure, f"Calibration: {one.title}")
    add_diagonal(figure, "what scores say is what happens")
    bins = one.curves.reliability.bins
    scores, counts = [each.mean_score for each in bins], [each.count for each in bins]
    shares = [each.observed.value for each in bins]
    figure.add_scatter(
        x=scores,
        y=shares,
        error_y=_reach(one.curves.reliability),
        mode="markers",
        marker={"size": _sizes(counts), "color": one.look.colour, "symbol": one.look.symbol},
        name="observed, with 95 % interval; the larger, the more cases",
        customdata=counts,
        hovertemplate="mean score %{x:.3f}<br>observed %{y:.3f}<br>%{customdata} cases<extra></extra>",
    )
    figure.add_bar(
        x=scores,
        y=counts,
        width=0.03,
        marker={"color": NEUTRAL},
        showlegend=False,
        hovertemplate="%{y} cases<extra></extra>",
        row=2,
        col=1,
    )
    say_undefined(figure, "" if bins else "no case")
    figure.update_xaxes(SHARE_AXIS)
    figure.update_xaxes(title="Mean score", row=2, col=1)
    figure.update_yaxes(title="Share with the finding", **SHARE_AXIS, row=1, col=1)
    figure.update_yaxes(title="Cases", rangemode="tozero", nticks=3, row=2, col=1)
    return figure


def _sizes(counts: Sequence[int]) -> list[float]:
    """Return diameters in pixels whose areas go with the counts: a bin of few cases must not catch the eye."""
    most = max(counts, default=1)
    return [5 + 11 * math.sqrt(count / most) for count in counts]


def _reach(reliability: Reliability) -> dict[str, Any]:
    bins = reliability.bins
    return {
        "type": "data",
        "symmetric": False,
        "array": [one.observed.high - one.observed.value for one in bins],
        "arrayminus": [one.observed.value - one.observed.low for one in bins],
        "thickness": 1.2,
        "width": 3,
    }


def score_histogram_figure(one: DrawnLabel) -> go.Figure:
    """Draw how scores are spread over the cases with and without the finding, and where they become calls."""
    figure = empty_figure(f"Scores: {one.title}")
    histogram = one.curves.histogram
    bins = len(histogram.with_finding)
    centres = (np.arange(bins) + 0.5) / bins
    kinds = (
        (f"without it ({one.curves.negatives} cases)", histogram.without_finding, NEUTRAL, ""),
        (f"with it ({one.curves.positives} cases)", histogram.with_finding, one.look.colour, "/"),
    )
    for name, counts, colour, shape in kinds:
        figure.add_bar(
            x=centres,
            y=counts,
            width=1 / bins,
            marker={"color": colour, "opacity": 0.75, "pattern": {"shape": shape, "size": 5}},
            name=name,
            hovertemplate="score %{x:.2f}: %{y}<extra>" + name + "</extra>",
        )
    figure.update_layout(barmode="overlay")
    point = one.label.operating_point
    if point is not None:
        _add_threshold(figure, point)
    figure.update_xaxes(title="Score", **SHARE_AXIS)
    most = max((*histogram.with_finding, *histogram.without_finding), default=1)
    # A bar of one case must be seen, so the axis begins below it.
    span = [np.log10(0.6), np.log10(1.6 * max(most, 10))]
    figure.update_yaxes(title="Cases (logarithmic)", type="log", range=span, dtick=1)
    return figure


def _add_threshold(figure: go.Figure, point: OperatingPoint) -> None:
    on_the_left = point.threshold > 0.5
    figure.add_vline(
        x=point.threshold,
        line={"width": 2, "dash": "dash", "color": NEUTRAL},
        annotation={
            "text": f"called from {point.threshold:.2f}",
            "xanchor": "right" if on_the_left else "left",
            "yanchor": "top",
        },
    )

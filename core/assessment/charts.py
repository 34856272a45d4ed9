"""The curves of an outcome, ready to be drawn by `core.reports.plots`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from core.assessment.outcome import Assessment
from core.domain import Label, OperatingPoint
from core.evaluation import ConfusionMatrix, LabelCurves, LabelResult, at_thresholds
from core.reports.plots import DrawnLabel, calls_as_matrix, drawn_labels
from core.reports.wording import label_title

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from core.evaluation import Subgroups

_FOREST_EDGES_PX, _FOREST_ROW_PX = 130, 40


def drawn(assessment: Assessment) -> tuple[DrawnLabel, ...]:
    """Return the labels with their curves, with the operating point that calls marked on them."""
    pairs = zip(assessment.labels, assessment.result.labels, strict=True)
    curves = [_with_calls(label, own) for label, own in pairs]
    aurocs = {own.name: own.metrics["auroc"] for own in assessment.result.labels}
    return drawn_labels(assessment.labels, curves, aurocs)


def _with_calls(label: Label, own: LabelResult) -> LabelCurves:
    point = label.operating_point
    calls = {point.name: own.calls} if point is not None and own.calls is not None else {}
    return replace(own.curves, calls=calls)


def matrix_of(assessment: Assessment, one: DrawnLabel) -> ConfusionMatrix | None:
    """Return the matrix of labels that exclude each other, named by their titles, else that of one label's calls.

    None where the label has no calls.
    """
    matrix = assessment.result.confusion_matrix
    if matrix is None:
        return calls_as_matrix(one)
    titles = {label.name: label_title(label) for label in assessment.labels}
    return replace(matrix, names=tuple(titles[name] for name in matrix.names))


def at_operating_points(assessment: Assessment, points: Mapping[str, OperatingPoint | None]) -> Assessment:
    """Return the outcome at other operating points, by label; nothing is computed by the model again.

    A label that is not named keeps its own; None leaves a label without a call.
    """
    labels = tuple(_at(label, points[label.name]) if label.name in points else label for label in assessment.labels)
    thresholds = [None if label.operating_point is None else label.operating_point.threshold for label in labels]
    return replace(assessment, labels=labels, result=at_thresholds(assessment.result, thresholds))


def _at(label: Label, point: OperatingPoint | None) -> Label:
    if point is None:
        return replace(label, default_operating_point="")
    others = tuple(own for own in label.operating_points if own.name != point.name)
    return replace(label, operating_points=(*others, point), default_operating_point=point.name)


def forest_figure(subgroups: Subgroups, *, label: str, metric: str) -> go.Figure:
    """Draw one metric of one label in the groups of an attribute, with intervals, largest group on top."""
    from core.evaluation import METRICS
    from core.reports.plots.drawing import empty_figure

    figure = empty_figure(f"{METRICS[metric].title} by {subgroups.attribute.lower()}")
    rows = [(group, one) for group in subgroups.groups for one in group.labels if one.name == label]
    names = [f"{group.name} (n {group.n}{', small' if one.warning else ''})" for group, one in rows]
    estimates = [one.metrics[metric] for _, one in rows]
    figure.add_scatter(
        x=[estimate.value for estimate in estimates],
        y=names,
        mode="markers",
        marker={"size": 10, "symbol": ["square-open" if one.warning else "square" for _, one in rows]},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [_reach(estimate.high - estimate.value) for estimate in estimates],
            "arrayminus": [_reach(estimate.value - estimate.low) for estimate in estimates],
        },
        showlegend=False,
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    figure.update_xaxes(title=f"{METRICS[metric].title}, with 95 % interval", range=[METRICS[metric].low - 0.02, 1.02])
    figure.update_yaxes(autorange="reversed")
    # Few groups lie close together, and many are not squeezed.
    figure.update_layout(height=_FOREST_EDGES_PX + _FOREST_ROW_PX * max(len(rows), 2))
    return figure


def _reach(value: float) -> float:
    return 0.0 if math.isnan(value) else value

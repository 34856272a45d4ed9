"""What is called which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.evaluation import ConfusionMatrix
from core.reports.plots.drawing import DrawnLabel, empty_figure
from core.reports.wording import sentence_case

if TYPE_CHECKING:
    import plotly.graph_objects as go


def calls_as_matrix(one: DrawnLabel) -> ConfusionMatrix | None:
    """Return what the default operating point of a label calls, as a matrix; None where that was not counted."""
    point = one.label.operating_point
    calls = one.curves.calls.get(point.name) if point is not None else None
    if calls is None:
        return None
    rows = ((calls.true_negatives, calls.false_positives), (calls.false_negatives, calls.true_positives))
    return ConfusionMatrix((f"no {one.title.lower()}", one.title.lower()), rows)


def confusion_figure(matrix: ConfusionMatrix, *, title: str, can_be_clicked: bool = False) -> go.Figure:
    """Draw how often each class was called which; the shade is the share of the row.

    Parameters
    ----------
    matrix : ConfusionMatrix
    title : str
    can_be_clicked : bool
        Lays an unseen point over each cell, row by row: plotly tells of clicks on points, not on shades.
    """
    counts = np.array(matrix.counts, dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [sentence_case(name) for name in matrix.names]
    figure = empty_figure(title)
    figure.add_heatmap(
        z=shares,
        x=names,
        y=names,
        customdata=counts,
        colorscale=[[0, "rgba(47,134,199,0.04)"], [1, "rgba(47,134,199,0.75)"]],
        zmin=0,
        zmax=1,
        showscale=False,
        xgap=2,
        ygap=2,
        hovertemplate="%{y}, called %{x}: %{customdata} cases, %{z:.1%}<extra></extra>",
    )
    if can_be_clicked:
        places = [(x, y) for y in names for x in names]
        figure.add_scatter(
            x=[x for x, _ in places],
            y=[y for _, y in places],
            mode="markers",
            marker={"symbol": "square", "size": max(24, 250 // len(names)), "opacity": 0},
            selected={"marker": {"opacity": 0}},
            unselected={"marker": {"opacity": 0}},
            customdata=counts.ravel(),
            hovertemplate="%{y}, called %{x}: %{customdata} cases. Click to see them<extra></extra>",
            showlegend=False,
        )
    # As annotations, which have the colour of the theme's letters.
    for (row, column), count in np.ndenumerate(counts):
        words = f"<b>{int(count)}</b><br>{shares[row, column]:.1%}"
        figure.add_annotation(x=names[column], y=names[row], text=words, showarrow=False)
    edge = len(names) - 0.5
    figure.update_xaxes(title="Called by the model", showgrid=False, range=[-0.5, edge])
    figure.update_yaxes(title="Reference", showgrid=False, range=[edge, -0.5])
    return figure

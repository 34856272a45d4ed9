"""How training went."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.models.evidence import LearningCurves
from core.models.label_looks import COLOURS, DASHES, NEUTRAL
from core.reports.plots.drawing import lay_out

if TYPE_CHECKING:
    import plotly.graph_objects as go


def learning_figure(learning: LearningCurves) -> go.Figure:
    """Draw loss and AUROC on validation over the epochs, and which epoch was kept."""
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.62, 0.38], vertical_spacing=0.06)
    lay_out(figure, f"Training: epoch {learning.kept} of {len(learning.epochs)} was kept")
    epochs = [epoch.number for epoch in learning.epochs]
    lines = (
        ("validation", [epoch.auroc for epoch in learning.epochs], 0, 1),
        ("under changed conditions, mean", [epoch.stress_mean for epoch in learning.epochs], 1, 1),
        ("under changed conditions, worst", [epoch.stress_worst for epoch in learning.epochs], 2, 1),
        ("loss in training", [epoch.loss for epoch in learning.epochs], 3, 2),
    )
    for name, values, index, row in lines:
        if not np.isnan(values).all():
            _add_course(figure, epochs, values, name=name, index=index, row=row)
    figure.add_vline(x=learning.kept, line={"width": 1.5, "dash": "dash", "color": NEUTRAL})
    figure.update_yaxes(title="AUROC", row=1, col=1)
    figure.update_yaxes(title="Loss", row=2, col=1)
    figure.update_xaxes(tick0=1, dtick=math.ceil(len(epochs) / 12))
    figure.update_xaxes(title="Epoch", row=2, col=1)
    return figure


def _add_course(
    figure: go.Figure, epochs: Sequence[int], values: Sequence[float], *, name: str, index: int, row: int
) -> None:
    figure.add_scatter(
        x=epochs,
        y=values,
        mode="lines+markers",
        line={"color": COLOURS[index], "width": 2, "dash": DASHES[index % 3]},
        marker={"size": 6},
        name=name,
        hovertemplate="epoch %{x}: %{y:.4f}<extra>" + name + "</extra>",
        row=row,
        col=1,
    )

"""The charts of a model's page: discrimination, calibration, calls and training, from the evidence in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from core.domain import Estimate, ModelSpec
from core.models.evidence import Evidence
from core.reports import plots
from core.reports.plots import DrawnLabel
from core.reports.wording import label_title
from core.ui.failure import calmly

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from streamlit.delta_generator import DeltaGenerator

CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": "reset"}


@st.fragment
def show_charts(spec: ModelSpec, evidence: Evidence, aurocs: Mapping[str, Estimate]) -> None:
    """Show all charts of one label, which is chosen above them where there are several."""
    with calmly():
        drawn = plots.drawn_labels(spec.labels, evidence.labels, aurocs)
        titles = {label.name: label_title(label) for label in spec.labels}
        chosen = next(iter(titles))
        if len(titles) > 1:
            chosen = st.selectbox(
                "Charts for", list(titles), format_func=titles.__getitem__, key="charts_label", width=320
            )
        one = next(each for each in drawn if each.label.name == chosen)
        rows = (
            {
                "roc": plots.roc_figure(drawn, chosen=chosen),
                "precision_recall": plots.precision_recall_figure(drawn, chosen=chosen),
            },
            {"reliability": plots.reliability_figure(one), "histogram": plots.score_histogram_figure(one)},
            _last_row(one, evidence, titles),
        )
        for row in rows:
            for column, (name, figure) in zip(st.columns(2, gap="medium"), row.items(), strict=False):
                _show(column, figure, key=f"chart_{name}")


def _last_row(one: DrawnLabel, evidence: Evidence, titles: Mapping[str, str]) -> dict[str, go.Figure]:
    row = {}
    if evidence.confusion is not None:
        matrix = replace(evidence.confusion, names=tuple(titles.get(name, name) for name in evidence.confusion.names))
        row["confusion"] = plots.confusion_figure(matrix, title="Calls by the highest score")
    elif (calls := plots.calls_as_matrix(one)) is not None:
        row["confusion"] = plots.confusion_figure(calls, title=f"Calls at the default operating point: {one.title}")
    if evidence.learning is not None:
        row["learning"] = plots.learning_figure(evidence.learning)
    return row


def _show(column: DeltaGenerator, figure: go.Figure, *, key: str) -> None:
    column.plotly_chart(figure, key=key, config=CONFIG, alt=figure.layout.title.text)

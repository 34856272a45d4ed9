"""The figures: what is called which, the curves, every metric with its interval, and predictive values elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from core.assessment.charts import drawn, matrix_of
from core.assessment.outcome import Assessment
from core.assessment.store import Store
from core.domain import Estimate
from core.evaluation import METRICS, predictive_values
from core.reports import plots
from core.reports.wording import estimate_in_numbers, estimate_in_percent, label_title
from core.ui.evaluate.chosen import Chosen, clicked_bin, clicked_cell
from core.ui.evaluate.state import Bench, Table
from core.ui.models_charts import CONFIG
from core.ui.models_words import table_html

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from streamlit.delta_generator import DeltaGenerator

MEAN = "Mean of the labels"


def show_figures(_bench: Bench, _store: Store, table: Table, assessment: Assessment) -> None:
    """Show charts and tables of one label, and the mean."""
    labels = drawn(assessment)
    one = next(each for each in labels if each.label.name == table.label)
    matrix = matrix_of(assessment, one)
    left, right = st.columns(2, gap="medium")
    if matrix is not None:
        title = _matrix_title(assessment, one.title)
        show_chart(
            left,
            plots.confusion_figure(matrix, title=title, can_be_clicked=True),
            key="chart_confusion",
            on_click=lambda number: look_at_cases(table, clicked_cell(assessment, number)),
        )
    show_chart(
        right,
        plots.score_histogram_figure(one),
        key="chart_histogram",
        on_click=lambda number: look_at_cases(table, clicked_bin(number)),
    )
    st.caption("Click a cell or a bar to see its cases; without a mouse, choose them under Cases.")
    left, right = st.columns(2, gap="medium")
    show_chart(left, plots.roc_figure(labels, chosen=table.label), key="chart_roc")
    show_chart(right, plots.precision_recall_figure(labels, chosen=table.label), key="chart_precision_recall")
    left, right = st.columns(2, gap="medium")
    show_chart(left, plots.reliability_figure(one), key="chart_reliability")
    with right:
        _elsewhere(assessment, table)
    st.subheader("All figures, with 95 % intervals")
    st.html(metrics_html(assessment))
    st.subheader("Classification report")
    st.html(report_html(assessment))


def show_chart(
    column: DeltaGenerator, figure: go.Figure, *, key: str, on_click: Callable[[int], None] | None = None
) -> None:
    """Draw a chart, with words for those who cannot see it; `on_click` gets the number of the point that is clicked."""
    words = figure.layout.title.text
    if on_click is None:
        column.plotly_chart(figure, key=key, config=CONFIG, alt=words)
        return

    def clicked() -> None:
        points = st.session_state[key].selection.points
        if points:
            on_click(points[0]["point_index"])

    column.plotly_chart(figure, key=key, config=CONFIG, alt=words, on_select=clicked, selection_mode="points")


def look_at_cases(table: Table, chosen: Chosen) -> None:
    """Go to the gallery with these cases; to be called before the page is drawn."""
    table.choose(chosen)
    st.session_state["part"] = "Cases"


def _matrix_title(assessment: Assessment, title: str) -> str:
    if assessment.result.confusion_matrix is not None:
        return "Calls by the highest score"
    return f"Calls: {title}"


# ── Tables ────────────────────────────────────────────────────────────────────────────────────────────────────────


def metrics_html(assessment: Assessment) -> str:
    """Return every metric of every label, and the mean where there are several; what it means is said beside it."""
    result = assessment.result
    several = len(result.averaged) > 1
    head = ["", *(label_title(label) for label in assessment.labels), *([MEAN] if several else []), "What it says", ""]
    rows = [
        (
            metric.title,
            *(estimate_in_numbers(own.metrics[name]) for own in result.labels),
            *([estimate_in_numbers(result.macro[name])] if several else []),
            metric.meaning,
            metric.interval,
        )
        for name, metric in METRICS.items()
    ]
    return table_html(head, rows)


def report_html(assessment: Assessment) -> str:
    """Return the classification report: precision, recall, F1 and number of cases of every label."""
    result = assessment.result
    rows = [
        (
            label_title(label),
            *(estimate_in_numbers(own.metrics[name]) for name in ("ppv", "sensitivity", "f1")),
            f"{own.positives:,}",
            f"{own.negatives:,}",
            f"{own.unknown:,}",
        )
        for label, own in zip(assessment.labels, result.labels, strict=True)
    ]
    if len(result.averaged) > 1:
        means = (estimate_in_numbers(result.macro[name]) for name in ("ppv", "sensitivity", "f1"))
        rows.append((MEAN, *means, "", "", ""))
    rows.append(("Accuracy, all labels", "", "", estimate_in_numbers(result.accuracy), f"{result.n:,}", "", ""))
    head = ("", "Precision (PPV)", "Recall (sensitivity)", "F1", "With it", "Without it", "Not known")
    return table_html(head, rows)


# ── Elsewhere ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _elsewhere(assessment: Assessment, table: Table) -> None:
    """Show PPV and NPV where the finding is as common as the visitor says."""
    index = [own.name for own in assessment.labels].index(table.label)
    own, title = assessment.result.labels[index], label_title(assessment.labels[index])
    st.subheader("Where you work")
    st.caption(
        "PPV and NPV depend on how common the finding is. In this set it is as common as whoever gathered it made it; "
        "say how common it is among your patients."
    )
    share = own.curves.prevalence
    start = min(max(round(100 * share, 1), 0.1), 99.9) if 0 < share < 1 else 10.0
    prevalence = st.number_input(
        f"{title}: of 100 patients so many have it",
        0.1,
        99.9,
        start,
        1.0,
        format="%g",
        key=f"prevalence_{assessment.job.id}_{own.name}",
        width=280,
    )
    if own.calls is None:
        st.markdown("Without an operating point nothing is called, so there is no predictive value.")
        return
    truth, scores, patients = assessment.result.cases.of_label(index)
    values = predictive_values(truth, scores, threshold=own.threshold, prevalence=prevalence / 100, patients=patients)
    st.markdown(_predictive_in_words(values.ppv, values.npv))


def _predictive_in_words(ppv: Estimate, npv: Estimate) -> str:
    positive, negative = estimate_in_percent(ppv), estimate_in_percent(npv)
    return f"A **positive** call is right in **{positive}**.\n\nA **negative** call is right in **{negative}**."

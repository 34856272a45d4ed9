"""The outcome as one HTML file that needs nothing else: it opens offline, and a browser prints it to one PDF.

It follows the order of CLAIM and STARD-AI. It holds no file's name and no patient: cases are numbers, which
`predictions.csv` resolves for its owner.

References
----------
.. [1] Tejani et al., "Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 update", Radiology: AI 6,
   2024.
.. [2] Sounderajah et al., "The STARD-AI reporting guideline for diagnostic accuracy studies using artificial
   intelligence", Nature Medicine 31, 2025.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core import __version__
from core.assessment.charts import drawn, forest_figure, matrix_of
from core.assessment.inspection import SetInspection
from core.assessment.outcome import Assessment
from core.assessment.report_words import MOST_DRAWN, Failure, failures, report_words, subgroup_words
from core.overlay import encode_png
from core.reports.plots import (
    DrawnLabel,
    confusion_figure,
    precision_recall_figure,
    reliability_figure,
    roc_figure,
    score_histogram_figure,
)
from core.reports.template import read_template
from core.reports.wording import NOT_FOR_DIAGNOSIS

CHART_WIDTH_PX = 490


def assessment_html(assessment: Assessment, inspection: SetInspection | None = None) -> str:
    """Write the report.

    Parameters
    ----------
    assessment : Assessment
    inspection : SetInspection, optional
        Adds what was found before the run: copies, patients with several images.
    """
    from plotly.offline import get_plotlyjs

    labels = drawn(assessment)
    return read_template(Path(__file__).with_name("report.html.jinja")).render(
        said=report_words(assessment, inspection),
        stamp=NOT_FOR_DIAGNOSIS,
        created=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        version=__version__,
        plotlyjs=get_plotlyjs(),
        chart_width=CHART_WIDTH_PX,
        charts=[_charts(assessment, labels, one) for one in labels[:MOST_DRAWN]],
        charts_left_out=max(0, len(labels) - MOST_DRAWN),
        subgroups=list(_subgroups(assessment)),
        failures=[{"picture": _picture_url(one), "caption": one.caption} for one in failures(assessment)],
    )


def _subgroups(assessment: Assessment) -> Iterator[dict[str, Any]]:
    label = assessment.result.labels[0].name
    for group in subgroup_words(assessment):
        yield {
            "attribute": group.subgroups.attribute,
            "unknown": group.subgroups.unknown,
            "rows": group.rows,
            "figure": _div(forest_figure(group.subgroups, label=label, metric="auroc")),
            "tests": group.tests,
        }


def _picture_url(failure: Failure) -> str:
    if failure.picture is None:
        return ""
    return f"data:image/png;base64,{base64.b64encode(encode_png(failure.picture, level=6)).decode('ascii')}"


# ── Figures ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Charts:
    title: str
    figures: tuple[str, ...]


def _charts(assessment: Assessment, labels: tuple[DrawnLabel, ...], one: DrawnLabel) -> _Charts:
    name = one.label.name
    figures = [
        roc_figure(labels, chosen=name),
        precision_recall_figure(labels, chosen=name),
        reliability_figure(one),
        score_histogram_figure(one),
    ]
    matrix = matrix_of(assessment, one)
    if matrix is not None and (one is labels[0] or assessment.result.confusion_matrix is None):
        figures.append(confusion_figure(matrix, title="Calls"))
    return _Charts(one.title, tuple(_div(figure) for figure in figures))


def _div(figure: Any) -> str:
    figure.update_layout(template="plotly_white", font={"size": 11}, width=CHART_WIDTH_PX)
    config = {"displaylogo": False}
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config=config))

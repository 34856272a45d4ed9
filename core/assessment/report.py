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
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core import __version__
from core.assessment.charts import drawn, forest_figure, matrix_of
from core.assessment.gallery import case_image, opened_files, picture_of
from core.assessment.inspection import SetInspection
from core.assessment.outcome import Assessment, meaning_in_words, most_wrong
from core.domain import Estimate, Label
from core.errors import CoreError
from core.evaluation import METRICS
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
from core.reports.wording import NOT_FOR_DIAGNOSIS, estimate_in_numbers, label_title, label_words, score_in_words

MOST_SHOWN = 12
"""Pictures in the gallery of failures."""
MOST_DRAWN = 6
"""Labels whose charts are in the report; the figures of all are."""
CHART_WIDTH_PX = 490
_SUBGROUP_DRAWS = 400


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
        title=f"{assessment.model.title}: evaluation on {assessment.result.n} images",
        stamp=NOT_FOR_DIAGNOSIS,
        created=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        version=__version__,
        plotlyjs=get_plotlyjs(),
        chart_width=CHART_WIDTH_PX,
        flow=_flow(assessment),
        excluded=_excluded(assessment),
        found=[notice.message for notice in inspection.notices] if inspection is not None else [],
        truth=_truth(assessment),
        model=_model(assessment),
        metrics=_metrics(assessment),
        overall=_overall(assessment),
        charts=[_charts(assessment, labels, one) for one in labels[:MOST_DRAWN]],
        charts_left_out=max(0, len(labels) - MOST_DRAWN),
        points=[_point(label) for label in assessment.labels],
        subgroups=list(_subgroups(assessment)),
        failures=_failures(assessment),
        limits=_limits(assessment),
    )


# ── Data and reference ────────────────────────────────────────────────────────────────────────────────────────────


def _flow(assessment: Assessment) -> list[tuple[str, str]]:
    """Return the boxes of the flow from files to cases: a number and its words."""
    result = assessment.result
    boxes = [
        (f"{assessment.listed}", "files in the set"),
        (f"− {len(assessment.excluded)}", "left out, for the reasons below"),
        (f"{result.n}", f"images of {result.patients} patients evaluated"),
    ]
    if len(result.labels) <= MOST_DRAWN:
        boxes.append((" / ".join(str(label.positives) for label in result.labels), _shown_words(assessment)))
    return boxes


def _shown_words(assessment: Assessment) -> str:
    return f"of them show {' / '.join(label_words(label) for label in assessment.labels)}"


def _excluded(assessment: Assessment) -> list[tuple[int, str, str]]:
    counts = Counter(one.code for one in assessment.excluded)
    messages = {one.code: one.message for one in assessment.excluded}
    return [(count, code, messages[code]) for code, count in counts.most_common()]


def _truth(assessment: Assessment) -> dict[str, Any]:
    said = [(one.name, meaning_in_words(one), "guessed" if one.is_guess else "") for one in assessment.meanings]
    return {"from": assessment.truth_from, "meanings": said}


def _model(assessment: Assessment) -> list[tuple[str, str]]:
    model, job = assessment.model, assessment.job
    calibration = model.calibration
    lines = [
        ("Model", f"{model.title} ({model.id})"),
        ("Version", model.version),
        ("SHA-256 of the weights", model.sha256),
        ("Architecture", model.architecture),
        ("Intended use", model.intended_use.summary),
        ("Not for", model.intended_use.not_for),
        ("Calibration", f"{calibration.method}{f', fitted on {calibration.origin}' if calibration.origin else ''}"),
        ("Computed", f"{job.done} files in {job.seconds:.1f} s, {job.computed} images anew; Lightbox {__version__}"),
    ]
    return [(name, value) for name, value in lines if value]


# ── Figures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _metrics(assessment: Assessment) -> dict[str, Any]:
    result = assessment.result
    rows = [
        (metric.title, metric.meaning, metric.interval, [_cell(label.metrics[name]) for label in result.labels])
        for name, metric in METRICS.items()
    ]
    return {"labels": [label_title(label) for label in assessment.labels], "rows": rows}


def _cell(estimate: Estimate) -> str:
    return estimate_in_numbers(estimate)


def _overall(assessment: Assessment) -> list[tuple[str, str]]:
    result = assessment.result
    lines = [("Accuracy, all labels", _cell(result.accuracy))]
    if len(result.averaged) > 1:
        lines.append((f"AUROC, mean of {len(result.averaged)} labels", _cell(result.macro["auroc"])))
    return lines


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


def _point(label: Label) -> tuple[str, str]:
    point = label.operating_point
    if point is None:
        return label_title(label), "no operating point, so nothing is called"
    words = f"score ≥ {point.threshold:.4f} (“{point.name}”), set for {point.criterion} on {point.origin} (n {point.n})"
    return label_title(label), words


def _subgroups(assessment: Assessment) -> Iterator[dict[str, Any]]:
    label = assessment.result.labels[0].name
    for attribute in assessment.attributes:
        found = assessment.subgroups(attribute, draws=_SUBGROUP_DRAWS)
        yield {
            "attribute": attribute,
            "unknown": found.unknown,
            "rows": [
                (
                    group.name,
                    own.name,
                    f"{own.positives} / {own.negatives}",
                    *(_cell(own.metrics[name]) for name in ("auroc", "sensitivity", "specificity")),
                    own.warning,
                )
                for group in found.groups
                for own in group.labels
            ],
            "figure": _div(forest_figure(found, label=label, metric="auroc")),
            "tests": [f"{test.label}, {METRICS[test.metric].title}: {test.reading}" for test in found.tests],
        }


# ── Failures and limits ───────────────────────────────────────────────────────────────────────────────────────────


def _failures(assessment: Assessment) -> list[dict[str, Any]]:
    """Return the most confidently wrong cases, those of each label in turn."""
    queues = [(label, most_wrong(assessment, label.name)) for label in assessment.labels]
    longest = max((len(queue) for _, queue in queues), default=0)
    turns = [(label, queue[turn]) for turn in range(longest) for label, queue in queues if turn < len(queue)]
    with opened_files(assessment.job) as files:
        return [_failure(assessment, label, number, files) for label, number in turns[:MOST_SHOWN]]


def _failure(assessment: Assessment, label: Label, number: int, files: Any) -> dict[str, Any]:
    case = assessment.cases[number]
    index = [own.name for own in assessment.labels].index(label.name)
    shown = assessment.result.cases.truth[number, index] == 1
    try:
        picture = encode_png(picture_of(case_image(files, case)), level=6)
        url = f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"
    except CoreError:
        url = ""
    verdict = "missed" if shown else "false alarm"
    return {
        "picture": url,
        "caption": f"Case {number + 1}: {label_title(label)} {verdict}, score {score_in_words(case.scores[index])}",
    }


def _limits(assessment: Assessment) -> list[str]:
    result = assessment.result
    fixed = [
        "The figures hold for images like those of this set; PPV and NPV for its share of findings alone.",
        "The labels of the set are taken as they are: errors in them count as errors of the model.",
        f"Intervals are of 95 %; those that are resampled rest on {result.draws} draws with seed {result.seed}.",
    ]
    if not result.is_clustered:
        fixed.append("Every image counts as a patient of its own, as nothing says otherwise or none has several.")
    if any(math.isnan(label.threshold) for label in result.labels):
        fixed.append("Labels without an operating point are not called.")
    return [notice.message for notice in (*assessment.notices, *result.notices)] + fixed

"""The outcome as a PDF: the words of `core.assessment.report_words`, with charts that are drawn for paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from core import __version__
from core.assessment.charts import drawn, matrix_of
from core.assessment.inspection import SetInspection
from core.assessment.outcome import Assessment
from core.assessment.report_words import MOST_DRAWN, GroupWords, ReportWords, failures, report_words, subgroup_words
from core.assessment.sheets import AMBER, CHART_PT, QUIET, Draw, Sheets
from core.domain import Estimate
from core.evaluation import METRICS, ConfusionMatrix
from core.models.label_looks import NEUTRAL
from core.reports.plots import DrawnLabel
from core.reports.wording import NOT_FOR_DIAGNOSIS, estimate_in_numbers, sentence_case

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_COLUMNS = 4
"""Labels that a table of metrics has room for; more of them make more tables."""


def assessment_pdf(assessment: Assessment, inspection: SetInspection | None = None) -> bytes:
    """Write the report as a PDF; see `core.assessment.report.assessment_html`."""
    said = report_words(assessment, inspection)
    created = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    sheets = Sheets(f"{NOT_FOR_DIAGNOSIS} · {said.title} · {created} · Lightbox {__version__}")
    sheets.heading(said.title, size=15)
    sheets.line(NOT_FOR_DIAGNOSIS, colour=AMBER)
    _data(sheets, said)
    sheets.heading("3 · Model")
    sheets.table(said.model, widths=(1, 3), has_head=False)
    _performance(sheets, assessment, said)
    sheets.heading("5 · Operating points and where they come from")
    sheets.table(said.points, widths=(1, 3), has_head=False)
    sheets.heading("6 · Subgroups")
    groups = list(subgroup_words(assessment))
    for group in groups:
        _group(sheets, assessment, group)
    if not groups:
        sheets.line("Neither headers nor a table say anything by which the images could be grouped.")
    sheets.heading("7 · Most confidently wrong", keep=CHART_PT)
    wrong = failures(assessment)
    sheets.line(
        "What is surest and wrong comes first. Cases are numbered as in predictions.csv."
        if wrong
        else "No image is called wrongly."
    )
    sheets.pictures([(one.picture, one.caption) for one in wrong])
    sheets.heading("8 · Limits")
    for words in said.limits:
        sheets.line(f"– {words}")
    return sheets.finish()


def _data(sheets: Sheets, said: ReportWords) -> None:
    sheets.heading("1 · Data and exclusions")
    sheets.line("  →  ".join(f"{number} {words}" for number, words in said.flow))
    if said.excluded:
        rows = [("Left out", "Reason", "Code"), *((str(count), words, code) for count, code, words in said.excluded)]
        sheets.table(rows, widths=(1, 5, 2))
    else:
        sheets.line("Nothing was left out.")
    for words in said.found:
        sheets.line(f"– {words}")
    sheets.heading("2 · Reference standard")
    sheets.line(
        f"The truth of an image is what the set says: {said.truth_from}. Who decided it is for its owner to say."
    )
    sheets.table([("The set says", "Taken for", ""), *said.meanings], widths=(2, 3, 1))


def _performance(sheets: Sheets, assessment: Assessment, said: ReportWords) -> None:
    sheets.heading("4 · Performance, with 95 % intervals")
    sheets.table(said.overall, widths=(1, 3), has_head=False)
    for start in range(0, len(said.label_titles), _MOST_COLUMNS):
        columns = slice(start, start + _MOST_COLUMNS)
        titles = said.label_titles[columns]
        rows = [(title, *cells[columns], interval) for title, _, interval, cells in said.metrics]
        sheets.table([("Metric", *titles, "Interval"), *rows], widths=(2, *([2] * len(titles)), 1.4))
    for one in drawn(assessment)[:MOST_DRAWN]:
        sheets.heading(one.title, size=10, keep=CHART_PT)
        sheets.charts(_charts(assessment, one))


def _charts(assessment: Assessment, one: DrawnLabel) -> list[Draw]:
    charts: list[Draw] = [partial(draw, one=one) for draw in (_roc, _precision_recall, _reliability, _histogram)]
    matrix = matrix_of(assessment, one)
    if matrix is not None and (assessment.result.confusion_matrix is None or one.label is assessment.labels[0]):
        charts.append(partial(_matrix, matrix=matrix))
    return charts


def _group(sheets: Sheets, assessment: Assessment, group: GroupWords) -> None:
    found, label = group.subgroups, assessment.labels[0].name
    sheets.heading(found.attribute, size=10)
    head = ("Group", "Label", "With / without", "AUROC", "Sensitivity", "Specificity", "")
    sheets.table([head, *group.rows], widths=(1.4, 1.4, 1.3, 2, 2, 2, 2))
    estimates = [
        (one_group.name, own.metrics["auroc"])
        for one_group in found.groups
        for own in one_group.labels
        if own.name == label
    ]
    sheets.charts([partial(_forest, rows=estimates)], height=90 + 14 * len(estimates))
    for words in group.tests:
        sheets.line(words, colour=QUIET)
    if found.unknown:
        sheets.line(f"Of {found.unknown} images this is not known.", colour=QUIET)


# ── Charts ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lay_out(axes: Axes, title: str, across: str, up: str, *, undefined: str = "") -> None:
    axes.set_title(title, fontsize=8, loc="left")
    axes.set_xlabel(across, fontsize=6.5, color=QUIET)
    axes.set_ylabel(up, fontsize=6.5, color=QUIET)
    if undefined:
        axes.text(0.5, 0.5, f"Undefined: {undefined}", fontsize=7, ha="center", transform=axes.transAxes)


def _roc(axes: Axes, *, one: DrawnLabel) -> None:
    roc, point = one.curves.roc, one.label.operating_point
    axes.plot([0, 1], [0, 1], ":", color=NEUTRAL, linewidth=0.8)
    if roc.low:
        axes.fill_between(roc.false_positive_rate, roc.low, roc.high, color=one.look.colour, alpha=0.2, linewidth=0)
    axes.plot(roc.false_positive_rate, roc.sensitivity, color=one.look.colour, linewidth=1.3)
    calls = one.curves.calls.get(point.name) if point is not None else None
    if calls is not None and not roc.undefined:
        axes.plot(1 - calls.specificity.value, calls.sensitivity.value, "D", color=one.look.colour, markersize=5)
    area = "" if roc.undefined or one.auroc is None else f", AUROC {estimate_in_numbers(one.auroc)}"
    _lay_out(axes, f"ROC{area}", "1 − specificity", "Sensitivity", undefined=roc.undefined)


def _precision_recall(axes: Axes, *, one: DrawnLabel) -> None:
    curve = one.curves.precision_recall
    axes.plot(curve.recall, curve.precision, color=one.look.colour, linewidth=1.3)
    if not curve.undefined:
        axes.axhline(one.curves.prevalence, color=NEUTRAL, linestyle=":", linewidth=0.8)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    _lay_out(axes, "Precision and recall", "Recall (sensitivity)", "Precision (PPV)", undefined=curve.undefined)


def _reliability(axes: Axes, *, one: DrawnLabel) -> None:
    bins = one.curves.reliability.bins
    axes.plot([0, 1], [0, 1], ":", color=NEUTRAL, linewidth=0.8)
    shares = [each.observed for each in bins]
    reach = [[each.value - each.low for each in shares], [each.high - each.value for each in shares]]
    scores = [each.mean_score for each in bins]
    axes.errorbar(scores, [each.value for each in shares], yerr=reach, fmt="o", color=one.look.colour, markersize=3)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    _lay_out(axes, "Calibration", "Mean score", "Share with the finding")


def _histogram(axes: Axes, *, one: DrawnLabel) -> None:
    histogram, point = one.curves.histogram, one.label.operating_point
    bins = len(histogram.with_finding)
    centres = (np.arange(bins) + 0.5) / bins
    axes.bar(centres, histogram.without_finding, 1 / bins, color=NEUTRAL, alpha=0.7, label="without it")
    axes.bar(centres, histogram.with_finding, 1 / bins, color=one.look.colour, alpha=0.7, label="with it", hatch="//")
    axes.set_yscale("symlog", linthresh=1)
    if point is not None:
        axes.axvline(point.threshold, color=QUIET, linestyle="--", linewidth=1)
    axes.legend(fontsize=6, frameon=False)
    _lay_out(axes, "Scores", "Score", "Cases (logarithmic)")


def _matrix(axes: Axes, *, matrix: ConfusionMatrix) -> None:
    counts = np.array(matrix.counts, dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.4, aspect="auto")
    axes.grid(visible=False)
    names = [sentence_case(name)[:14] for name in matrix.names]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names, rotation=90, va="center")
    for (row, column), count in np.ndenumerate(counts):
        axes.text(column, row, f"{int(count)}\n{shares[row, column]:.1%}", fontsize=7, ha="center", va="center")
    _lay_out(axes, "Calls", "Called by the model", "Reference")


def _forest(axes: Axes, *, rows: Sequence[tuple[str, Estimate]]) -> None:
    for place, (_, estimate) in enumerate(rows):
        axes.plot([estimate.low, estimate.high], [place, place], color=NEUTRAL, linewidth=1.2)
        axes.plot(estimate.value, place, "s", color="#0b6898", markersize=5)
    axes.set_yticks(range(len(rows)), [name[:14] for name, _ in rows])
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(-0.02, 1.02))
    _lay_out(axes, METRICS["auroc"].title, f"{METRICS['auroc'].title}, with 95 % interval", "")

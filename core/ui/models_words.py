"""What is said of a model in words and tables, as HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from core.domain import Estimate, IntendedUse, Label, ModelSpec
from core.models.evidence import Evidence
from core.models.metrics import ALL_LABELS, AMONG_FINDINGS, metrics_by_label
from core.models.registry import DamagedModel, has_written_weights, weights_size
from core.models.suitability import subject_of
from core.reports.wording import estimate_in_numbers, label_title, sentence_case

FIGURES = {
    "auroc": "AUROC",
    "auroc_by_patient": "AUROC, interval by patients",
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "expected_calibration_error": "Calibration error (ECE)",
    "brier_score": "Brier score",
}
TOGETHER_FIGURES = {"macro_auroc": "AUROC, mean of the labels", "accuracy": "Accuracy, most likely label"}
"""Headings of the figures that training writes into `model.toml`: of one label, and of several together."""

TOGETHER = {ALL_LABELS: "All labels together", AMONG_FINDINGS: "Only images with a finding"}
MOST_NAMED = 4
CHECKING = '<p class="lb-state">Weights: checking …</p>'
_NOT_MEASURED = "not measured"


# ── The list ──────────────────────────────────────────────────────────────────────────────────────────────────────


def headline_html(spec: ModelSpec) -> str:
    """Say in a few lines what a model is for, what it calls and how good it is."""
    rows = {
        "For": use_in_words(spec.intended_use),
        "Labels": labels_in_words(spec),
        "AUROC": auroc_in_words(spec),
        "Network": f"{network_in_words(spec)}, {size_in_words(weights_size(spec))}",
    }
    return (
        f'<h3 class="lb-name-of-model">{escape(spec.title)}</h3><p class="lb-meaning">{escape(spec.id)}, version '
        f"{escape(spec.version)}</p>{facts_html(rows)}"
    )


def network_in_words(spec: ModelSpec) -> str:
    """Return "mobilenet_v2", or "4 × mobilenet_v2" of networks that answer together."""
    return spec.architecture if spec.members == 1 else f"{spec.members} × {spec.architecture}"


def damaged_html(damaged: DamagedModel, *, with_title: bool = False) -> str:
    """Say that a model folder cannot be used, why, and what to do."""
    title = f'<h3 class="lb-name-of-model">{escape(damaged.id)}</h3>' if with_title else ""
    return (
        f'{title}<div class="lb-notices lb-warnings" role="note"><h3><span aria-hidden="true">⚠</span> This model '
        f"cannot be used</h3><p>{escape(damaged.error.message)}</p><p>{escape(damaged.error.hint)}</p></div>"
    )


def weights_state_html(spec: ModelSpec) -> str:
    """Say whether the weights are those that the model was written with; reads them where that is not known yet."""
    try:
        is_as_written = has_written_weights(spec)
    except OSError:
        return '<p class="lb-state lb-bad">⚠ Weights: the file cannot be read</p>'
    if is_as_written:
        return '<p class="lb-state">✓ Weights as written (SHA-256 checked)</p>'
    return (
        '<p class="lb-state lb-bad">⚠ Weights not as written: their SHA-256 differs. Copy the model folder again from '
        "where it came.</p>"
    )


def use_in_words(use: IntendedUse) -> str:
    """Say for which images of whom a model is: "Radiographs (CR, DX) of the chest, 1 to 5 years"."""
    return f"{sentence_case(subject_of(use))}, {ages_in_words(use)}"


def ages_in_words(use: IntendedUse) -> str:
    """Say for which ages a model is."""
    low, high = use.min_age_years, use.max_age_years
    if low is not None and high is not None:
        return f"{low:g} to {high:g} years"
    if low is not None:
        return f"{low:g} years or older"
    return "any age" if high is None else f"up to {high:g} years"


def labels_in_words(spec: ModelSpec) -> str:
    """Name the labels, or count them where they are many."""
    names = [label_title(label) for label in spec.labels]
    if len(names) <= MOST_NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:MOST_NAMED])} and {len(names) - MOST_NAMED} more"


def size_in_words(size: int) -> str:
    """Write a size in megabytes of a million bytes."""
    return f"{size / 1e6:.1f} MB"


# ── Figures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def auroc_in_words(spec: ModelSpec) -> str:
    """Say the AUROC of a single label with its interval; of several their mean, else from the lowest to the highest."""
    areas = label_aurocs(spec)
    if not areas:
        return _NOT_MEASURED
    if len(areas) == 1:
        return estimate_in_numbers(next(iter(areas.values())))
    mean = metrics_by_label(spec).get(ALL_LABELS, {}).get("macro_auroc")
    if mean is not None and not math.isnan(mean.value):
        return f"{estimate_in_numbers(mean)}, mean of {len(spec.labels)} labels"
    values = sorted(area.value for area in areas.values())
    return f"{values[0]:.3f} to {values[-1]:.3f} over {len(areas)} labels"


def label_aurocs(spec: ModelSpec) -> dict[str, Estimate]:
    """Return the AUROC of each label for which it was measured and is defined."""
    return {
        name: figures["auroc"]
        for name, figures in metrics_by_label(spec).items()
        if name and "auroc" in figures and not math.isnan(figures["auroc"].value)
    }


def metrics_html(spec: ModelSpec) -> str:
    """Return the figures as tables; empty where there are none.

    One table is of all labels together where such figures are, one has a row for each label; a column is a figure.
    """
    by_label = metrics_by_label(spec)
    together = {TOGETHER[owner]: by_label.pop(owner) for owner in TOGETHER if owner in by_label}
    titles = {label.name: label_title(label) for label in spec.labels}
    single = {titles[name]: own for name, own in by_label.items()}
    return _figures_html(together, TOGETHER_FIGURES) + _figures_html(single, FIGURES)


def _figures_html(rows: Mapping[str, Mapping[str, Estimate]], headings: Mapping[str, str]) -> str:
    found = {name for own in rows.values() for name in own}
    figures = [*(name for name in headings if name in found), *sorted(found - set(headings))]
    cells = [(title, *(_cell(own.get(figure)) for figure in figures)) for title, own in rows.items()]
    return table_html(("", *(headings.get(name, name) for name in figures)), cells) if cells else ""


def _cell(estimate: Estimate | None) -> str:
    return "" if estimate is None else estimate_in_numbers(estimate)


# ── Operating points ──────────────────────────────────────────────────────────────────────────────────────────────


def operating_points_html(spec: ModelSpec, evidence: Evidence | None) -> str:
    """Return all operating points as a table: what each was set for, and what it gave where it was set and on test."""
    calls = {curves.name: curves.calls for curves in evidence.labels} if evidence else {}
    rows = []
    for label in spec.labels:
        for point in label.operating_points:
            on_test = calls.get(label.name, {}).get(point.name)
            rows.append(
                (
                    label_title(label),
                    sentence_case(point.criterion) + (" (default)" if point is label.operating_point else ""),
                    f"{point.threshold:.3f}",
                    *(_cell(share) for share in (point.sensitivity, point.specificity)),
                    *((_cell(on_test.sensitivity), _cell(on_test.specificity)) if on_test else ("", "")),
                )
            )
    places = ("where it was set", "on the test part")
    shares = [f"{share} {place}" for place in places for share in ("Sensitivity", "Specificity")]
    return table_html(*_without_empty_columns(("", "Set for", "Call from", *shares), rows)) if rows else ""


def _without_empty_columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    kept = [column for column in range(len(head)) if any(row[column] for row in rows)]
    return [head[column] for column in kept], [[row[column] for column in kept] for row in rows]


def origins_html(labels: Iterable[Label]) -> str:
    """Say where each operating point comes from; empty where there are none."""
    rows = [
        (label_title(label), sentence_case(point.criterion), f"Set on {point.origin}")
        for label in labels
        for point in label.operating_points
    ]
    return table_html(("", "Set for", "Where it comes from"), rows) if rows else ""


# ── HTML ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def facts_html(rows: Mapping[str, str]) -> str:
    """Return names and values, one pair a line; empty values are left out."""
    lines = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows.items() if value)
    return f'<dl class="lb-facts lb-pairs">{"".join(lines)}</dl>'


def table_html(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the first cell of a row is its heading."""
    heading = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = (
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return (
        f'<div class="lb-table"><table><thead><tr>{heading}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )

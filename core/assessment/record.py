"""The outcome as data: `report.json` and `predictions.csv`."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from core import __version__
from core.assessment.outcome import Assessment
from core.evaluation import METRICS, LabelResult
from core.models.plain import plain_estimate, plain_number

_PLAIN = ("brier", "ece")
"""Figures whose value stands by itself, with the interval beside it."""


def as_record(assessment: Assessment) -> dict[str, Any]:
    """Return the outcome in plain data that JSON knows; what is undefined is null, with the reason in `undefined`."""
    result, model, job = assessment.result, assessment.model, assessment.job
    names, counts = _confusion(assessment)
    return {
        "lightbox": __version__,
        "n": result.n,
        "patients": result.patients,
        "files": assessment.listed,
        "excluded": [_as_excluded(one.file, one.frame, one.code, one.message) for one in assessment.excluded],
        "labels": {label.name: _label(label) for label in result.labels},
        "accuracy": plain_number(result.accuracy.value),
        "accuracy_interval": plain_estimate(result.accuracy),
        "macro_auroc": plain_number(result.macro["auroc"].value),
        "macro": {name: plain_estimate(estimate) for name, estimate in result.macro.items()},
        "averaged": list(result.averaged),
        "confusion_matrix": counts,
        "confusion_matrix_names": names,
        "model": {"id": model.id, "version": model.version, "sha256": model.sha256},
        "operating_points": {
            label.name: None
            if label.operating_point is None
            else {
                "name": label.operating_point.name,
                "criterion": label.operating_point.criterion,
                "origin": label.operating_point.origin,
            }
            for label in assessment.labels
        },
        "label_meanings": [
            {"name": one.name, "kind": one.kind, "label": one.label or None, "guess": one.is_guess}
            for one in assessment.meanings
        ],
        "notices": [{"code": one.code, "message": one.message} for one in (*assessment.notices, *result.notices)],
        "resampling": {"draws": result.draws, "seed": result.seed},
        "seconds": round(job.seconds, 3),
        "images_per_second": round((job.done / job.seconds) if job.seconds else 0.0, 3),
        "images_computed": job.computed,
    }


def _as_excluded(file: str, frame: int, code: str, message: str) -> dict[str, Any]:
    return {"file": file, "frame": frame + 1, "code": code, "message": message}


def _label(label: LabelResult) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "n_positive": label.positives,
        "n_negative": label.negatives,
        "n_unknown": label.unknown,
        "threshold": plain_number(label.threshold),
    }
    for name in METRICS:
        estimate = label.metrics[name]
        figures[name] = plain_number(estimate.value) if name in _PLAIN else plain_estimate(estimate)
        if name in _PLAIN:
            figures[f"{name}_interval"] = plain_estimate(estimate)
    if label.calls is not None:
        figures["calls"] = {
            "true_positives": label.calls.true_positives,
            "false_negatives": label.calls.false_negatives,
            "false_positives": label.calls.false_positives,
            "true_negatives": label.calls.true_negatives,
        }
    return figures


def _confusion(assessment: Assessment) -> tuple[list[str] | None, list[list[int]] | None]:
    """Return names and counts, rows by truth: of all labels where they exclude each other, else of the only one."""
    matrix = assessment.result.confusion_matrix
    if matrix is not None:
        return list(matrix.names), [list(row) for row in matrix.counts]
    only = assessment.result.labels[0]
    if len(assessment.result.labels) > 1 or only.calls is None:
        return None, None
    calls = only.calls
    counts = [[calls.true_negatives, calls.false_positives], [calls.false_negatives, calls.true_positives]]
    return [f"not {only.name}", only.name], counts


def predictions_csv(assessment: Assessment) -> str:
    """Return a table of the cases for their owner: truth, score and call of every label, and what speaks against it.

    Patients are numbers. A call is empty where the label has no operating point or the model makes none.
    """
    names = [label.name for label in assessment.labels]
    patients = {name: number for number, name in enumerate(dict.fromkeys(c.patient for c in assessment.cases), start=1)}
    columns = [f"{kind} {name}" for name in names for kind in ("truth", "score", "call")]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["case", "file", "frame", "sha256", "patient", "labels", *columns, "in_training", "notices"])
    for number, case in enumerate(assessment.cases):
        table.writerow(
            [
                number + 1,
                _harmless(case.file),
                case.frame + 1,
                case.sha256,
                patients[case.patient],
                _harmless("|".join(case.names)),
                *_of_labels(assessment, number),
                int(case.in_training),
                "|".join(case.notices),
            ]
        )
    return text.getvalue()


def _of_labels(assessment: Assessment, number: int) -> list[Any]:
    case, truth = assessment.cases[number], assessment.result.cases.truth[number]
    cells: list[Any] = []
    for label, shown, score in zip(assessment.result.labels, truth.tolist(), case.scores, strict=True):
        is_called = not (math.isnan(label.threshold) or case.is_withheld)
        call = int(score >= label.threshold) if is_called else ""
        cells += ["" if math.isnan(shown) else int(shown), score, call]
    return cells


def _harmless(text: str) -> str:
    """Return text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text

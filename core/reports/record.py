"""The result of a reading as data: numbers are numbers, undefined is null with a reason, names say their unit."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from core import __version__
from core.domain import Extent, ModelSpec, Notice, Prediction, Score, Voi, VoiLut
from core.models.plain import plain_number, plain_point
from core.models.suitability import call_of, is_call_withheld
from core.reports.reading import (
    ReportInput,
    drawn_heatmap,
    heatmap_limits,
    heatmap_note,
    image_sha256,
    shown_facts,
    shown_voi,
    warnings_of,
)
from core.reports.wording import NOT_FOR_DIAGNOSIS, label_title

SCHEMA = "lightbox.reading/1"
"""Name and version of the layout. The number grows when a field changes its meaning or goes; new ones may be added."""

Json = dict[str, object]


def reading_json(report: ReportInput) -> dict[str, object]:
    """Return the result as what `json.dumps(..., allow_nan=False)` takes.

    Raises
    ------
    ReportError
        The parts of the report do not belong together (when the input is made).
    """
    prediction = report.prediction
    return {
        "schema": SCHEMA,
        "notice": NOT_FOR_DIAGNOSIS,
        "software": {"name": "Lightbox", "version": __version__},
        "created": report.created.isoformat(timespec="seconds"),
        "is_synthetic": report.is_synthetic,
        "includes_identity": report.include_identity,
        "image": _image(report),
        "facts": [{"keyword": fact.keyword, "label": fact.label, "value": fact.value} for fact in shown_facts(report)],
        "display": {"window": _voi(shown_voi(report)), "inverted": report.invert},
        "model": _model(report.model),
        "labels": [_score(prediction, score) for score in prediction.scores],
        "call_withheld": is_call_withheld(prediction),
        "warnings": _notices(warnings_of(report)),
        "heatmap": _heatmap(report),
        "seconds": prediction.seconds,
        "device": prediction.device,
    }


def _image(report: ReportInput) -> Json:
    image = report.image
    described: Json = {
        "uid": image.uid,
        "sha256": image_sha256(image),
        "frame_number": report.frame_number,
        "frame_count": report.frame_count,
        "rows": image.shape[0],
        "columns": image.shape[1],
        "intensity": image.intensity.value,
        "photometric_interpretation": image.photometric_interpretation,
        "spacing": None,
    }
    if image.spacing is not None:
        spacing = image.spacing
        described["spacing"] = {"row_mm": spacing.row_mm, "column_mm": spacing.column_mm, "source": spacing.source}
    if report.include_identity:
        described["series_title"] = report.series_title
    return described


def _voi(voi: Voi | None) -> Json | None:
    # The window's own explanation is free text of the file, so it stays out.
    if voi is None:
        return None
    if isinstance(voi, VoiLut):
        return {"kind": "voi-lut", "entries": voi.values.size, "first_value": voi.first_value, "bits": voi.bits}
    return {"kind": "window", "center": voi.center, "width": voi.width, "function": voi.function.value}


def _model(model: ModelSpec) -> Json:
    use = model.intended_use
    return {
        "id": model.id,
        "title": model.title,
        "version": model.version,
        "architecture": model.architecture,
        "sha256": model.sha256,
        "calibration": {"method": model.calibration.method, "origin": model.calibration.origin},
        "intended_use": {"summary": use.summary, "not_for": use.not_for},
        "licence": model.licence,
        "citation": model.citation,
    }


def _score(prediction: Prediction, score: Score) -> Json:
    label = score.label
    return {
        "name": label.name,
        "title": label_title(label),
        "code": label.code,
        "is_finding": label.is_finding,
        "score": plain_number(score.value),
        "undefined": "the model gave no number" if math.isnan(score.value) else "",
        "calibrated": score.calibrated,
        "call": call_of(prediction, score),
        "operating_point": None if label.operating_point is None else plain_point(label.operating_point),
    }


def _heatmap(report: ReportInput) -> Json | None:
    explanation = report.explanation
    if explanation is None:
        return None
    finite = explanation.heatmap[np.isfinite(explanation.heatmap)]
    is_drawn = drawn_heatmap(report) is not None
    return {
        "label": explanation.label_name,
        "method": explanation.method,
        "unit": explanation.unit,
        "minimum": float(finite.min()) if finite.size else None,
        "maximum": float(finite.max()) if finite.size else None,
        "has_positive_evidence": explanation.has_positive_evidence,
        "rows": explanation.heatmap.shape[0],
        "columns": explanation.heatmap.shape[1],
        "extent_px": _extent(explanation.extent),
        "centre_shift_cells": list(explanation.centre_shift),
        "colour_limits": list(heatmap_limits(report)) if is_drawn else None,
        "threshold": report.threshold if is_drawn else None,
        "contour_level": report.contour_level if is_drawn else None,
        "not_drawn": heatmap_note(report),
    }


def _extent(extent: Extent) -> Json:
    return {"top": extent.top, "left": extent.left, "bottom": extent.bottom, "right": extent.right}


def _notices(notices: Iterable[Notice]) -> list[Json]:
    return [{"code": notice.code, "message": notice.message} for notice in notices]

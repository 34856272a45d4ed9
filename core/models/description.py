"""The models of this installation in plain data, for `python -m core models --json`."""

from __future__ import annotations

from typing import Any

from core.domain import Label, ModelSpec
from core.errors import ModelError
from core.models.evidence import read_evidence
from core.models.plain import plain_estimate, plain_point
from core.models.registry import DamagedModel, list_models, model_folder


def describe_models() -> list[dict[str, Any]]:
    """Describe every model folder in plain data; a damaged one says why."""
    return [_describe(entry) for entry in list_models()]


def _describe(entry: ModelSpec | DamagedModel) -> dict[str, Any]:
    if isinstance(entry, DamagedModel):
        return {"id": entry.id, "error": {"code": entry.error.code, "message": str(entry.error)}}
    return {
        "id": entry.id,
        "title": entry.title,
        "version": entry.version,
        "architecture": entry.architecture,
        "members": entry.members,
        "sha256": entry.sha256,
        "input": list(entry.input.size),
        "intended_use": entry.intended_use.summary,
        "not_for": entry.intended_use.not_for,
        "modalities": list(entry.intended_use.modalities),
        "body_parts": list(entry.intended_use.body_parts),
        "view_positions": list(entry.intended_use.view_positions),
        "min_age_years": entry.intended_use.min_age_years,
        "max_age_years": entry.intended_use.max_age_years,
        "labels_exclude_each_other": entry.calibration.activation == "softmax",
        "labels": [_describe_label(label) for label in entry.labels],
        "calibration": entry.calibration.method,
        "metrics": {name: plain_estimate(estimate) for name, estimate in entry.metrics.items()},
        **_describe_evidence(entry),
        "licence": entry.licence,
    }


def _describe_label(label: Label) -> dict[str, Any]:
    point = label.operating_point
    points = [plain_point(one) for one in label.operating_points]
    chosen = None if point is None else plain_point(point)
    return {
        "name": label.name,
        "title": label.title or label.name,
        "code": label.code,
        "is_finding": label.is_finding,
        "operating_point": chosen,
        "operating_points": points,
    }


def _describe_evidence(spec: ModelSpec) -> dict[str, Any]:
    """Say on what the metrics were measured, and of exclusive labels how often each (rows) was called which."""
    try:
        evidence = read_evidence(model_folder(spec), spec)
    except ModelError as error:
        return {"evidence_error": {"code": error.code, "message": str(error)}}
    if evidence is None:
        return {"measured_on": None, "n": None, "confusion_matrix": None}
    matrix = evidence.confusion
    counts = None if matrix is None else {"labels": list(matrix.names), "counts": [list(row) for row in matrix.counts]}
    return {
        "measured_on": evidence.measured_on,
        "n": {one.name: {"with": one.positives, "without": one.negatives} for one in evidence.labels},
        "confusion_matrix": counts,
    }

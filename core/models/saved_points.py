"""Operating points that users of this installation have set on their own cases.

They lie in the data folder and not in the model's, which stays as it was published; each file belongs to the weights
and the calibration that its scores came from, and holds for no other model. The registry adds them to a model's own,
so every door knows them by name.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.data_folder import data_folder
from core.domain import Estimate, Label, ModelSpec, OperatingPoint
from core.errors import ModelError
from core.models.files import replace_file

FOLDER = "operating-points"
NAME_PATTERN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FORMAT = 1


def with_saved_points(spec: ModelSpec) -> ModelSpec:
    """Return a model, as its folder has it, with what was saved for it.

    Raises
    ------
    ModelError
        What was saved is damaged: to call at other points than the ones that were chosen would be worse than not at
        all.
    """
    content = _read(spec)
    if not content:
        return spec
    return replace(spec, labels=tuple(_with_points(label, content.get(label.name, {})) for label in spec.labels))


def saved_points(spec: ModelSpec, label: str) -> tuple[str, ...]:
    """Return the names of the points that were saved for a label."""
    return tuple(_read(spec).get(label, {}).get("points", {}))


def save_point(spec: ModelSpec, label: str, point: OperatingPoint, *, is_default: bool) -> None:
    """Keep a point for a label, in place of one that was saved under its name.

    Parameters
    ----------
    spec : ModelSpec
    label : str
    point : OperatingPoint
    is_default : bool
        Whether the label is called there from now on.

    Raises
    ------
    ModelError
        The name cannot be used, the threshold is no number, or nothing can be written.
    """
    _require_usable(spec, label, point)
    content = _read(spec)
    own = content.setdefault(label, {"points": {}, "default": ""})
    own["points"][point.name] = {**asdict(point), "sensitivity": _plain(point.sensitivity)} | {
        "specificity": _plain(point.specificity)
    }
    if is_default:
        own["default"] = point.name
    elif own["default"] == point.name:
        own["default"] = ""
    _write(spec, content)


def forget_point(spec: ModelSpec, label: str, name: str) -> None:
    """Delete a point that was saved; a label that was called there is called at the model's own again."""
    content = _read(spec)
    own = content.get(label, {"points": {}, "default": ""})
    own["points"].pop(name, None)
    if own["default"] == name:
        own["default"] = ""
    _write(spec, content)


def _with_points(label: Label, own: Mapping[str, Any]) -> Label:
    points = tuple(_point(values) for values in own.get("points", {}).values())
    shipped = tuple(point for point in label.operating_points if point.name not in own.get("points", {}))
    default = own.get("default") or label.default_operating_point
    return replace(label, operating_points=(*shipped, *points), default_operating_point=default)


def _require_usable(spec: ModelSpec, label: str, point: OperatingPoint) -> None:
    shipped = {own.name for one in spec.labels if one.name == label for own in one.operating_points}
    if not NAME_PATTERN.fullmatch(point.name):
        raise ModelError(
            f"An operating point cannot be called “{point.name}”.",
            hint="Use lower-case letters and digits, with single hyphens between them.",
            code="operating-point-name",
        )
    if point.name in shipped - set(saved_points(spec, label)):
        raise ModelError(
            f"The model has an operating point “{point.name}” of its own.",
            hint="Choose another name.",
            code="operating-point-name",
        )
    if not math.isfinite(point.threshold):
        raise ModelError("An operating point needs a threshold.", code="operating-point-undefined")


# ── The file ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _file(spec: ModelSpec) -> Path:
    """Return where the points of a model lie: scores depend on weights and calibration."""
    digest = hashlib.sha256(f"{spec.sha256}{spec.calibration!r}".encode()).hexdigest()
    return data_folder() / FOLDER / f"{spec.id}.{digest[:16]}.json"


def _read(spec: ModelSpec) -> dict[str, Any]:
    file = _file(spec)
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _damaged(file) from error
    try:
        document = json.loads(text)
        if document["format"] != _FORMAT or document["sha256"] != spec.sha256:
            raise _damaged(file)
        labels: dict[str, Any] = document["labels"]
        for own in labels.values():
            for values in own["points"].values():
                _point(values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(file) from error
    return labels


def _write(spec: ModelSpec, labels: Mapping[str, Any]) -> None:
    file = _file(spec)
    document = {"format": _FORMAT, "model": spec.id, "version": spec.version, "sha256": spec.sha256, "labels": labels}
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(file, f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode())
    except OSError as error:
        raise ModelError(
            "The operating point cannot be written to the folder for Lightbox's data.",
            hint="There may be no room left on the disk.",
            code="no-data-folder",
        ) from error


def _point(values: Mapping[str, Any]) -> OperatingPoint:
    return OperatingPoint(
        name=str(values["name"]),
        threshold=float(values["threshold"]),
        criterion=str(values["criterion"]),
        origin=str(values["origin"]),
        n=int(values["n"]),
        sensitivity=_estimate(values["sensitivity"]),
        specificity=_estimate(values["specificity"]),
    )


def _plain(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None or math.isnan(estimate.value):
        return None
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _estimate(values: Mapping[str, float] | None) -> Estimate | None:
    return None if values is None else Estimate(values["value"], values["low"], values["high"])


def _damaged(file: Path) -> ModelError:
    return ModelError(
        "The operating points that were saved for this model cannot be read.",
        hint=f"Delete the file {file.name} in the folder {FOLDER} of Lightbox's data; the model's own points stay.",
        code="saved-points-damaged",
    )

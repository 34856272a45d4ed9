"""A made-up reading: one image, one model, one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from core.domain import (
    Calibration,
    Estimate,
    Explanation,
    Extent,
    Fact,
    Image,
    InputSpec,
    IntendedUse,
    Intensity,
    Label,
    ModelSpec,
    OperatingPoint,
    Prediction,
    Score,
    WindowLevel,
)
from core.reports import ReportInput

NAME = "Zebedee Quill"
TITLE = "Thorax of Zebedee"
FACTS = (
    Fact("PatientName", "Patient", NAME, identifying=True),
    Fact("PatientID", "Patient ID", "QZ-774411", identifying=True),
    Fact("Modality", "Modality", "DX"),
    Fact("BodyPartExamined", "Body part", "CHEST"),
)
POINT = OperatingPoint(
    name="sensitive",
    threshold=0.41,
    criterion="95 % sensitivity",
    origin="521 validation images",
    n=521,
    sensitivity=Estimate(0.95, 0.92, 0.97),
    specificity=Estimate(0.88, 0.84, 0.91),
)


def label(
    name: str = "pneumonia", *, point: OperatingPoint | None = POINT, is_finding: bool = True, title: str = ""
) -> Label:
    points = (point,) if point else ()
    return Label(name, "SNOMED-CT:233604007", points, "sensitive", is_finding, title)


def score(value: float, name: str = "pneumonia", *, calibrated: bool = True, **options: Any) -> Score:
    return Score(label(name, **options), value, calibrated)


def model(scores: Sequence[Score]) -> ModelSpec:
    return ModelSpec(
        id="cxr-pneumonia",
        title="Pneumonia in chest radiographs",
        version="1.2.3",
        architecture="mobilenet_v2",
        sha256="5f" * 32,
        input=InputSpec((224, 224), 3, "pad", "percentile", (0.5,) * 3, (0.5,) * 3),
        labels=tuple(each.label for each in scores),
        calibration=Calibration("sigmoid", "temperature", 1.4, origin="521 validation images"),
        intended_use=IntendedUse("Frontal films of children.", "Adults."),
        licence="CC BY 4.0",
    )


def image(shape: tuple[int, int] = (120, 100), **attributes: Any) -> Image:
    pixels = (np.add.outer(np.arange(shape[0]), np.arange(shape[1])) * 10).astype(np.uint16)
    window = WindowLevel(1000, 2000, explanation=f"NORMAL {NAME}")
    options = {"uid": "ab" * 32 + ":0", "voi": (window,), **attributes}
    return Image(pixels, Intensity.RADIOGRAPH, "MONOCHROME2", **options)


def explanation(peak: float, name: str = "pneumonia") -> Explanation:
    heatmap = np.full((4, 4), min(peak, 0.0), np.float32)
    heatmap[1, 2] = peak
    return Explanation(name, "CAM", heatmap, Extent(0, -10, 120, 110), "evidence: the mean is the raw score")


def prediction(*scores: Score, **options: Any) -> Prediction:
    """Return what a model said of `image()`."""
    spec = model(scores)
    given = {"warnings": (), "seconds": 0.043, "device": "CPU", **options}
    return Prediction(image().uid, spec.id, spec.version, spec.sha256, scores, **given)


def report(*scores: Score, **options: Any) -> ReportInput:
    """Return what a report is made from; a positive pneumonia with a heatmap unless told otherwise."""
    scores = scores or (score(0.834),)
    shown = options.pop("image", image())
    spec = model(scores)
    said = {name: options.pop(name) for name in ("warnings", "is_exclusive") if name in options}
    answer = replace(prediction(*scores, **said), image_uid=shown.uid)
    given = {"explanation": explanation(4.0, scores[0].label.name), "facts": FACTS, "series_title": TITLE, **options}
    created = datetime(2025, 6, 3, 14, 5, tzinfo=UTC)
    return ReportInput(image=shown, model=spec, prediction=answer, created=created, **given)

"""Made-up evidence: what a measurement on made-up cases gives, for models that were never trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import softmax

from core.domain import Calibration, Estimate, IntendedUse, Label, ModelSpec, OperatingPoint
from core.evaluation import auroc_interval, confusion_matrix, label_curves
from core.models.evidence import EpochPoint, Evidence, LearningCurves
from tests.made_models import CHEST_SPEC

CLASSES = ("glioma", "meningioma", "pituitary", "no tumour")
LEARNING = LearningCurves(
    (EpochPoint(1, 0.5, 0.8, 0.7, 0.6), EpochPoint(2, 0.4, 0.9, 0.85, 0.7), EpochPoint(3, 0.35, 0.89)), kept=2
)


def tumour_spec() -> ModelSpec:
    """Return the spec of a made-up model whose four labels exclude each other."""
    return replace(
        CHEST_SPEC,
        id="made-brain",
        title="Made-up brain model",
        labels=tuple(_tumour_label(name) for name in CLASSES),
        calibration=Calibration("softmax", "temperature", origin="400 made-up images, twice"),
        intended_use=IntendedUse("Tests of several classes.", "Patients.", ("MR",), ("BRAIN",)),
        metrics={},
    )


def _tumour_label(name: str) -> Label:
    point = OperatingPoint(
        "youden", 0.4, "the largest sum of sensitivity and specificity", "400 made-up images, twice", n=400
    )
    return Label(name, operating_points=(point,), default_operating_point="youden", is_finding=name != "no tumour")


def scores_of(spec: ModelSpec, *, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and scores, (n, labels) each, of cases that a fair model was asked about."""
    rng = np.random.default_rng(seed)
    labels = len(spec.labels)
    if spec.calibration.activation == "softmax":
        truth = np.eye(labels)[rng.integers(0, labels, n)]
        return truth, softmax(rng.normal(2.5 * truth, 1.0), axis=1)
    truth = rng.integers(0, 2, (n, labels))
    return truth, 1 / (1 + np.exp(-rng.normal(2 * truth - 1, 1.5)))


def evidence_for(spec: ModelSpec, *, n: int = 400, seed: int = 0) -> Evidence:
    """Return evidence for a spec, as its training would have left it."""
    truth, scores = scores_of(spec, n=n, seed=seed)
    rng = np.random.default_rng(seed)
    samples = [rng.integers(0, n, n) for _ in range(20)]
    labels = tuple(
        label_curves(
            label.name,
            truth[:, index],
            scores[:, index],
            thresholds={point.name: point.threshold for point in label.operating_points},
            samples=samples,
        )
        for index, label in enumerate(spec.labels)
    )
    exclusive = spec.calibration.activation == "softmax"
    names = [label.name for label in spec.labels]
    confusion = confusion_matrix(names, truth.argmax(axis=1), scores.argmax(axis=1)) if exclusive else None
    return Evidence(spec.sha256, f"{n} made-up images", labels, confusion, LEARNING)


def metrics_for(spec: ModelSpec, *, n: int = 400, seed: int = 0) -> dict[str, Estimate]:
    """Return the AUROC of each label on the cases of `evidence_for`, named as training names them."""
    truth, scores = scores_of(spec, n=n, seed=seed)
    areas = (auroc_interval(truth[:, index], scores[:, index]) for index in range(len(spec.labels)))
    single = len(spec.labels) == 1
    return {"auroc" if single else f"{label.name}: auroc": area for label, area in zip(spec.labels, areas, strict=True)}

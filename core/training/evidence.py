"""What a run leaves for charts: the curves of its test part and the course of its training."""

from __future__ import annotations

from core.domain import ModelSpec
from core.evaluation import confusion_matrix, label_curves
from core.models.evidence import EpochPoint, Evidence, LearningCurves
from core.training.calibration import bootstrap_samples
from core.training.loop import Fitted
from core.training.measure import BOOTSTRAPS, Answers


def gather_evidence(
    spec: ModelSpec, answers: Answers, *, seed: int, learning: LearningCurves | None = None
) -> Evidence:
    """Return the evidence behind a model's metrics; `spec` holds the SHA-256 of the weights that answered."""
    samples = list(bootstrap_samples(answers.groups, n=BOOTSTRAPS, seed=seed))
    return Evidence(
        weights_sha256=spec.sha256,
        measured_on=answers.origin,
        labels=tuple(
            label_curves(
                label.name,
                answers.truth[:, index],
                answers.scores[:, index],
                thresholds={point.name: point.threshold for point in label.operating_points},
                samples=samples,
            )
            for index, label in enumerate(spec.labels)
        ),
        confusion=confusion_matrix(
            [label.name for label in spec.labels], answers.truth.argmax(axis=1), answers.scores.argmax(axis=1)
        )
        if answers.exclusive
        else None,
        learning=learning,
    )


def learning_curves(fitted: Fitted) -> LearningCurves:
    """Return the course of a training run."""
    epochs = (
        EpochPoint(epoch.number, epoch.loss, epoch.plain, epoch.stress_mean, epoch.stress_worst)
        for epoch in fitted.epochs
    )
    return LearningCurves(tuple(epochs), kept=fitted.chosen)

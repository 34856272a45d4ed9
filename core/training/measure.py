"""The figures of a model on the test part, which nothing was fitted or chosen on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from core.domain import Calibration, Estimate, InputSpec, Label
from core.evaluation import (
    accuracy,
    auroc,
    auroc_interval,
    brier_score,
    expected_calibration_error,
    sensitivity,
    specificity,
    wilson_interval,
)
from core.models.metrics import ALL_LABELS, AMONG_FINDINGS
from core.models.network import Network
from core.models.preprocessing import to_tensor
from core.training.calibration import apply_calibration, bootstrap_samples
from core.training.dataset import Example, read_images
from core.training.stress import StressResult, stress_result
from core.training.validation import FORWARD_BATCH

Values = NDArray[np.float64]
BOOTSTRAPS = 300


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The test part with what a model says of it.

    Attributes
    ----------
    truth, scores : ndarray, (N, labels)
    groups : ndarray of int, (N,)
        Patients.
    exclusive : bool
        Whether the highest score is the answer, rather than every score standing for itself.
    """

    truth: Values
    scores: Values
    groups: NDArray[np.int64]
    exclusive: bool

    @property
    def origin(self) -> str:
        """What was measured on: "790 test images of 543 patients"."""
        return f"{len(self.groups)} test images of {len(np.unique(self.groups))} patients"


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Figures of one label on the test part.

    `figures` maps a name to its estimate; `stress` compares the conditions; `by_condition` gives sensitivity and
    specificity at the default operating point under each of them.
    """

    label: Label
    positives: int
    negatives: int
    figures: Mapping[str, Estimate]
    stress: StressResult
    by_condition: Mapping[str, tuple[Estimate, Estimate]]


def answers_from_files(network: Network, spec: InputSpec, examples: Sequence[Example]) -> Values:
    """Return the network's answers, (N, labels), to files read and prepared exactly as for a user."""
    answers, images = [], read_images(examples)
    while batch := [to_tensor(image, spec).tensor for image in islice(images, FORWARD_BATCH)]:
        with torch.inference_mode():
            answers.append(network(torch.stack(batch).contiguous(memory_format=torch.channels_last)).numpy())
    return np.concatenate(answers).astype(np.float64)


def answer(
    network: Network,
    spec: InputSpec,
    calibration: Calibration,
    examples: Sequence[Example],
    *,
    truth: Values,
    groups: NDArray[np.int64],
) -> Answers:
    """Ask a model about examples, read and prepared exactly as for a user."""
    scores = apply_calibration(answers_from_files(network, spec, examples), calibration)
    return Answers(truth, scores, groups, exclusive=calibration.activation == "softmax")


def measure(
    label: Label,
    truth: Values,
    score: Values,
    *,
    under_stress: Mapping[str, Values],
    groups: NDArray[np.int64],
    seed: int,
) -> Measured:
    """Measure one label.

    Parameters
    ----------
    truth, score : ndarray, (N,)
    under_stress : mapping of str to ndarray, (N,)
        Scores of the same cases under each condition.
    groups : ndarray of int, (N,)
        Patients, for the intervals that are drawn by resampling.
    """
    threshold = _threshold(label)
    by_condition = {
        name: (sensitivity(truth, values, threshold=threshold), specificity(truth, values, threshold=threshold))
        for name, values in under_stress.items()
    }
    positives = int(truth.sum())
    figures = figures_of(label, truth, score, groups=groups, seed=seed)
    return Measured(label, positives, len(truth) - positives, figures, stress_result(truth, under_stress), by_condition)


def figures_of(
    label: Label, truth: Values, score: Values, *, groups: NDArray[np.int64], seed: int
) -> dict[str, Estimate]:
    """Return the figures of one label by name; `core.training.card.FIGURES` says what they mean."""
    threshold, samples = _threshold(label), list(bootstrap_samples(groups, n=BOOTSTRAPS, seed=seed))

    def interval(figure: Callable[[Values, Values], float]) -> Estimate:
        return _resampled(figure, truth, score, samples)

    return {
        "auroc": auroc_interval(truth, score),
        "auroc_by_patient": interval(auroc),
        "accuracy": accuracy(truth, score, threshold=threshold),
        "sensitivity": sensitivity(truth, score, threshold=threshold),
        "specificity": specificity(truth, score, threshold=threshold),
        "expected_calibration_error": interval(expected_calibration_error),
        "brier_score": interval(brier_score),
    }


def _threshold(label: Label) -> float:
    return label.operating_point.threshold if label.operating_point else float("nan")


def figures_together(labels: Sequence[Label], answers: Answers, *, seed: int) -> dict[str, dict[str, Estimate]]:
    """Return the figures of exclusive labels together: of all cases, and of those alone that show a finding.

    The second is there where a label says that there is nothing to find, and is left with two findings at least: to
    tell "nothing" may be much easier than to tell findings apart. Scores stay as they are, so a finding that is taken
    for nothing is a mistake there too. Independent labels have no such figures.
    """
    if not answers.exclusive:
        return {}
    findings = np.array([label.is_finding for label in labels])
    together = {ALL_LABELS: _together(answers, ~np.zeros_like(findings), seed=seed)}
    if findings.sum() >= 2 and not findings.all():
        together[AMONG_FINDINGS] = _together(answers, findings, seed=seed)
    return together


def _together(answers: Answers, counted: NDArray[np.bool_], *, seed: int) -> dict[str, Estimate]:
    """Return macro AUROC and accuracy over some of the labels and the cases that show one of them."""
    shown = answers.truth[:, counted].any(axis=1)
    truth, scores, groups = answers.truth[shown], answers.scores[shown], answers.groups[shown]
    right = scores.argmax(axis=1) == truth.argmax(axis=1)

    def macro_auroc(truth: Values, scores: Values) -> float:
        return float(np.mean([auroc(*both) for both in zip(truth.T, scores.T, strict=True)]))

    samples = list(bootstrap_samples(groups, n=BOOTSTRAPS, seed=seed)) if len(groups) else []
    return {
        "macro_auroc": _resampled(macro_auroc, truth[:, counted], scores[:, counted], samples),
        "accuracy": wilson_interval(int(right.sum()), len(right)),
    }


def _resampled(
    figure: Callable[[Values, Values], float], truth: Values, score: Values, samples: Sequence[NDArray[np.int64]]
) -> Estimate:
    value = figure(truth, score)
    if np.isnan(value):
        return Estimate(value, value, value, "one of the classes is missing")
    repeated = [figure(truth[sample], score[sample]) for sample in samples]
    low, high = np.nanquantile(repeated, (0.025, 0.975))
    return Estimate(value, float(low), float(high))

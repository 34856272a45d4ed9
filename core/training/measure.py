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


def named_metrics(figures: Mapping[str, Mapping[str, Estimate]], overall: Estimate | None) -> dict[str, Estimate]:
    """Name the figures, given by label, for `model.toml`: plainly for a single label, else after the label."""
    single = len(figures) == 1
    metrics = {
        name if single else f"{label}: {name}": estimate
        for label, own in figures.items()
        for name, estimate in own.items()
    }
    return metrics if overall is None else {"accuracy": overall, **metrics}


def share_called_right(answers: Answers) -> Estimate | None:
    """Return the share of cases whose highest score is that of their label; None where labels are independent."""
    if not answers.exclusive:
        return None
    right = answers.scores.argmax(axis=1) == answers.truth.argmax(axis=1)
    return wilson_interval(int(right.sum()), len(right))


def _resampled(
    figure: Callable[[Values, Values], float], truth: Values, score: Values, samples: Sequence[NDArray[np.int64]]
) -> Estimate:
    value = figure(truth, score)
    if np.isnan(value):
        return Estimate(value, value, value, "one of the classes is missing")
    repeated = [figure(truth[sample], score[sample]) for sample in samples]
    low, high = np.nanquantile(repeated, (0.025, 0.975))
    return Estimate(value, float(low), float(high))

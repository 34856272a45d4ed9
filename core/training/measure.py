"""The figures of a model on the test part, which nothing was fitted or chosen on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.domain import Estimate, InputSpec, Label
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
from core.training.calibration import bootstrap_samples
from core.training.dataset import Example, read_example
from core.training.stress import StressResult, stress_result
from core.training.validation import FORWARD_BATCH

Values = NDArray[np.float64]
BOOTSTRAPS = 300


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
    answers = []
    for start in range(0, len(examples), FORWARD_BATCH):
        batch = [to_tensor(read_example(one.path), spec).tensor for one in examples[start : start + FORWARD_BATCH]]
        with torch.inference_mode():
            answers.append(network(torch.stack(batch).contiguous(memory_format=torch.channels_last)).numpy())
    return np.concatenate(answers).astype(np.float64)


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
    point = label.operating_point
    threshold = point.threshold if point else float("nan")
    samples = list(bootstrap_samples(groups, n=BOOTSTRAPS, seed=seed))

    def interval(figure: Callable[[Values, Values], float]) -> Estimate:
        return _resampled(figure, truth, score, samples)

    figures = {
        "auroc": auroc_interval(truth, score),
        "auroc_by_patient": interval(auroc),
        "accuracy": accuracy(truth, score, threshold=threshold),
        "sensitivity": sensitivity(truth, score, threshold=threshold),
        "specificity": specificity(truth, score, threshold=threshold),
        "expected_calibration_error": interval(expected_calibration_error),
        "brier_score": interval(brier_score),
    }
    by_condition = {
        name: (sensitivity(truth, values, threshold=threshold), specificity(truth, values, threshold=threshold))
        for name, values in under_stress.items()
    }
    positives = int(truth.sum())
    stress = stress_result(truth, under_stress)
    return Measured(label, positives, len(truth) - positives, figures, stress, by_condition)


def share_called_right(targets: Values, scores: Values) -> Estimate:
    """Return the share of cases whose highest score is that of their label, where labels exclude each other."""
    right = scores.argmax(axis=1) == targets.argmax(axis=1)
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

"""Making scores mean what they say, and choosing where they become calls. Both use validation only."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.domain import Calibration, OperatingPoint
from core.evaluation import (
    sensitivity,
    specificity,
    threshold_for_sensitivity,
    threshold_for_specificity,
    youden_threshold,
)

Values = NDArray[np.float64]
Indices = NDArray[np.int64]
Activation = Literal["sigmoid", "softmax"]

BOOTSTRAPS = 200


YOUDEN = "youden"
_TARGET = 0.95
_CRITERIA = {
    YOUDEN: "the largest sum of sensitivity and specificity",
    "sensitivity-95": "at least 95 % sensitivity",
    "specificity-95": "at least 95 % specificity",
}

OPERATING_POINTS = tuple(_CRITERIA)
"""The names of the operating points that every label gets."""


@dataclass(frozen=True, slots=True)
class Cases:
    """On what thresholds are set, in words.

    Attributes
    ----------
    name : str
        "774 validation images of 532 patients".
    changes : str
        What was done to them, "each under 14 conditions of framing"; without a comma.
    """

    name: str
    changes: str

    @property
    def origin(self) -> str:
        """All of them: the name first, and after a comma what was done."""
        return f"{self.name}, {self.changes}"


def calibrate(logits: Values, targets: Values, *, activation: Activation, origin: str) -> Calibration:
    """Fit the calibration that makes the targets most likely.

    One temperature for all labels, and for independent labels an offset each (Platt). The targets are drawn in a
    little, as Platt proposed, so that separable classes do not give an infinite slope.

    Parameters
    ----------
    logits, targets : ndarray, (N, labels)

    References
    ----------
    .. [1] Platt, "Probabilistic outputs for support vector machines", 1999.
    .. [2] Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    from scipy.optimize import minimize

    labels = logits.shape[1]
    offsets = labels if activation == "sigmoid" else 0
    aimed = _platt_targets(targets) if activation == "sigmoid" else targets

    def loss(parameters: Values) -> float:
        scaled = logits / np.exp(parameters[0]) + (parameters[1:] if offsets else 0.0)
        return _cross_entropy(scaled, aimed, activation)

    fitted = minimize(loss, np.zeros(1 + offsets), method="Nelder-Mead" if offsets <= 2 else "BFGS").x
    return Calibration(
        activation=activation,
        method="platt" if offsets else "temperature",
        temperature=float(np.exp(fitted[0])),
        bias=tuple(float(value) for value in fitted[1:]),
        origin=origin,
    )


def apply_calibration(logits: Values, calibration: Calibration) -> Values:
    """Return scores of 0 to 1, (N, labels)."""
    from scipy.special import expit, softmax

    scaled = logits / calibration.temperature + (np.array(calibration.bias) if calibration.bias else 0.0)
    return np.asarray(expit(scaled) if calibration.activation == "sigmoid" else softmax(scaled, axis=1))


def operating_points(
    truth: Values, scores: Values, *, groups: Indices, cases: Cases, seed: int
) -> tuple[OperatingPoint, ...]:
    """Set the operating points of one label; none of which nothing is known, a class being absent.

    The Youden threshold that is set on the very cases of one sample lies at an edge of that sample. Here it is the
    median over samples drawn anew from the patients, each case under every condition. The two others hold what they
    promise both for the pictures as they are and for all conditions together: of the two thresholds the one that is
    on the safe side of both.

    Parameters
    ----------
    truth : ndarray, (N,)
    scores : ndarray, (conditions, N)
        The first row is that of the pictures as they are; sensitivity and specificity are given for it.
    groups : ndarray of int, (N,)
        Patients.
    """
    samples = list(bootstrap_samples(groups, n=BOOTSTRAPS, seed=seed))
    all_truth = np.tile(truth, len(scores))
    thresholds = {
        YOUDEN: _median_youden(truth, scores, samples),
        "sensitivity-95": _on_both(min, threshold_for_sensitivity, truth, scores),
        "specificity-95": _on_both(max, threshold_for_specificity, truth, scores),
    }

    def origin(name: str, threshold: float) -> str:
        if name == YOUDEN:
            return f"{cases.name} and changed copies of them, {cases.changes}; median of {BOOTSTRAPS} resamplings"
        share, word = (sensitivity, "sensitivity") if name == "sensitivity-95" else (specificity, "specificity")
        plain, pooled = (
            share(*on, threshold=threshold).value for on in ((truth, scores[0]), (all_truth, scores.ravel()))
        )
        return f"{cases.name}, as they are ({word} {plain:.3f}) and {cases.changes} (all together: {word} {pooled:.3f})"

    return tuple(
        OperatingPoint(
            name=name,
            threshold=threshold,
            criterion=_CRITERIA[name],
            origin=origin(name, threshold),
            n=len(truth),
            sensitivity=sensitivity(truth, scores[0], threshold=threshold),
            specificity=specificity(truth, scores[0], threshold=threshold),
        )
        for name, threshold in thresholds.items()
        if not math.isnan(threshold)
    )


def _median_youden(truth: Values, scores: Values, samples: Sequence[Indices]) -> float:
    if truth.min() == truth.max():
        return math.nan
    found = [youden_threshold(np.tile(truth[sample], len(scores)), scores[:, sample].ravel()) for sample in samples]
    return float(np.clip(np.nanmedian(found), 0.0, 1.0))


def _on_both(
    safer: Callable[[float, float], float], rule: Callable[..., float], truth: Values, scores: Values
) -> float:
    """Return the safer of the thresholds for the first row and for all rows together; NaN where there is none."""
    plain = rule(truth, scores[0], target=_TARGET)
    pooled = rule(np.tile(truth, len(scores)), scores.ravel(), target=_TARGET)
    return math.nan if math.isnan(plain) else _middle_of_gap(scores, safer(plain, pooled))


def _middle_of_gap(scores: Values, threshold: float) -> float:
    """Return the middle between the scores beside a threshold: it calls the same cases, and none by a hair."""
    below = float(scores[scores < threshold].max(initial=0.0))
    above = float(scores[scores >= threshold].min(initial=1.0))
    middle = below + (above - below) / 2
    return middle if middle > below else above


def bootstrap_samples(groups: Indices, *, n: int, seed: int) -> Iterator[Indices]:
    """Yield `n` samples of indices: patients drawn with replacement, each with all of their pictures."""
    rng = np.random.default_rng([seed, 7])
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    for _ in range(n):
        drawn = rng.integers(0, len(members), len(members))
        yield np.concatenate([members[one] for one in drawn])


def _platt_targets(targets: Values) -> Values:
    positive = targets.sum(axis=0)
    negative = len(targets) - positive
    return np.asarray(np.where(targets == 1, (positive + 1) / (positive + 2), 1 / (negative + 2)))


def _cross_entropy(scaled: Values, targets: Values, activation: Activation) -> float:
    from scipy.special import log_softmax

    if activation == "softmax":
        return float(-(targets * log_softmax(scaled, axis=1)).sum(axis=1).mean())
    return float(np.mean(np.logaddexp(0, scaled) - targets * scaled))

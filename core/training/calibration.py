"""Making scores mean what they say, and choosing where they become calls. Both use validation only."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.domain import Calibration, Label, ModelSpec, OperatingPoint
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
ALIKE = 1e-3
"""Largest difference of two thresholds, or in shares of two parameters of a calibration, that rounding explains."""


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


def is_alike(calibration: Calibration, known: Calibration) -> bool:
    """Whether two calibrations are the same but for rounding."""
    as_known = replace(calibration, temperature=known.temperature, bias=known.bias)
    numbers, expected = ((one.temperature, *one.bias) for one in (calibration, known))
    return as_known == known and len(numbers) == len(expected) and np.allclose(numbers, expected, rtol=ALIKE)


def calls_alike(known: ModelSpec, calibration: Calibration, labels: Sequence[Label]) -> bool:
    """Whether a model would call what it calls at its default operating points, but for rounding."""
    found, expected = (
        [point.threshold if (point := label.operating_point) else math.nan for label in own]
        for own in (labels, known.labels)
    )
    return calibration == known.calibration and np.allclose(found, expected, rtol=0, atol=ALIKE, equal_nan=True)


def operating_points(
    truth: Values, plain: Values, changed: Values, *, groups: Indices, cases: Cases, seed: int
) -> tuple[OperatingPoint, ...]:
    """Set the operating points of one label; none of which nothing is known, a class being absent.

    The Youden threshold that is set on the very cases of one sample lies at an edge of that sample. Here it is the
    median over samples drawn anew from the patients, each case under every condition. The two others hold what they
    promise both for the pictures as they are and for all conditions together: of the two thresholds the one that is
    on the safe side of both.

    Parameters
    ----------
    truth, plain : ndarray, (N,)
        `plain` are the scores of the files as a user would give them; sensitivity and specificity are given for them.
    changed : ndarray, (conditions, N)
        Scores of the same cases under every condition.
    groups : ndarray of int, (N,)
        Patients.
    """
    samples = list(bootstrap_samples(groups, n=BOOTSTRAPS, seed=seed))
    pooled = np.tile(truth, len(changed)), changed.ravel()
    thresholds = {
        YOUDEN: _median_youden(truth, changed, samples),
        "sensitivity-95": _on_both(min, threshold_for_sensitivity, (truth, plain), pooled),
        "specificity-95": _on_both(max, threshold_for_specificity, (truth, plain), pooled),
    }

    def origin(name: str, threshold: float) -> str:
        if name == YOUDEN:
            return f"{cases.name} and changed copies of them, {cases.changes}; median of {BOOTSTRAPS} resamplings"
        share, word = (sensitivity, "sensitivity") if name == "sensitivity-95" else (specificity, "specificity")
        on_plain, on_pooled = (share(*on, threshold=threshold).value for on in ((truth, plain), pooled))
        return (
            f"{cases.name}, as they are ({word} {on_plain:.3f}) and {cases.changes} (all together: {word} "
            f"{on_pooled:.3f})"
        )

    return tuple(
        OperatingPoint(
            name=name,
            threshold=threshold,
            criterion=_CRITERIA[name],
            origin=origin(name, threshold),
            n=len(truth),
            sensitivity=sensitivity(truth, plain, threshold=threshold),
            specificity=specificity(truth, plain, threshold=threshold),
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
    safer: Callable[[float, float], float],
    rule: Callable[..., float],
    plain: tuple[Values, Values],
    pooled: tuple[Values, Values],
) -> float:
    """Return the safer of the thresholds for two sets of truth and scores; NaN where there is none."""
    thresholds = [rule(*each, target=_TARGET) for each in (plain, pooled)]
    return math.nan if np.isnan(thresholds).any() else _middle_of_gap(np.r_[plain[1], pooled[1]], safer(*thresholds))


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

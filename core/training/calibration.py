"""Making scores mean what they say, and choosing where they become calls. Both use validation only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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


_CRITERIA: Mapping[str, tuple[str, Callable[[Values, Values], float]]] = {
    "youden": ("the largest sum of sensitivity and specificity", youden_threshold),
    "sensitivity-95": ("95 % sensitivity", lambda truth, score: threshold_for_sensitivity(truth, score, target=0.95)),
    "specificity-95": ("95 % specificity", lambda truth, score: threshold_for_specificity(truth, score, target=0.95)),
}

OPERATING_POINTS = tuple(_CRITERIA)
"""The names of the operating points that every label gets."""


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
    truth: Values, scores: Values, *, groups: Indices, origin: str, seed: int
) -> tuple[OperatingPoint, ...]:
    """Set the operating points of one label.

    A threshold set on the very cases of one sample lies at an edge of that sample. Here it is the median over samples
    drawn anew from the patients, each case under every condition.

    Parameters
    ----------
    truth : ndarray, (N,)
    scores : ndarray, (conditions, N)
        The first row is that of the pictures as they are; sensitivity and specificity are given for it.
    groups : ndarray of int, (N,)
        Patients.
    """
    samples = list(bootstrap_samples(groups, n=BOOTSTRAPS, seed=seed))
    return tuple(
        _operating_point(name, truth, scores, samples=samples, origin=f"{origin}; median of {BOOTSTRAPS} resamplings")
        for name in OPERATING_POINTS
    )


def _operating_point(
    name: str, truth: Values, scores: Values, *, samples: list[Indices], origin: str
) -> OperatingPoint:
    criterion, rule = _CRITERIA[name]
    repeats = len(scores)
    found = [rule(np.tile(truth[sample], repeats), scores[:, sample].ravel()) for sample in samples]
    threshold = float(np.clip(np.nanmedian(found), 0.0, 1.0))
    return OperatingPoint(
        name=name,
        threshold=threshold,
        criterion=criterion,
        origin=origin,
        n=len(truth),
        sensitivity=sensitivity(truth, scores[0], threshold=threshold),
        specificity=specificity(truth, scores[0], threshold=threshold),
    )


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

"""Whether scores mean what they say: their distance from the truth, and from the shares that were observed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.evaluation.cases import bin_numbers, checked_probability

Values = NDArray[np.float64]

CALIBRATION_BINS = 15


def brier_score(truth: ArrayLike, probability: ArrayLike) -> float:
    """Return the mean squared distance between probability and truth; 0 is perfect, NaN without cases.

    References
    ----------
    .. [1] Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.
    """
    is_positive, values = checked_probability(truth, probability)
    return float(np.mean((values - is_positive) ** 2)) if len(values) else math.nan


def expected_calibration_error(truth: ArrayLike, probability: ArrayLike, *, bins: int = CALIBRATION_BINS) -> float:
    """Return the mean distance between stated probability and observed share over bins of equal width.

    Bins are (0, 1/bins], …, (1 − 1/bins, 1], the first one closed at 0; each counts by its number of cases. NaN
    without cases.

    References
    ----------
    .. [1] Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
    """
    return float(np.abs(calibration_gaps(truth, probability, bins=bins)).sum())


def calibration_gaps(truth: ArrayLike, probability: ArrayLike, *, bins: int = CALIBRATION_BINS) -> Values:
    """Return the sum over each bin's cases of probability − truth by the number of all cases, (bins,); NaN without."""
    is_positive, values = checked_probability(truth, probability)
    if not len(values):
        return np.full(bins, math.nan)
    return np.bincount(bin_numbers(values, bins=bins), weights=values - is_positive, minlength=bins) / len(values)


def calibration_error_interval(gaps: Values, draws: Values) -> tuple[float, float]:
    """Return the 95 % interval of a sum of absolute gaps.

    Chance alone makes gaps, and resampling makes more of them, so the percentiles of resampled sums lie above the truth
    (of a well calibrated model, always). Here the observed pattern of gaps is scaled up and down, and the interval
    holds all sums under which the observed one would not be unusual; 0 is in it unless chance cannot explain the gaps.

    Parameters
    ----------
    gaps : ndarray, (bins,)
        Sum over the cases of a bin of score − truth, divided by the number of all cases.
    draws : ndarray, (draws, bins)
        The gaps of each resampling.

    References
    ----------
    .. [1] Bröcker, Smith, "Increasing the reliability of reliability diagrams", Weather and Forecasting 22, 2007.
    .. [2] DiCiccio, Romano, "Nonparametric confidence limits by resampling methods and least favorable families",
       International Statistical Review 58, 1990.
    """
    observed = float(np.abs(gaps).sum())
    chance = draws - gaps

    def scale(level: float) -> float:
        """Return the scale at which the observed sum is this quantile."""
        if observed <= _sum_at(0.0, level):
            return 0.0
        low, high = 0.0, 1.0
        while _sum_at(high, level) < observed:
            low, high = high, 2 * high
        for _ in range(12):
            middle = (low + high) / 2
            low, high = (middle, high) if _sum_at(middle, level) < observed else (low, middle)
        return (low + high) / 2

    def _sum_at(factor: float, level: float) -> float:
        sums = np.abs(factor * gaps + chance).sum(axis=1)
        rank = round(level * (len(sums) - 1))
        return float(np.partition(sums, rank)[rank])

    return observed * scale(0.975), observed * max(scale(0.025), 1.0)

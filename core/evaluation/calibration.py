"""Whether scores mean what they say: their distance from the truth, and from the shares that were observed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from core.evaluation.cases import bin_numbers, checked_probability

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
    is_positive, values = checked_probability(truth, probability)
    if not len(values):
        return math.nan
    gap = np.bincount(bin_numbers(values, bins=bins), weights=values - is_positive, minlength=bins)
    return float(np.abs(gap).sum() / len(values))

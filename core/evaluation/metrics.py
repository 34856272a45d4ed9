"""How far a score can be trusted: discrimination, thresholds, calibration, each with its 95 % interval.

Plain functions of the truth and the score; everything else is keyword-only. `truth` is 1 (or True) where the finding
is present. A figure that the data do not define is NaN, and the reason is in `Estimate.undefined`: a share of nothing
is not 0.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.domain import Estimate
from core.evaluation.cases import (
    NO_CASE,
    NO_NEGATIVE,
    NO_POSITIVE,
    bin_numbers,
    by_class,
    checked,
    checked_probability,
    missing_class,
)

Z_95 = 1.959963984540054
"""Standard normal quantile at 97.5 %."""


# ── Discrimination ────────────────────────────────────────────────────────────────────────────────────────────────


def auroc(truth: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the ROC curve: the chance that a positive case scores higher than a negative one.

    Ties count half. NaN where one of the classes is missing.
    """
    positive, negative = by_class(truth, score)
    if not len(positive) or not len(negative):
        return math.nan
    return float(_placements(positive, negative)[0].mean())


def auroc_interval(truth: ArrayLike, score: ArrayLike) -> Estimate:
    """Return the area under the ROC curve with its 95 % interval by DeLong's variance, cut to 0–1.

    Where every positive case scores higher than every negative one (or the reverse) the variance is 0 and the method
    has no interval: low and high are then NaN, with the reason.

    References
    ----------
    .. [1] DeLong, DeLong, Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating
       characteristic curves", Biometrics 44, 1988.
    .. [2] Sun, Xu, "Fast implementation of DeLong's algorithm", IEEE Signal Processing Letters 21, 2014.
    """
    positive, negative = by_class(truth, score)
    reason = missing_class(len(positive), len(negative))
    if reason:
        return _undefined(reason)
    of_positive, of_negative = _placements(positive, negative)
    area = float(of_positive.mean())
    if min(len(positive), len(negative)) < 2:
        return Estimate(area, math.nan, math.nan, "an interval needs two cases of each class")
    variance = of_positive.var(ddof=1) / len(positive) + of_negative.var(ddof=1) / len(negative)
    if variance <= 0:
        return Estimate(area, math.nan, math.nan, "the classes are separated completely, so the variance is 0")
    reach = Z_95 * math.sqrt(variance)
    return Estimate(area, max(0.0, area - reach), min(1.0, area + reach))


def _placements(
    positive: NDArray[np.float64], negative: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each positive, the share of negatives below it; for each negative, that of positives above it."""
    from scipy.stats import rankdata

    m, n = len(positive), len(negative)
    together = rankdata(np.concatenate([positive, negative]))
    of_positive = (together[:m] - rankdata(positive)) / n
    of_negative = 1 - (together[m:] - rankdata(negative)) / m
    return of_positive, of_negative


# ── Shares ────────────────────────────────────────────────────────────────────────────────────────────────────────


def wilson_interval(successes: int, n: int) -> Estimate:
    """Return the share `successes / n` with Wilson's 95 % score interval.

    References
    ----------
    .. [1] Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a share")
    if n == 0:
        return _undefined(NO_CASE)
    share, z2 = successes / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # Rounding must not lift the end of the interval off 0 or 1, where the formula puts it exactly.
    low = 0.0 if successes == 0 else max(0.0, centre - reach)
    high = 1.0 if successes == n else min(1.0, centre + reach)
    return Estimate(share, low, high)


def sensitivity(truth: ArrayLike, score: ArrayLike, *, threshold: float) -> Estimate:
    """Return the share of positive cases with `score ≥ threshold`, with Wilson's interval."""
    positive, _ = by_class(truth, score)
    return _share(positive >= threshold, NO_POSITIVE)


def specificity(truth: ArrayLike, score: ArrayLike, *, threshold: float) -> Estimate:
    """Return the share of negative cases with `score < threshold`, with Wilson's interval."""
    _, negative = by_class(truth, score)
    return _share(negative < threshold, NO_NEGATIVE)


def accuracy(truth: ArrayLike, score: ArrayLike, *, threshold: float) -> Estimate:
    """Return the share of cases that are called rightly at `score ≥ threshold`, with Wilson's interval."""
    is_positive, values = checked(truth, score)
    return _share((values >= threshold) == is_positive, NO_CASE)


def _share(hits: NDArray[np.bool_], reason: str) -> Estimate:
    return wilson_interval(int(hits.sum()), len(hits)) if len(hits) else _undefined(reason)


# ── Thresholds ────────────────────────────────────────────────────────────────────────────────────────────────────


def youden_threshold(truth: ArrayLike, score: ArrayLike) -> float:
    """Return the threshold that maximises sensitivity + specificity − 1, in the middle of the gap where it does.

    A threshold on a score that was seen would be at the very edge of what is called positive; every value down to the
    next lower score calls the same cases, and the middle of that gap is the least arbitrary. Of several equal maxima
    the lowest is taken, which misses the fewest cases. NaN where one of the classes is missing.

    References
    ----------
    .. [1] Youden, "Index for rating diagnostic tests", Cancer 3, 1950.
    """
    positive, negative = by_class(truth, score)
    if not len(positive) or not len(negative):
        return math.nan
    values = np.unique(np.concatenate([positive, negative]))
    found = 1 - np.searchsorted(np.sort(positive), values, side="left") / len(positive)
    spared = np.searchsorted(np.sort(negative), values, side="left") / len(negative)
    best = int(np.argmax(found + spared))
    return float(values[best] if best == 0 else (values[best] + values[best - 1]) / 2)


def threshold_for_sensitivity(truth: ArrayLike, score: ArrayLike, *, target: float) -> float:
    """Return the highest threshold at which at least `target` of the positive cases are found; NaN without any."""
    positive, _ = by_class(truth, score)
    if not len(positive):
        return math.nan
    needed = _cases_needed(target, len(positive))
    return float(np.sort(positive)[::-1][needed - 1]) if needed else math.nextafter(float(positive.max()), math.inf)


def threshold_for_specificity(truth: ArrayLike, score: ArrayLike, *, target: float) -> float:
    """Return the lowest threshold at which at least `target` of the negative cases are spared; NaN without any."""
    _, negative = by_class(truth, score)
    if not len(negative):
        return math.nan
    needed = _cases_needed(target, len(negative))
    ordered = np.sort(negative)
    return math.nextafter(float(ordered[needed - 1]), math.inf) if needed else float(ordered[0])


def _cases_needed(target: float, n: int) -> int:
    if not 0 <= target <= 1:
        raise ValueError(f"a share lies between 0 and 1, not at {target}")
    # 0.95 · 20 is 19.000000000000004 in binary and must not ask for a twentieth case.
    return math.ceil(target * n - 1e-9)


# ── Calibration ───────────────────────────────────────────────────────────────────────────────────────────────────


def brier_score(truth: ArrayLike, probability: ArrayLike) -> float:
    """Return the mean squared distance between probability and truth; 0 is perfect, NaN without cases.

    References
    ----------
    .. [1] Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.
    """
    is_positive, values = checked_probability(truth, probability)
    return float(np.mean((values - is_positive) ** 2)) if len(values) else math.nan


def expected_calibration_error(truth: ArrayLike, probability: ArrayLike, *, bins: int = 15) -> float:
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


def _undefined(reason: str) -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, reason)

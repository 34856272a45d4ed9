"""The area under the ROC curve with DeLong's interval, for one model and for two on the same cases.

Where patients have several cases the variance is Obuchowski's, which adds up what the cases of a patient say before
it is squared; with one case a patient it is DeLong's.

References
----------
.. [1] DeLong, DeLong, Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating
   characteristic curves", Biometrics 44, 1988.
.. [2] Sun, Xu, "Fast implementation of DeLong's algorithm", IEEE Signal Processing Letters 21, 2014.
.. [3] Obuchowski, "Nonparametric analysis of clustered ROC curve data", Biometrics 53, 1997.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.domain import Estimate
from core.evaluation.cases import by_class, checked, missing_class
from core.evaluation.patients import Indices, Values, count_patients, patient_numbers, sum_by_patient
from core.evaluation.shares import Z_95

TOO_FEW = "an interval needs two patients with the finding and two without"
SEPARATED = "the classes are separated completely, so the variance is 0"
ALIKE = "the cases do not differ in how they rank, so the variance is 0"


@dataclass(frozen=True, slots=True)
class AurocComparison:
    """The areas of two models on the same cases; `p` is two-sided, NaN where `difference` has no interval.

    `difference` is the first area minus the second.
    """

    first: Estimate
    second: Estimate
    difference: Estimate
    p: float


def auroc(truth: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the ROC curve: the chance that a positive case scores higher than a negative one.

    Ties count half. NaN where one of the classes is missing.
    """
    positive, negative = by_class(truth, score)
    if not len(positive) or not len(negative):
        return math.nan
    return float(_share_below(negative, positive).mean())


def auroc_interval(truth: ArrayLike, score: ArrayLike, *, patients: ArrayLike | None = None) -> Estimate:
    """Return the area under the ROC curve with its 95 % interval, cut to 0–1.

    Where every positive case scores higher than every negative one (or the reverse) the variance is 0 and the method
    has no interval: low and high are then NaN, with the reason.

    Parameters
    ----------
    patients : array-like, (N,), optional
        The patient of each case, where some have several.
    """
    is_positive, values = checked(truth, score)
    reason = missing_class(int(is_positive.sum()), int((~is_positive).sum()))
    if reason:
        return Estimate(math.nan, math.nan, math.nan, reason)
    return _interval(*area_and_variance(is_positive, values, patient_numbers(patients, n=len(values))), low=0.0)


def area_and_variance(is_positive: NDArray[np.bool_], score: Values, numbers: Indices) -> tuple[float, float]:
    """Return the area and its variance; the variance is NaN with fewer than two patients of either class.

    Both classes must be there; `numbers` are those of the patients, (N,).
    """
    placed = placements(is_positive, score)
    return float(placed[is_positive].mean()), _variance(is_positive, placed, numbers)


def compare_auroc(
    truth: ArrayLike, first: ArrayLike, second: ArrayLike, *, patients: ArrayLike | None = None
) -> AurocComparison:
    """Compare the areas of two models that scored the same cases.

    The variance of the difference is that of the differences of the cases' placements, so what both models find hard
    is not counted twice.
    """
    is_positive, _ = checked(truth, first)
    one, other = (auroc_interval(truth, scores, patients=patients) for scores in (first, second))
    if math.isnan(one.value):
        return AurocComparison(one, other, difference=one, p=math.nan)
    numbers = patient_numbers(patients, n=len(is_positive))
    placed = placements(is_positive, checked(truth, first)[1]) - placements(is_positive, checked(truth, second)[1])
    variance = _variance(is_positive, placed, numbers)
    value = one.value - other.value
    difference = _interval(value, variance, low=-1.0)
    p = math.nan if math.isnan(difference.low) else math.erfc(abs(value) / math.sqrt(2 * variance))
    return AurocComparison(one, other, difference=difference, p=p)


def placements(is_positive: NDArray[np.bool_], score: Values) -> Values:
    """Return, for each positive case, the share of negatives below it; for each negative, of positives above it.

    Ties count half; both classes must be there.
    """
    placed = np.empty(len(score))
    placed[is_positive] = _share_below(score[~is_positive], score[is_positive])
    placed[~is_positive] = 1 - _share_below(score[is_positive], score[~is_positive])
    return placed


def _share_below(others: Values, values: Values) -> Values:
    ordered = np.sort(others)
    below = np.searchsorted(ordered, values, side="left") + np.searchsorted(ordered, values, side="right")
    return np.asarray(below / (2 * len(others)))


def _variance(is_positive: NDArray[np.bool_], placed: Values, numbers: Indices) -> float:
    """Return the variance of an area, or of a difference of areas, from its placements; NaN with too few patients.

    Parameters
    ----------
    placed : ndarray, (N,)
        Placements, or the differences of two models' placements.
    numbers : ndarray of int, (N,)
        The patient of each case.
    """
    patients = int(numbers.max()) + 1
    area = placed[is_positive].mean()
    sums, counts = [], []
    for kind in (is_positive, ~is_positive):
        counts.append(count_patients(numbers[kind]))
        sums.append(sum_by_patient(placed[kind] - area, numbers[kind], patients=patients) / kind.sum())
    if min(counts) < 2:
        return math.nan
    of_positive, of_negative = sums
    both = count_patients(numbers)
    own = sum(count / (count - 1) * float((part**2).sum()) for count, part in zip(counts, sums, strict=True))
    return own + 2 * both / (both - 1) * float((of_positive * of_negative).sum())


def _interval(value: float, variance: float, *, low: float) -> Estimate:
    """Return the value with its interval, cut to low–1."""
    if math.isnan(variance):
        return Estimate(value, math.nan, math.nan, TOO_FEW)
    # What is left of a variance of 0 after rounding is no interval.
    if variance < 1e-20:
        return Estimate(value, math.nan, math.nan, SEPARATED if low == 0.0 and value in (0.0, 1.0) else ALIKE)
    reach = Z_95 * math.sqrt(variance)
    return Estimate(value, max(low, value - reach), min(1.0, value + reach))

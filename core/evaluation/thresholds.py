"""Where a score becomes a call: thresholds for an aim, from the cases of a labelled set."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.evaluation.cases import by_class

Values = NDArray[np.float64]


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
    thresholds, found, spared = _choices(positive, negative)
    return float(thresholds[np.argmax(found + spared)])


def lowest_cost_threshold(
    truth: ArrayLike, score: ArrayLike, *, miss: float, false_alarm: float, prevalence: float | None = None
) -> float:
    """Return the threshold at which mistakes cost least, in the middle of the gap where they do.

    The cost of a case is expected to be `prevalence · miss · (1 − sensitivity) + (1 − prevalence) · false_alarm ·
    (1 − specificity)`. To call every case, or none (a threshold above all scores), may be the best that can be done.
    Of several equal thresholds the lowest is taken, which misses the fewest cases. NaN where one of the classes is
    missing.

    Parameters
    ----------
    miss, false_alarm : float
        What each of these mistakes costs, in any unit, not negative.
    prevalence : float, optional
        Share of cases with the finding where the model will be used, 0 to 1; that of the given cases without it.

    References
    ----------
    .. [1] Metz, "Basic principles of ROC analysis", Seminars in Nuclear Medicine 8, 1978.
    """
    positive, negative = by_class(truth, score)
    if not (math.isfinite(miss) and math.isfinite(false_alarm) and miss >= 0 and false_alarm >= 0):
        raise ValueError(f"costs are numbers of 0 or more, not {miss} and {false_alarm}")
    if prevalence is not None and not 0 <= prevalence <= 1:
        raise ValueError(f"a prevalence lies between 0 and 1, not at {prevalence}")
    if not len(positive) or not len(negative):
        return math.nan
    share = len(positive) / (len(positive) + len(negative)) if prevalence is None else prevalence
    thresholds, found, spared = _choices(positive, negative)
    cost = share * miss * (1 - found) + (1 - share) * false_alarm * (1 - spared)
    # Rounding must not decide between thresholds that cost the same.
    return float(thresholds[np.argmax(cost <= cost.min() + 1e-12 * max(miss, false_alarm))])


def _choices(positive: Values, negative: Values) -> tuple[Values, Values, Values]:
    """Return all thresholds that call different cases, rising, with the sensitivity and specificity of each.

    The first calls every case, the last none; the others lie in the middle between two scores that were seen.
    """
    values = np.unique(np.concatenate([positive, negative]))
    middle = values[:-1] + np.diff(values) / 2
    # Between neighbouring numbers there is no middle: the upper one calls the same cases.
    middle = np.where(middle > values[:-1], middle, values[1:])
    thresholds = np.concatenate([values[:1], middle, [math.nextafter(float(values[-1]), math.inf)]])
    found = 1 - np.searchsorted(np.sort(positive), thresholds, side="left") / len(positive)
    spared = np.searchsorted(np.sort(negative), thresholds, side="left") / len(negative)
    return thresholds, found, spared


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

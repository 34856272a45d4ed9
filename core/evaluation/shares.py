"""Shares of cases, each with Wilson's 95 % interval.

Plain functions of the truth and the score; everything else is keyword-only. `truth` is 1 (or True) where the finding
is present. A share of nothing is NaN, not 0, and the reason is in `Estimate.undefined`. Where patients have several
cases the interval is that of the number of independent cases that would tell as much.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.domain import Estimate
from core.evaluation.cases import NO_CALL, NO_CASE, NO_NEGATIVE, NO_POSITIVE, NO_SPARED, checked
from core.evaluation.patients import effective_number, patient_numbers

Z_95 = 1.959963984540054
"""Standard normal quantile at 97.5 %."""


def wilson_interval(successes: int, n: int) -> Estimate:
    """Return the share `successes / n` with Wilson's 95 % score interval.

    References
    ----------
    .. [1] Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a share")
    return _wilson(successes / n, n) if n else Estimate(math.nan, math.nan, math.nan, NO_CASE)


def _wilson(value: float, n: float) -> Estimate:
    z2 = Z_95**2
    centre = (value + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z_95 / (1 + z2 / n) * math.sqrt(value * (1 - value) / n + z2 / (4 * n * n))
    # Rounding must not lift the end of the interval off 0 or 1, where the formula puts it exactly.
    low = 0.0 if value == 0 else max(0.0, centre - reach)
    high = 1.0 if value == 1 else min(1.0, centre + reach)
    return Estimate(value, low, high)


def sensitivity(truth: ArrayLike, score: ArrayLike, *, threshold: float, patients: ArrayLike | None = None) -> Estimate:
    """Return the share of positive cases with `score ≥ threshold`."""
    is_positive, values = checked(truth, score)
    return share(values >= threshold, among=is_positive, patients=patients, reason=NO_POSITIVE)


def specificity(truth: ArrayLike, score: ArrayLike, *, threshold: float, patients: ArrayLike | None = None) -> Estimate:
    """Return the share of negative cases with `score < threshold`."""
    is_positive, values = checked(truth, score)
    return share(values < threshold, among=~is_positive, patients=patients, reason=NO_NEGATIVE)


def ppv(truth: ArrayLike, score: ArrayLike, *, threshold: float, patients: ArrayLike | None = None) -> Estimate:
    """Return the positive predictive value: the share of cases with `score ≥ threshold` that have the finding."""
    is_positive, values = checked(truth, score)
    return share(is_positive, among=values >= threshold, patients=patients, reason=NO_CALL)


def npv(truth: ArrayLike, score: ArrayLike, *, threshold: float, patients: ArrayLike | None = None) -> Estimate:
    """Return the negative predictive value: the share of cases with `score < threshold` without the finding."""
    is_positive, values = checked(truth, score)
    return share(~is_positive, among=values < threshold, patients=patients, reason=NO_SPARED)


def accuracy(truth: ArrayLike, score: ArrayLike, *, threshold: float, patients: ArrayLike | None = None) -> Estimate:
    """Return the share of cases that are called rightly at `score ≥ threshold`."""
    is_positive, values = checked(truth, score)
    return share((values >= threshold) == is_positive, patients=patients, reason=NO_CASE)


def share(
    hits: NDArray[np.bool_],
    *,
    reason: str,
    among: NDArray[np.bool_] | None = None,
    patients: ArrayLike | None = None,
) -> Estimate:
    """Return the share of hits among some of the cases; undefined for that reason where there are none.

    Parameters
    ----------
    hits, among : ndarray of bool, (N,)
        `among` says which cases count; all without it.
    patients : array-like, (N,), optional
        The patient of each case, where some have several.
    """
    counted = np.ones(len(hits), dtype=np.bool_) if among is None else among
    own = hits[counted]
    if not len(own):
        return Estimate(math.nan, math.nan, math.nan, reason if len(hits) else NO_CASE)
    if patients is None:
        return wilson_interval(int(own.sum()), len(own))
    numbers = patient_numbers(patients, n=len(hits))[counted]
    return _wilson(float(own.mean()), effective_number(own, numbers))

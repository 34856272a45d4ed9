"""Predictive values where the model will be used: at a prevalence that the user sets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.domain import Estimate
from core.evaluation.cases import NO_CALL, NO_SPARED, checked, missing_class
from core.evaluation.patients import Indices, effective_number, patient_numbers
from core.evaluation.shares import Z_95


@dataclass(frozen=True, slots=True)
class PredictiveValues:
    """PPV and NPV at a prevalence."""

    prevalence: float
    ppv: Estimate
    npv: Estimate


@dataclass(frozen=True, slots=True)
class _Rate:
    """A share of n cases, and the same with half a success and half a failure more, so that it is never 0 or 1."""

    value: float
    n: float

    @property
    def drawn_in(self) -> float:
        return (self.value * self.n + 0.5) / (self.n + 1)

    @property
    def relative_variance(self) -> float:
        """Variance of the logarithm of the share."""
        return (1 - self.drawn_in) / (self.drawn_in * (self.n + 1))

    @property
    def rest(self) -> _Rate:
        return _Rate(1 - self.value, self.n)


def predictive_values(
    truth: ArrayLike, score: ArrayLike, *, threshold: float, prevalence: float, patients: ArrayLike | None = None
) -> PredictiveValues:
    """Return PPV and NPV of `score ≥ threshold` at a prevalence, by Bayes's rule from sensitivity and specificity.

    The intervals are those of the logit of the predictive value; the prevalence is taken as known. Half a success and
    half a failure are added to either share: with more, as the paper proposes for shares near 1, the intervals hold
    the truth in 73 to 95 % of simulated sets, with a half in 94 to 96 %. Where patients have several cases,
    sensitivity and specificity count as those of as many independent cases as would tell as much.

    Parameters
    ----------
    prevalence : float
        Share of the cases with the finding, between 0 and 1 and neither.
    patients : array-like, (N,), optional
        The patient of each case, where some have several.

    References
    ----------
    .. [1] Mercaldo, Lau, Zhou, "Confidence intervals for predictive values with an emphasis to case-control studies",
       Statistics in Medicine 26, 2007.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"a prevalence lies between 0 and 1 and is neither, not {prevalence}")
    is_positive, values = checked(truth, score)
    reason = missing_class(int(is_positive.sum()), int((~is_positive).sum()))
    if reason:
        nothing = Estimate(math.nan, math.nan, math.nan, reason)
        return PredictiveValues(prevalence, nothing, nothing)
    numbers = patient_numbers(patients, n=len(values))
    found = _rate(values[is_positive] >= threshold, numbers[is_positive])
    spared = _rate(values[~is_positive] < threshold, numbers[~is_positive])
    odds = float(prevalence / (1 - prevalence))
    return PredictiveValues(
        float(prevalence),
        ppv=_predictive(found, spared.rest, odds=odds, reason=NO_CALL),
        npv=_predictive(spared, found.rest, odds=1 / odds, reason=NO_SPARED),
    )


def _rate(hits: NDArray[np.bool_], numbers: Indices) -> _Rate:
    return _Rate(float(hits.mean()), effective_number(hits, numbers))


def _predictive(right: _Rate, wrong: _Rate, *, odds: float, reason: str) -> Estimate:
    """Return odds · right / (odds · right + wrong) with its interval."""
    if right.value == wrong.value == 0:
        return Estimate(math.nan, math.nan, math.nan, reason)
    value = odds * right.value / (odds * right.value + wrong.value)
    centre = math.log(odds * right.drawn_in / wrong.drawn_in)
    reach = Z_95 * math.sqrt(right.relative_variance + wrong.relative_variance)
    low, high = (1 / (1 + math.exp(-logit)) for logit in (centre - reach, centre + reach))
    return Estimate(value, min(low, value), max(high, value))

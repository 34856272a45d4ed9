"""The cases that every figure is made of: the truth of each and its score, checked before they are used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.evaluation.patients import Indices, count_patients, patient_numbers

NO_POSITIVE = "no case with the finding"
NO_NEGATIVE = "no case without the finding"
NO_CASE = "no case"
NO_CALL = "no case is called positive"
NO_SPARED = "no case is called negative"
NO_THRESHOLD = "no operating point"
"""Why a figure does not exist."""

NOT_A_NUMBER = "a score is not a number; leave such cases out and report them"
NOT_0_TO_1 = "a probability lies between 0 and 1"


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """A labelled set with a model's scores.

    Attributes
    ----------
    labels : tuple of str, (L,)
    truth : ndarray of float64, (N, L)
        1 where the finding is present, 0 where it is not, NaN where nobody knows; such a case is left out for that
        label.
    scores : ndarray of float64, (N, L)
        0 to 1.
    patients : ndarray of int64, (N,)
        The patient of each case, as a number from 0; in the order of the scores, not of the cases.
    """

    labels: tuple[str, ...]
    truth: NDArray[np.float64]
    scores: NDArray[np.float64]
    patients: Indices

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def patient_count(self) -> int:
        """How many different patients there are."""
        return count_patients(self.patients)

    def of_label(self, index: int) -> tuple[NDArray[np.bool_], NDArray[np.float64], Indices]:
        """Return truth, scores and patients of the cases for which this label's truth is known."""
        known = ~np.isnan(self.truth[:, index])
        return self.truth[known, index] == 1, self.scores[known, index], self.patients[known]

    def chosen(self, mask: NDArray[np.bool_]) -> Cases:
        """Return some of the cases."""
        _, patients = np.unique(self.patients[mask], return_inverse=True)
        return Cases(self.labels, self.truth[mask], self.scores[mask], patients)


def as_cases(truth: ArrayLike, scores: ArrayLike, labels: Sequence[str], *, patients: ArrayLike | None = None) -> Cases:
    """Return the set of labelled cases; ValueError where its parts do not fit together.

    Parameters
    ----------
    truth : array-like, (N, L)
        0 or 1; NaN where it is not known.
    scores : array-like, (N, L)
        0 to 1.
    patients : array-like, (N,), optional
        The patient of each case; each case is a patient of its own without it.
    """
    known, values = np.asarray(truth, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    expected = (len(known), len(labels))
    if known.shape != expected or values.shape != expected:
        raise ValueError(f"truth {known.shape} and scores {values.shape} must be cases × labels, {expected}")
    if not np.isin(known[~np.isnan(known)], (0, 1)).all():
        raise ValueError("the truth of a case is 0 or 1, or NaN where it is not known")
    if np.isnan(values).any():
        raise ValueError(NOT_A_NUMBER)
    if values.size and (values.min() < 0 or values.max() > 1):
        raise ValueError(NOT_0_TO_1)
    numbers = _in_order_of_scores(known, values, patient_numbers(patients, n=len(known)))
    return Cases(tuple(labels), known, values, numbers)


def _in_order_of_scores(truth: NDArray[np.float64], scores: NDArray[np.float64], patients: Indices) -> Indices:
    """Return new numbers of the patients, by their cases: draws then do not depend on the order in which cases come."""
    order = np.lexsort((patients, *np.nan_to_num(truth.T, nan=-1.0), *scores.T))
    _, first = np.unique(patients[order], return_index=True)
    number = np.empty(len(first), dtype=np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    return number[patients]


def checked(truth: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return truth and score as arrays of the same length; ValueError where they are not."""
    is_positive, values = _as_bool(truth), np.asarray(score, dtype=np.float64)
    if is_positive.ndim != 1 or is_positive.shape != values.shape:
        raise ValueError(f"truth {is_positive.shape} and score {values.shape} must be lists of the same length")
    if np.isnan(values).any():
        raise ValueError(NOT_A_NUMBER)
    return is_positive, values


def checked_probability(truth: ArrayLike, probability: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return truth and score as arrays; ValueError where a score lies outside 0 to 1."""
    is_positive, values = checked(truth, probability)
    if len(values) and (values.min() < 0 or values.max() > 1):
        raise ValueError(NOT_0_TO_1)
    return is_positive, values


def by_class(truth: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scores of the cases with the finding, and of those without."""
    is_positive, values = checked(truth, score)
    return values[is_positive], values[~is_positive]


def missing_class(positives: int, negatives: int) -> str:
    """Say which kind of case there is none of; empty where there are both."""
    if not positives + negatives:
        return NO_CASE
    if not positives:
        return NO_POSITIVE
    return "" if negatives else NO_NEGATIVE


def bin_numbers(values: NDArray[np.float64], *, bins: int) -> NDArray[np.int64]:
    """Return the bin of each value of 0 to 1: (0, 1/bins], …, (1 − 1/bins, 1], the first one closed at 0."""
    return np.asarray(np.clip(np.ceil(values * bins) - 1, 0, bins - 1), dtype=np.int64)


def _as_bool(truth: ArrayLike) -> NDArray[np.bool_]:
    values: NDArray[Any] = np.asarray(truth)
    if values.size and not np.isin(values, (0, 1)).all():
        raise ValueError("the truth of a case is 0 or 1")
    return values.astype(np.bool_)

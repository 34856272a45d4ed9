"""The cases that every figure is made of: the truth of each and its score, checked before they are used."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

NO_POSITIVE = "no case with the finding"
NO_NEGATIVE = "no case without the finding"
NO_CASE = "no case"
NO_CALL = "no case is called positive"
NO_SPARED = "no case is called negative"
NO_THRESHOLD = "no operating point"
"""Why a figure does not exist."""


def checked(truth: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return truth and score as arrays of the same length; ValueError where they are not."""
    is_positive, values = _as_bool(truth), np.asarray(score, dtype=np.float64)
    if is_positive.ndim != 1 or is_positive.shape != values.shape:
        raise ValueError(f"truth {is_positive.shape} and score {values.shape} must be lists of the same length")
    if np.isnan(values).any():
        raise ValueError("a score is not a number; leave such cases out and report them")
    return is_positive, values


def checked_probability(truth: ArrayLike, probability: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return truth and score as arrays; ValueError where a score lies outside 0 to 1."""
    is_positive, values = checked(truth, probability)
    if len(values) and (values.min() < 0 or values.max() > 1):
        raise ValueError("a probability lies between 0 and 1")
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

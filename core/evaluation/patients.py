"""Which cases come from the same patient: such cases are alike, and an interval must not count them as if apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Indices = NDArray[np.int64]


def patient_numbers(patients: ArrayLike | None, *, n: int) -> Indices:
    """Return a number from 0 for the patient of each case, (N,).

    Parameters
    ----------
    patients : array-like, (N,), or None
        Any names or numbers. A case whose patient is not known (None, NaN, an empty text) counts as a patient of its
        own; None where nothing is known of any.
    """
    if patients is None:
        return np.arange(n, dtype=np.int64)
    names: NDArray[Any] = np.asarray(patients)
    if names.shape != (n,):
        raise ValueError(f"patients {names.shape} must be a list of as many as there are cases, {n}")
    known = ~_unknown(names)
    different, numbers = np.unique(
        names[known].astype(str if names.dtype == object else names.dtype), return_inverse=True
    )
    result = np.empty(n, dtype=np.int64)
    result[known] = numbers
    result[~known] = len(different) + np.arange(n - len(numbers))
    return result


def _unknown(names: NDArray[Any]) -> NDArray[np.bool_]:
    if names.dtype == object:
        return np.array([name is None or name == "" for name in names], dtype=np.bool_)
    if names.dtype.kind == "f":
        return np.asarray(np.isnan(names))
    return np.asarray(names == "") if names.dtype.kind == "U" else np.zeros(len(names), dtype=np.bool_)


def count_patients(numbers: Indices) -> int:
    """Return how many different patients there are."""
    return int(np.count_nonzero(np.bincount(numbers)))


def sum_by_patient(values: Values, numbers: Indices, *, patients: int) -> Values:
    """Return the sum of each patient's values, (patients,)."""
    return np.asarray(np.bincount(numbers, weights=values, minlength=patients), dtype=np.float64)


def effective_number(hits: NDArray[np.bool_], numbers: Indices) -> float:
    """Return how many cases of different patients would tell as much of a share as these cases do.

    The number of cases by the design effect: the variance of the share, patients taken whole, by that of independent
    cases. Never more than there are cases. Where all cases or none are hits the data cannot tell how alike the cases
    of a patient are; each patient then counts once.

    Parameters
    ----------
    hits : ndarray of bool, (N,)
    numbers : ndarray of int, (N,)
        The patient of each case.

    References
    ----------
    .. [1] Rao, Scott, "A simple method for the analysis of clustered binary data", Biometrics 48, 1992.
    """
    _, numbers = np.unique(numbers, return_inverse=True)
    n, patients = len(hits), int(numbers.max(initial=-1)) + 1
    if patients == n or patients < 2:
        return float(patients)
    share = float(hits.mean())
    if share in (0.0, 1.0):
        return float(patients)
    surplus = sum_by_patient(np.asarray(hits - share, dtype=np.float64), numbers, patients=patients)
    variance = patients / (patients - 1) * float((surplus**2).sum()) / n**2
    return n / max(1.0, variance / (share * (1 - share) / n))

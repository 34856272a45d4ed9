"""Figures of the four cells of a call: found, missed, called falsely, spared.

Arrays of cells have them on their last axis in the order true positives, false negatives, false positives, true
negatives, so that one function serves one table and thousands of resampled ones. What the cells do not define is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from core.evaluation.cases import NO_CALL, NO_CASE, NO_NEGATIVE, NO_POSITIVE, NO_SPARED

Values = NDArray[np.float64]

ONE_KIND = "all cases, or all calls, are of one kind"
NOTHING_TO_FIND = "no case has the finding or is called positive"


def _sensitivity(cells: Values) -> Values:
    found, missed, _, _ = _columns(cells)
    return found / (found + missed)


def _specificity(cells: Values) -> Values:
    _, _, alarms, spared = _columns(cells)
    return spared / (spared + alarms)


def _ppv(cells: Values) -> Values:
    found, _, alarms, _ = _columns(cells)
    return found / (found + alarms)


def _npv(cells: Values) -> Values:
    _, missed, _, spared = _columns(cells)
    return spared / (spared + missed)


def _f1(cells: Values) -> Values:
    found, missed, alarms, _ = _columns(cells)
    return 2 * found / (2 * found + missed + alarms)


def _balanced_accuracy(cells: Values) -> Values:
    return (_sensitivity(cells) + _specificity(cells)) / 2


def _accuracy(cells: Values) -> Values:
    found, _, _, spared = _columns(cells)
    return np.asarray((found + spared) / cells.sum(axis=-1))


def _mcc(cells: Values) -> Values:
    """Matthews's correlation of calls and truth (Biochimica et Biophysica Acta 405, 1975)."""
    found, missed, alarms, spared = _columns(cells)
    sides = (found + missed) * (found + alarms) * (spared + missed) * (spared + alarms)
    return (found * spared - missed * alarms) / np.sqrt(sides)


def _kappa(cells: Values) -> Values:
    """Cohen's agreement of calls and truth beyond chance (Educational and Psychological Measurement 20, 1960)."""
    found, missed, alarms, spared = _columns(cells)
    by_chance = (found + missed) * (found + alarms) + (spared + missed) * (spared + alarms)
    return np.asarray(2 * (found * spared - missed * alarms) / (cells.sum(axis=-1) ** 2 - by_chance))


def _columns(cells: Values) -> tuple[Values, Values, Values, Values]:
    return cells[..., 0], cells[..., 1], cells[..., 2], cells[..., 3]


_FIGURES: Mapping[str, Callable[[Values], Values]] = {
    "sensitivity": _sensitivity,
    "specificity": _specificity,
    "ppv": _ppv,
    "npv": _npv,
    "f1": _f1,
    "balanced_accuracy": _balanced_accuracy,
    "accuracy": _accuracy,
    "mcc": _mcc,
    "kappa": _kappa,
}

CELL_FIGURES = tuple(_FIGURES)
"""The names of the figures that four cells define."""


def cell_figure(name: str, cells: Values) -> Values:
    """Return one of `CELL_FIGURES` of cells, (…, 4) → (…)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(_FIGURES[name](np.asarray(cells, dtype=np.float64)))


def why_undefined(name: str, cells: NDArray[np.int64]) -> str:
    """Say why these cells, (4,), do not define a figure."""
    found, missed, alarms, spared = (int(count) for count in cells)
    if not found + missed + alarms + spared:
        return NO_CASE
    one_class = NO_NEGATIVE if found + missed else NO_POSITIVE
    reasons = {"ppv": NO_CALL, "npv": NO_SPARED, "f1": NOTHING_TO_FIND, "mcc": ONE_KIND, "kappa": ONE_KIND}
    return reasons.get(name, one_class)


def called_cells(truth: Values, score: Values, *, threshold: float) -> NDArray[np.int64]:
    """Return the cell of each case at `score ≥ threshold`, 0 to 3 in the order of cells; −1 where truth is NaN."""
    cell = np.where(truth == 1, np.where(score >= threshold, 0, 1), np.where(score >= threshold, 2, 3))
    return np.where(np.isnan(truth), -1, cell)

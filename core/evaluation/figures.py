"""All metrics of the labels of a set, each with its interval, and their means over the labels.

Figures of scores (`score_figures`) need thousands of resamplings of every case and do not move with the threshold.
Figures of calls (`call_figures`) need only how many patients have which calls, and follow a threshold at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain import Estimate
from core.evaluation.auroc import auroc_interval
from core.evaluation.calibration import calibration_error_interval, calibration_gaps
from core.evaluation.cases import NO_CASE, NO_THRESHOLD, Cases, missing_class
from core.evaluation.cells import CELL_FIGURES, called_cells, cell_figure, why_undefined
from core.evaluation.resampling import DRAWS, NO_SPREAD, SEED, TIE, Resampled, draw_totals, mean_of
from core.evaluation.score_draws import ScoreDraws, draw_scores, score_influence
from core.evaluation.shares import accuracy, npv, ppv, sensitivity, specificity
from core.evaluation.table import METRICS

Values = NDArray[np.float64]
Figures = Mapping[str, Estimate]

SCORE_FIGURES = tuple(name for name, metric in METRICS.items() if not metric.at_threshold)
NO_LABEL = "no label has cases with the finding and cases without"

_SHARES: Mapping[str, Callable[..., Estimate]] = {
    "sensitivity": sensitivity,
    "specificity": specificity,
    "ppv": ppv,
    "npv": npv,
    "accuracy": accuracy,
}


@dataclass(frozen=True, slots=True, eq=False)
class FigureTable:
    """Figures of every label, in order, their means over the labels, and what they were made of.

    `resampled` are the figures of every label as resampling sees them; `draws` are there for scores only.
    """

    of_labels: tuple[Figures, ...]
    macro: Figures
    resampled: tuple[Mapping[str, Resampled], ...] = ()
    draws: tuple[ScoreDraws, ...] = ()


def averaged_labels(cases: Cases) -> tuple[int, ...]:
    """Return the positions of the labels that means are taken over: those with cases of both kinds."""
    truths = [cases.of_label(index)[0] for index in range(len(cases.labels))]
    return tuple(index for index, truth in enumerate(truths) if truth.any() and not truth.all())


def undefined(reason: str) -> Estimate:
    """Return the estimate of what does not exist."""
    return Estimate(math.nan, math.nan, math.nan, reason)


# ── Figures of scores ─────────────────────────────────────────────────────────────────────────────────────────────


def score_figures(
    cases: Cases, *, draws: int = DRAWS, seed: int = SEED, rates: Sequence[Sequence[float]] = ()
) -> FigureTable:
    """Measure AUROC, average precision, Brier score and calibration error of every label.

    Parameters
    ----------
    rates : sequence of sequence of float
        The false-positive rates, for each label, at which the draws are to give the sensitivity.
    """
    if not len(cases):
        nothing = dict.fromkeys(SCORE_FIGURES, undefined(NO_CASE))
        return FigureTable((nothing,) * len(cases.labels), dict.fromkeys(SCORE_FIGURES, undefined(NO_LABEL)))
    drawn = draw_scores(cases, draws=draws, seed=seed, rates=rates)
    seen = tuple(_scores_resampled(cases, index, drawn[index]) for index in range(len(cases.labels)))
    of_labels = tuple(_scores_of_label(cases, index, seen[index], drawn[index]) for index in range(len(cases.labels)))
    averaged = averaged_labels(cases)
    macro = {name: _macro(name, cases, averaged, of_labels, seen) for name in SCORE_FIGURES if name != "ece"}
    macro["ece"] = _macro_calibration_error(cases, averaged, of_labels, drawn)
    return FigureTable(of_labels, {name: macro[name] for name in SCORE_FIGURES}, seen, drawn)


def _scores_resampled(cases: Cases, index: int, drawn: ScoreDraws) -> Mapping[str, Resampled]:
    """Return the figures of a label's scores as resampling sees them; none of calibration error."""
    values, influence = score_influence(cases, index)
    return {name: Resampled(values[name], getattr(drawn, name), influence[name]) for name in values}


def _scores_of_label(cases: Cases, index: int, seen: Mapping[str, Resampled], drawn: ScoreDraws) -> Figures:
    truth, scores, patients = cases.of_label(index)
    reason = missing_class(int(truth.sum()), int((~truth).sum()))
    return {
        "auroc": auroc_interval(truth, scores, patients=patients),
        "average_precision": seen["average_precision"].estimate(reason),
        "brier": seen["brier"].estimate(reason),
        "ece": _calibration_error(calibration_gaps(truth, scores), drawn.gaps, reason),
    }


def _calibration_error(gaps: Values, draws: NDArray[np.floating[Any]], reason: str) -> Estimate:
    value = float(np.abs(gaps).sum())
    usable = draws[np.isfinite(draws).all(axis=1)]
    if math.isnan(value):
        return undefined(reason)
    if len(usable) < 2 or np.ptp(usable, axis=0).max() <= TIE:
        return Estimate(value, math.nan, math.nan, NO_SPREAD)
    return Estimate(value, *calibration_error_interval(gaps, usable.astype(np.float64)))


def _macro_calibration_error(
    cases: Cases, averaged: Sequence[int], of_labels: Sequence[Figures], drawn: Sequence[ScoreDraws]
) -> Estimate:
    if len(averaged) < 2:
        return of_labels[averaged[0]]["ece"] if averaged else undefined(NO_LABEL)
    gaps = [calibration_gaps(*cases.of_label(index)[:2]) for index in averaged]
    draws = [drawn[index].gaps for index in averaged]
    return _calibration_error(np.hstack(gaps) / len(averaged), np.hstack(draws) / len(averaged), NO_CASE)


# ── Figures of calls ──────────────────────────────────────────────────────────────────────────────────────────────


def call_figures(cases: Cases, thresholds: Sequence[float], *, draws: int = DRAWS, seed: int = SEED) -> FigureTable:
    """Measure sensitivity, specificity, PPV, NPV, F1, accuracies, correlation and kappa of every label.

    Parameters
    ----------
    thresholds : sequence of float
        For each label; NaN where it has no operating point.
    """
    seen = _calls_resampled(cases, thresholds, draws=draws, seed=seed)
    of_labels = tuple(
        _calls_of_label(cases, index, threshold, seen[index]) for index, threshold in enumerate(thresholds)
    )
    averaged = averaged_labels(cases)
    return FigureTable(of_labels, {name: _macro(name, cases, averaged, of_labels, seen) for name in CELL_FIGURES}, seen)


def _calls_resampled(
    cases: Cases, thresholds: Sequence[float], *, draws: int = DRAWS, seed: int = SEED
) -> tuple[Mapping[str, Resampled], ...]:
    """Return the figures of every label's calls as resampling sees them."""
    if not len(cases):
        nothing = Resampled(math.nan, np.full(draws, math.nan), np.zeros(0))
        return (dict.fromkeys(CELL_FIGURES, nothing),) * len(cases.labels)
    kinds, frequency = _kinds_of_patients(cases, thresholds)
    totals = draw_totals(kinds, frequency, draws=draws, seed=seed)
    table = (frequency[:, None, None] * kinds).sum(axis=0)

    def figure(name: str, label: int) -> Resampled:
        value = float(cell_figure(name, table[label]))
        without = cell_figure(name, table[label] - kinds[:, label])
        return Resampled(value, cell_figure(name, totals[:, label]), value - without, frequency)

    return tuple({name: figure(name, label) for name in CELL_FIGURES} for label in range(len(cases.labels)))


def _kinds_of_patients(cases: Cases, thresholds: Sequence[float]) -> tuple[Values, NDArray[np.int64]]:
    """Return the different cells that patients add, (K, L, 4), and how many patients there are of each kind, (K,)."""
    labels, patients = len(cases.labels), cases.patient_count
    counts = np.zeros((patients, labels, 4), dtype=np.int32)
    for label, threshold in enumerate(thresholds):
        cell = called_cells(cases.truth[:, label], cases.scores[:, label], threshold=threshold)
        known = cell >= 0
        flat = np.bincount(4 * cases.patients[known] + cell[known], minlength=4 * patients)
        counts[:, label] = flat.reshape(patients, 4)
    rows = np.ascontiguousarray(counts.reshape(patients, -1))
    # As raw bytes rows are compared at once, not number by number.
    _, first, frequency = np.unique(
        rows.view(f"V{rows.shape[1] * rows.itemsize}").ravel(), return_index=True, return_counts=True
    )
    return counts[first].astype(np.float64), frequency


def _calls_of_label(cases: Cases, index: int, threshold: float, seen: Mapping[str, Resampled]) -> Figures:
    if math.isnan(threshold):
        return dict.fromkeys(CELL_FIGURES, undefined(NO_THRESHOLD))
    truth, scores, patients = cases.of_label(index)
    cell = called_cells(cases.truth[:, index], cases.scores[:, index], threshold=threshold)
    cells = np.bincount(cell[cell >= 0], minlength=4)
    return {
        name: _SHARES[name](truth, scores, threshold=threshold, patients=patients)
        if name in _SHARES
        else seen[name].estimate(why_undefined(name, cells))
        for name in CELL_FIGURES
    }


# ── Means over the labels ─────────────────────────────────────────────────────────────────────────────────────────


def _macro(
    name: str,
    cases: Cases,
    averaged: Sequence[int],
    of_labels: Sequence[Figures],
    seen: Sequence[Mapping[str, Resampled]],
) -> Estimate:
    if len(averaged) < 2:
        return of_labels[averaged[0]][name] if averaged else undefined(NO_LABEL)
    for index in averaged:
        reason = of_labels[index][name].undefined
        if math.isnan(of_labels[index][name].value):
            return undefined(f"for {cases.labels[index]}, {reason}")
    return mean_of([seen[index][name] for index in averaged]).estimate()

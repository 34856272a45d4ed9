"""The evaluation of a model on a labelled set: everything that page, command line and report show of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from core.domain import Estimate, Notice
from core.evaluation.cases import NO_CASE, NO_THRESHOLD, Cases, as_cases
from core.evaluation.cells import called_cells
from core.evaluation.curves import ConfusionMatrix, LabelCurves, confusion_matrix, count_calls, label_curves
from core.evaluation.figures import averaged_labels, call_figures, score_figures, undefined
from core.evaluation.patients import count_patients
from core.evaluation.resampling import DRAWS, SEED
from core.evaluation.results import EvaluationResult, LabelResult
from core.evaluation.score_draws import ScoreDraws
from core.evaluation.shares import share
from core.evaluation.table import METRICS

SMALL_NUMBER = 20
"""Fewer cases of a kind than this are few: Wilson's interval of a share of 20 cases can reach 0.2 to either side."""


def evaluate_scores(
    truth: ArrayLike,
    scores: ArrayLike,
    labels: Sequence[str],
    thresholds: Sequence[float | None],
    *,
    titles: Sequence[str] = (),
    patients: ArrayLike | None = None,
    exclusive: bool = False,
    draws: int = DRAWS,
    seed: int = SEED,
) -> EvaluationResult:
    """Measure a model's scores on a labelled set.

    Parameters
    ----------
    truth : array-like, (N, L)
        1 where the finding is present, 0 where it is not, NaN where nobody knows.
    scores : array-like, (N, L)
        0 to 1.
    labels : sequence of str, (L,)
    thresholds : sequence of float or None, (L,)
        Of the operating points; None where a label has none.
    titles : sequence of str, (L,), optional
        What people are shown in place of the names.
    patients : array-like, (N,), optional
        The patient of each case, by name or number. Where patients repeat, every interval counts patients.
    exclusive : bool
        Whether each case has exactly one label, and is called by its highest score.
    draws, seed : int
        Of the resamplings; equal seeds give equal intervals.

    Raises
    ------
    ValueError
        Where the parts do not fit together, a score is NaN or not of 0 to 1, or a case of exclusive labels has not
        exactly one.
    """
    cases = as_cases(truth, scores, labels, patients=patients)
    if len(thresholds) != len(cases.labels):
        raise ValueError(f"there are {len(thresholds)} thresholds for {len(cases.labels)} labels")
    if exclusive and not (cases.truth.sum(axis=1) == 1).all():
        raise ValueError("where labels exclude each other every case has exactly one of them")
    curves = [label_curves(name, *cases.of_label(index)[:2]) for index, name in enumerate(cases.labels)]
    figures = score_figures(cases, draws=draws, seed=seed, rates=[curve.roc.false_positive_rate for curve in curves])
    if figures.draws:
        curves = [_with_band(curve, own) for curve, own in zip(curves, figures.draws, strict=True)]
    result = EvaluationResult(
        n=len(cases),
        patients=cases.patient_count,
        labels=tuple(_of_scores(cases, curve, own) for curve, own in zip(curves, figures.of_labels, strict=True)),
        macro=figures.macro,
        averaged=tuple(cases.labels[index] for index in averaged_labels(cases)),
        accuracy=_share_of_highest(cases) if exclusive else undefined(NO_THRESHOLD),
        confusion_matrix=_matrix_of_highest(cases) if exclusive else None,
        notices=tuple(_notices(cases, titles or cases.labels)),
        draws=draws,
        seed=seed,
        cases=cases,
    )
    return at_thresholds(result, thresholds)


def at_thresholds(result: EvaluationResult, thresholds: Sequence[float | None]) -> EvaluationResult:
    """Return the result at other thresholds; only what depends on them is measured again.

    Parameters
    ----------
    thresholds : sequence of float or None, (L,)
        None where a label is not to be called.
    """
    if len(thresholds) != len(result.labels):
        raise ValueError(f"there are {len(thresholds)} thresholds for {len(result.labels)} labels")
    at = [math.nan if threshold is None else float(threshold) for threshold in thresholds]
    figures = call_figures(result.cases, at, draws=result.draws, seed=result.seed)
    parts = zip(result.labels, at, figures.of_labels, strict=True)
    return replace(
        result,
        labels=tuple(_called(result.cases, index, *part) for index, part in enumerate(parts)),
        macro=_in_order(result.macro, figures.macro),
        accuracy=_share_called_right(result.cases, at) if result.confusion_matrix is None else result.accuracy,
    )


def _of_scores(cases: Cases, curves: LabelCurves, metrics: Mapping[str, Estimate]) -> LabelResult:
    return LabelResult(
        name=curves.name,
        positives=curves.positives,
        negatives=curves.negatives,
        unknown=len(cases) - curves.positives - curves.negatives,
        threshold=math.nan,
        calls=None,
        metrics=metrics,
        curves=curves,
    )


def _called(
    cases: Cases, index: int, label: LabelResult, threshold: float, metrics: Mapping[str, Estimate]
) -> LabelResult:
    calls = None if math.isnan(threshold) else count_calls(*cases.of_label(index)[:2], threshold=threshold)
    return replace(label, threshold=threshold, calls=calls, metrics=_in_order(label.metrics, metrics))


def _in_order(metrics: Mapping[str, Estimate], changed: Mapping[str, Estimate]) -> dict[str, Estimate]:
    together = {**metrics, **changed}
    return {name: together[name] for name in METRICS}


def _with_band(curves: LabelCurves, drawn: ScoreDraws) -> LabelCurves:
    """Give the ROC curve the middle 95 % of the sensitivities that the resamplings reach at its rates."""
    reached = drawn.sensitivity[np.isfinite(drawn.sensitivity).all(axis=1)]
    if curves.roc.undefined or not len(reached):
        return curves
    low, high = np.quantile(reached, (0.025, 0.975), axis=0)
    return replace(curves, roc=replace(curves.roc, low=tuple(low.tolist()), high=tuple(high.tolist())))


# ── All labels together ───────────────────────────────────────────────────────────────────────────────────────────


def _share_called_right(cases: Cases, thresholds: Sequence[float]) -> Estimate:
    if np.isnan(thresholds).any():
        return undefined(NO_THRESHOLD)
    cells = [
        called_cells(cases.truth[:, index], cases.scores[:, index], threshold=threshold)
        for index, threshold in enumerate(thresholds)
    ]
    right = np.all(~np.isin(cells, (1, 2)), axis=0)
    known = np.any(np.array(cells) >= 0, axis=0)
    return share(right, among=known, patients=cases.patients, reason=NO_CASE)


def _share_of_highest(cases: Cases) -> Estimate:
    right = cases.scores.argmax(axis=1) == cases.truth.argmax(axis=1)
    return share(right, patients=cases.patients, reason=NO_CASE)


def _matrix_of_highest(cases: Cases) -> ConfusionMatrix:
    return confusion_matrix(cases.labels, cases.truth.argmax(axis=1), cases.scores.argmax(axis=1))


def _notices(cases: Cases, titles: Sequence[str]) -> Iterator[Notice]:
    if cases.patient_count < len(cases):
        yield Notice(
            "patients-repeat",
            f"The {len(cases)} images come from {cases.patient_count} patients; the intervals count patients.",
        )
    for index, title in enumerate(titles):
        truth, _, patients = cases.of_label(index)
        for kind, words in ((truth, "with"), (~truth, "without")):
            count = count_patients(patients[kind])
            if count < SMALL_NUMBER:
                yield Notice(
                    "few-cases", f"{title}: few patients {words} the finding ({count}); its figures are rough."
                )

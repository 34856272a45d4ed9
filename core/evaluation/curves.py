"""The curves behind the figures: what a chart draws, as plain numbers.

Every curve runs from the corner where nothing is called (an infinite threshold) to the one where everything is. One
that the data do not define is empty, with the reason in `undefined`. Curves of many cases are thinned to points that
lie evenly along them, so that they can travel with a model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.domain import Estimate
from core.evaluation.cases import bin_numbers, by_class, checked, checked_probability, missing_class
from core.evaluation.shares import wilson_interval

Numbers = tuple[float, ...]
Values = NDArray[np.float64]

MOST_POINTS = 150
RELIABILITY_BINS = 15
"""Those of `expected_calibration_error`: the figure is the mean gap of the diagram."""
HISTOGRAM_BINS = 40


# ── What is drawn ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RocCurve:
    """Sensitivity against the share of cases without the finding that are called.

    Attributes
    ----------
    thresholds : tuple of float
        Falling; `score ≥ threshold` is a call.
    false_positive_rate, sensitivity : tuple of float
        Rising, 0 to 1, one for each threshold.
    low, high : tuple of float
        95 % band of the sensitivity; empty where none was asked for.
    """

    thresholds: Numbers = ()
    false_positive_rate: Numbers = ()
    sensitivity: Numbers = ()
    low: Numbers = ()
    high: Numbers = ()
    undefined: str = ""


@dataclass(frozen=True, slots=True)
class PrecisionRecallCurve:
    """Precision (PPV) against recall (sensitivity); the area under it is `average_precision`, 0 to 1.

    `thresholds` fall; where nothing is called precision is taken to be 1.
    """

    thresholds: Numbers = ()
    recall: Numbers = ()
    precision: Numbers = ()
    average_precision: float = math.nan
    undefined: str = ""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Cases with about the same score: how many, their mean score, the share of them that has the finding."""

    count: int
    mean_score: float
    observed: Estimate


@dataclass(frozen=True, slots=True)
class Reliability:
    """Observed shares against stated scores, in bins of equal width; a bin without cases is left out."""

    bins: tuple[ReliabilityBin, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoreHistogram:
    """How many cases with and without the finding have a score in each bin of 0 to 1, all of equal width."""

    with_finding: tuple[int, ...] = ()
    without_finding: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CallCounts:
    """What a threshold calls: right and wrong, of the cases with the finding and of those without."""

    true_positives: int
    false_negatives: int
    false_positives: int
    true_negatives: int

    @property
    def sensitivity(self) -> Estimate:
        """With Wilson's interval."""
        return wilson_interval(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> Estimate:
        """With Wilson's interval."""
        return wilson_interval(self.true_negatives, self.true_negatives + self.false_positives)


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """How often each class (rows) was called which (columns), in the order of `names`."""

    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class LabelCurves:
    """Everything that is drawn of one label; `calls` by the name of the operating point."""

    name: str
    positives: int
    negatives: int
    roc: RocCurve
    precision_recall: PrecisionRecallCurve
    reliability: Reliability
    histogram: ScoreHistogram
    calls: Mapping[str, CallCounts] = field(default_factory=dict)

    @property
    def prevalence(self) -> float:
        """Share of the cases that have the finding; NaN without cases."""
        cases = self.positives + self.negatives
        return self.positives / cases if cases else math.nan


# ── How it is made ────────────────────────────────────────────────────────────────────────────────────────────────


def label_curves(
    name: str,
    truth: ArrayLike,
    score: ArrayLike,
    *,
    thresholds: Mapping[str, float] | None = None,
    samples: Sequence[NDArray[np.int64]] = (),
) -> LabelCurves:
    """Gather everything that is drawn of one label.

    Parameters
    ----------
    truth, score : array-like, (N,)
        Scores of 0 to 1.
    thresholds : mapping of str to float, optional
        Of the operating points, by name.
    samples : sequence of ndarray of int
        Indices of cases drawn anew (by patient), for the band of the ROC curve.
    """
    is_positive, _ = checked(truth, score)
    return LabelCurves(
        name=name,
        positives=int(is_positive.sum()),
        negatives=int((~is_positive).sum()),
        roc=roc_curve(truth, score, samples=samples),
        precision_recall=precision_recall_curve(truth, score),
        reliability=reliability(truth, score),
        histogram=score_histogram(truth, score),
        calls={point: count_calls(truth, score, threshold=at) for point, at in (thresholds or {}).items()},
    )


def roc_curve(
    truth: ArrayLike, score: ArrayLike, *, most: int = MOST_POINTS, samples: Sequence[NDArray[np.int64]] = ()
) -> RocCurve:
    """Return the ROC curve, at most `most` of its points, with a band where samples are given.

    The band holds, at each false-positive rate, the middle 95 % of the sensitivities that the samples reach there.
    """
    from sklearn.metrics import roc_curve as points_of

    is_positive, values = checked(truth, score)
    reason = missing_class(int(is_positive.sum()), int((~is_positive).sum()))
    if reason:
        return RocCurve(undefined=reason)
    rate, found, thresholds = points_of(is_positive, values)
    kept = _evenly_along(rate, found, most=most)
    low, high = _band(is_positive, values, rate[kept], samples) if samples else ((), ())
    return RocCurve(_numbers(thresholds[kept]), _numbers(rate[kept]), _numbers(found[kept]), low, high)


def _band(
    truth: NDArray[np.bool_], score: Values, rate: Values, samples: Sequence[NDArray[np.int64]]
) -> tuple[Numbers, Numbers]:
    from sklearn.metrics import roc_curve as points_of

    reached = []
    for sample in samples:
        if truth[sample].any() and not truth[sample].all():
            sample_rate, found, _ = points_of(truth[sample], score[sample])
            reached.append(found[np.searchsorted(sample_rate, rate, side="right") - 1])
    if not reached:
        return (), ()
    low, high = np.quantile(reached, (0.025, 0.975), axis=0)
    return _numbers(low), _numbers(high)


def precision_recall_curve(truth: ArrayLike, score: ArrayLike, *, most: int = MOST_POINTS) -> PrecisionRecallCurve:
    """Return the precision–recall curve, at most `most` of its points.

    References
    ----------
    .. [1] Davis, Goadrich, "The relationship between precision-recall and ROC curves", ICML 2006.
    """
    from sklearn.metrics import average_precision_score
    from sklearn.metrics import precision_recall_curve as points_of

    is_positive, values = checked(truth, score)
    reason = missing_class(int(is_positive.sum()), int((~is_positive).sum()))
    if reason:
        return PrecisionRecallCurve(undefined=reason)
    precision, recall, thresholds = (each[::-1] for each in points_of(is_positive, values, drop_intermediate=True))
    kept = _evenly_along(recall, precision, most=most)
    return PrecisionRecallCurve(
        thresholds=_numbers(np.concatenate([[math.inf], thresholds])[kept]),
        recall=_numbers(recall[kept]),
        precision=_numbers(precision[kept]),
        average_precision=float(average_precision_score(is_positive, values)),
    )


def reliability(truth: ArrayLike, probability: ArrayLike, *, bins: int = RELIABILITY_BINS) -> Reliability:
    """Return observed shares against stated scores, each share with Wilson's interval."""
    is_positive, values = checked_probability(truth, probability)
    number = bin_numbers(values, bins=bins)
    members = (number == one for one in np.unique(number))
    return Reliability(
        tuple(
            ReliabilityBin(
                count=int(own.sum()),
                mean_score=float(values[own].mean()),
                observed=wilson_interval(int(is_positive[own].sum()), int(own.sum())),
            )
            for own in members
        )
    )


def score_histogram(truth: ArrayLike, probability: ArrayLike, *, bins: int = HISTOGRAM_BINS) -> ScoreHistogram:
    """Count the cases with and without the finding in bins of equal width."""
    is_positive, values = checked_probability(truth, probability)
    number = bin_numbers(values, bins=bins)
    counts = (np.bincount(number[own], minlength=bins) for own in (is_positive, ~is_positive))
    return ScoreHistogram(*(tuple(int(count) for count in each) for each in counts))


def count_calls(truth: ArrayLike, score: ArrayLike, *, threshold: float) -> CallCounts:
    """Count what `score ≥ threshold` calls rightly and wrongly."""
    positive, negative = by_class(truth, score)
    found, called = int((positive >= threshold).sum()), int((negative >= threshold).sum())
    return CallCounts(found, len(positive) - found, called, len(negative) - called)


def confusion_matrix(names: Sequence[str], truth: ArrayLike, called: ArrayLike) -> ConfusionMatrix:
    """Count how often each class was called which.

    Parameters
    ----------
    names : sequence of str
        Of the classes.
    truth, called : array-like of int, (N,)
        Positions in `names`.
    """
    from sklearn.metrics import confusion_matrix as counts_of

    if not np.asarray(truth).size:
        return ConfusionMatrix(tuple(names), ((0,) * len(names),) * len(names))
    counts = counts_of(truth, called, labels=np.arange(len(names)))
    return ConfusionMatrix(tuple(names), tuple(tuple(int(count) for count in row) for row in counts))


def _evenly_along(x: Values, y: Values, *, most: int) -> NDArray[np.int64]:
    """Choose at most `most` points of a line, both ends among them, at even distances along it."""
    if len(x) <= most:
        return np.arange(len(x))
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    return np.unique(np.searchsorted(way, np.linspace(0, way[-1], most), side="left").clip(0, len(x) - 1))


def _numbers(values: Values) -> Numbers:
    return tuple(float(value) for value in values)

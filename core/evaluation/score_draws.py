"""The figures of scores in thousands of resamplings: AUROC, average precision, Brier score, gaps of calibration.

The cases of a label are sorted once. A resampling is then only a weight for each case, how often its patient was
drawn, and every figure a sum of weights or of their running totals: no draw sorts, copies or compares scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.auroc import placements
from core.evaluation.calibration import CALIBRATION_BINS
from core.evaluation.cases import Cases, bin_numbers
from core.evaluation.patients import Indices, sum_by_patient
from core.evaluation.resampling import CHUNK, DRAWS, SEED, Counts, over_draws

Values = NDArray[np.float64]
Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ScoreDraws:
    """Figures of one label in each resampling; NaN where a resampling does not define them.

    Attributes
    ----------
    auroc, average_precision, brier : ndarray of float32, (draws,)
    gaps : ndarray of float32, (draws, bins)
        Sum over the cases of a bin of score − truth, divided by the number of all cases.
    sensitivity : ndarray of float32, (draws, rates)
        The highest that is reached at each of the false-positive rates that were asked for.
    """

    auroc: Weights
    average_precision: Weights
    brier: Weights
    gaps: Weights
    sensitivity: Weights


@dataclass(frozen=True, slots=True, eq=False)
class _Class:
    """The cases of one class by rising score: their patients, what each adds to the Brier score, and to which bin."""

    patients: Indices
    squared: Weights
    gap: Weights
    starts: Indices
    bins: Indices

    @classmethod
    def of(cls, scores: Values, patients: Indices, *, truth: int) -> _Class:
        order = np.argsort(scores, kind="stable")
        gap = (scores[order] - truth).astype(np.float32)
        bins, starts = np.unique(bin_numbers(scores[order], bins=CALIBRATION_BINS), return_index=True)
        return cls(patients[order], gap**2, gap, starts, bins)

    def weights(self, counts: Counts) -> tuple[Weights, Weights]:
        """Return the weight of each case, and the total weight before each, with that of all at the end."""
        weights = counts.take(self.patients, axis=1)
        totals = np.empty((len(counts), len(self.patients) + 1), dtype=np.float32)
        totals[:, 0] = 0
        np.cumsum(weights, axis=1, out=totals[:, 1:])
        return weights, totals

    def add_gaps(self, weights: Weights, gaps: Weights) -> None:
        if len(self.starts):
            gaps[:, self.bins] += np.add.reduceat(weights * self.gap, self.starts, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class _Ranked:
    """One label, sorted: for each positive the negatives below it, those not above it, and its first equal."""

    positive: _Class
    negative: _Class
    below: Indices
    upto: Indices
    first: Indices
    has_ties: bool
    rates: Values

    @classmethod
    def of(cls, truth: NDArray[np.bool_], scores: Values, patients: Indices, *, rates: Sequence[float]) -> _Ranked:
        above, under = np.sort(scores[truth]), np.sort(scores[~truth])
        below, upto = np.searchsorted(under, above, side="left"), np.searchsorted(under, above, side="right")
        return cls(
            positive=_Class.of(scores[truth], patients[truth], truth=1),
            negative=_Class.of(scores[~truth], patients[~truth], truth=0),
            below=below,
            upto=upto,
            first=np.searchsorted(above, above, side="left"),
            has_ties=len(np.unique(scores)) < len(scores),
            rates=np.asarray(rates, dtype=np.float64),
        )

    def drawn(self, counts: Counts) -> ScoreDraws:
        """Return the figures of each row of counts."""
        positive, found = self.positive.weights(counts)
        negative, spared = self.negative.weights(counts)
        positives, negatives = found[:, -1:], spared[:, -1:]
        below = spared.take(self.below, axis=1)
        not_above = spared.take(self.upto, axis=1) if self.has_ties else below
        hits = positives - (found.take(self.first, axis=1) if self.has_ties else found[:, :-1])
        alarms = negatives - below
        gaps = np.zeros((len(counts), CALIBRATION_BINS), dtype=np.float32)
        self.positive.add_gaps(positive, gaps)
        self.negative.add_gaps(negative, gaps)
        squared = np.einsum("bi,i->b", positive, self.positive.squared)
        squared += np.einsum("bi,i->b", negative, self.negative.squared)
        with np.errstate(divide="ignore", invalid="ignore"):
            return ScoreDraws(
                auroc=(positive * (below + not_above)).sum(axis=1) / (2 * positives * negatives)[:, 0],
                average_precision=_average_precision(positive, hits, alarms, positives, negatives),
                brier=squared / (positives + negatives)[:, 0],
                gaps=gaps / (positives + negatives),
                sensitivity=_at_rates(hits, alarms, self.rates * negatives) / positives,
            )


def _average_precision(
    weights: Weights, hits: Weights, alarms: Weights, positives: Weights, negatives: Weights
) -> Weights:
    # Where nobody above was drawn the weight is 0 as well, and 0 / 0 must not spoil the sum.
    precision = hits / np.maximum(hits + alarms, 1)
    areas = (weights * precision).sum(axis=1) / positives[:, 0]
    return np.where(negatives[:, 0] > 0, areas, np.float32(np.nan))


def _at_rates(hits: Weights, alarms: Weights, allowed: Values) -> Weights:
    """Return the most hits that are reached with no more than the allowed alarms, (rows, rates)."""
    reached = np.zeros(allowed.shape, dtype=np.float32)
    for row, limits in enumerate(allowed if allowed.size else ()):
        # Alarms fall with the rank; a weight is a whole number, so half of one is only rounding.
        usable = np.searchsorted(alarms[row, ::-1], limits + 1e-3, side="right")
        most = np.append(hits[row], np.float32(0))
        reached[row] = most[hits.shape[1] - usable]
    return reached


def draw_scores(
    cases: Cases, *, draws: int = DRAWS, seed: int = SEED, rates: Sequence[Sequence[float]] = ()
) -> tuple[ScoreDraws, ...]:
    """Return the figures of all labels in the same resamplings of the patients.

    Parameters
    ----------
    rates : sequence of sequence of float
        The false-positive rates, for each label, at which to give the sensitivity.
    """
    indices = range(len(cases.labels))
    ranked = [_Ranked.of(*cases.of_label(index), rates=rates[index] if rates else ()) for index in indices]
    chunks = over_draws(
        lambda counts: [label.drawn(counts) for label in ranked],
        patients=cases.patient_count,
        rows=max(1, CHUNK // max(1, len(cases))),
        draws=draws,
        seed=seed,
    )
    return tuple(_joined([chunk[index] for chunk in chunks]) for index in indices)


def _joined(chunks: Sequence[ScoreDraws]) -> ScoreDraws:
    def all_of(name: str) -> Weights:
        return np.concatenate([getattr(chunk, name) for chunk in chunks])

    return ScoreDraws(**{name: all_of(name) for name in ScoreDraws.__slots__})


# ── How each patient moves the figures ────────────────────────────────────────────────────────────────────────────


def score_influence(cases: Cases, index: int) -> tuple[dict[str, float], dict[str, Values]]:
    """Return the figures of a label's scores, and how each moves with the weight of each patient, (patients,).

    The latter are derivatives of the figures by the weights: the infinitesimal jackknife.
    """
    truth, scores, patients = cases.of_label(index)
    squared = (scores - truth) ** 2
    values = dict.fromkeys(("auroc", "average_precision", "brier"), math.nan)
    moves = dict.fromkeys(values, np.zeros(len(truth)))
    if len(truth):
        values["brier"] = float(squared.mean())
        moves["brier"] = (squared - squared.mean()) / len(squared)
    if truth.any() and not truth.all():
        values["auroc"], moves["auroc"] = _auroc_influence(truth, scores)
        values["average_precision"], moves["average_precision"] = _average_precision_influence(truth, scores)
    count = cases.patient_count
    return values, {name: sum_by_patient(own, patients, patients=count) for name, own in moves.items()}


def _auroc_influence(truth: NDArray[np.bool_], scores: Values) -> tuple[float, Values]:
    placed = placements(truth, scores)
    area = float(placed[truth].mean())
    return area, (placed - area) / np.where(truth, truth.sum(), (~truth).sum())


def _average_precision_influence(truth: NDArray[np.bool_], scores: Values) -> tuple[float, Values]:
    above, under = np.sort(scores[truth]), np.sort(scores[~truth])
    hits = len(above) - np.searchsorted(above, above, side="left")
    alarms = len(under) - np.searchsorted(under, above, side="left")
    called = hits + alarms
    precision = hits / called
    area = float(precision.mean())
    # A case is among those called at each threshold at or below its score; the totals run over the positives' scores.
    by_hit = np.concatenate([[0.0], np.cumsum(alarms / called**2)])
    by_alarm = np.concatenate([[0.0], np.cumsum(hits / called**2)])
    upto = np.searchsorted(above, scores, side="right")
    own = precision[np.maximum(upto, 1) - 1] - area
    return area, np.where(truth, own + by_hit[upto], -by_alarm[upto]) / len(above)

"""Curves against scikit-learn, against the figures that they belong to, and against counts made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from core import evaluation
from core.evaluation import CallCounts, ConfusionMatrix

TRUTH = np.array([0, 0, 1, 1])
SCORE = np.array([0.1, 0.4, 0.35, 0.8])


def cases(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    return truth, 1 / (1 + np.exp(-rng.normal(2 * truth - 1, 1.5)))


class TestRoc:
    def test_it_runs_from_corner_to_corner_by_hand(self) -> None:
        # 0.8 finds one of two; 0.4 calls a healthy one; 0.35 finds the second; 0.1 calls everybody.
        curve = evaluation.roc_curve(TRUTH, SCORE)
        assert curve.thresholds == (math.inf, 0.8, 0.4, 0.35, 0.1)
        assert curve.false_positive_rate == (0, 0, 0.5, 0.5, 1)
        assert curve.sensitivity == (0, 0.5, 0.5, 1, 1)

    @pytest.mark.parametrize("seed", range(3))
    def test_the_area_below_it_is_the_auroc(self, seed: int) -> None:
        truth, score = cases(seed)
        curve = evaluation.roc_curve(truth, score)
        area = np.trapezoid(curve.sensitivity, curve.false_positive_rate)
        assert area == pytest.approx(evaluation.auroc(truth, score), abs=1e-12)

    def test_each_point_is_what_its_threshold_gives(self) -> None:
        truth, score = cases(4)
        curve = evaluation.roc_curve(truth, score)
        for threshold, rate, found in zip(
            *(curve.thresholds, curve.false_positive_rate, curve.sensitivity), strict=True
        ):
            assert found == pytest.approx(evaluation.sensitivity(truth, score, threshold=threshold).value)
            assert rate == pytest.approx(1 - evaluation.specificity(truth, score, threshold=threshold).value)

    def test_a_long_curve_is_thinned_and_keeps_its_shape(self) -> None:
        truth, score = cases(5, n=5000)
        whole, thin = evaluation.roc_curve(truth, score, most=10**6), evaluation.roc_curve(truth, score, most=100)
        assert len(whole.thresholds) > 1000
        assert len(thin.thresholds) <= 100
        assert (thin.thresholds[0], thin.sensitivity[0]) == (math.inf, 0)
        assert (thin.false_positive_rate[-1], thin.sensitivity[-1]) == (1, 1)
        between = np.interp(whole.false_positive_rate, thin.false_positive_rate, thin.sensitivity)
        assert np.abs(between - whole.sensitivity).max() < 2 / 99

    @pytest.mark.parametrize(
        ("truth", "reason"),
        [([], "no case"), ([1, 1], "no case without the finding"), ([0, 0], "no case with the finding")],
    )
    def test_undefined_says_why(self, truth: list[int], reason: str) -> None:
        curve = evaluation.roc_curve(truth, np.linspace(0, 1, len(truth)))
        assert (curve.thresholds, curve.sensitivity, curve.undefined) == ((), (), reason)


class TestBand:
    def test_samples_that_are_all_alike_give_a_band_without_width(self) -> None:
        curve = evaluation.roc_curve(TRUTH, SCORE, samples=[np.arange(4)] * 3)
        # At each rate the band is at the highest sensitivity that is reached there.
        assert curve.low == curve.high == (0.5, 0.5, 1, 1, 1)

    def test_the_band_holds_the_middle_of_the_samples(self) -> None:
        truth, score = cases(6)
        rng = np.random.default_rng(0)
        samples = [rng.integers(0, len(truth), len(truth)) for _ in range(200)]
        curve = evaluation.roc_curve(truth, score, samples=samples)
        assert len(curve.low) == len(curve.high) == len(curve.sensitivity)
        middle = len(curve.low) // 2
        rate = curve.false_positive_rate[middle]
        # Specificity fixed, the threshold follows from the negatives of each sample.
        reached = []
        for sample in samples:
            negative, positive = score[sample][truth[sample] == 0], score[sample][truth[sample] == 1]
            allowed = math.floor(rate * len(negative) + 1e-9)
            above = np.sort(negative)[::-1][allowed] if allowed < len(negative) else -math.inf
            reached.append((positive > above).mean())
        assert (curve.low[middle], curve.high[middle]) == pytest.approx(np.quantile(reached, (0.025, 0.975)), abs=0.02)
        assert curve.low[middle] < curve.sensitivity[middle] < curve.high[middle]

    def test_samples_of_one_class_are_passed_over(self) -> None:
        assert evaluation.roc_curve(TRUTH, SCORE, samples=[np.array([2, 3])]).low == ()


class TestPrecisionRecall:
    def test_by_hand(self) -> None:
        curve = evaluation.precision_recall_curve(TRUTH, SCORE)
        points = dict(zip(curve.thresholds, zip(curve.recall, curve.precision, strict=True), strict=True))
        assert points[math.inf] == (0, 1)
        assert points[0.8] == (0.5, 1)
        assert points[0.35] == (1, pytest.approx(2 / 3))
        assert points[0.1] == (1, 0.5)

    def test_its_area_is_that_of_scikit_learn(self) -> None:
        truth, score = cases(7)
        curve = evaluation.precision_recall_curve(truth, score)
        assert curve.average_precision == pytest.approx(sklearn_metrics.average_precision_score(truth, score))
        assert list(curve.thresholds) == sorted(curve.thresholds, reverse=True)

    def test_undefined_says_why(self) -> None:
        curve = evaluation.precision_recall_curve([0, 0], [0.2, 0.3])
        assert math.isnan(curve.average_precision)
        assert curve.undefined == "no case with the finding"


class TestReliability:
    def test_by_hand(self) -> None:
        # Two bins: 0.2 and 0.4, one of two with the finding; 0.9, with it.
        first, second = evaluation.reliability([0, 1, 1], [0.2, 0.4, 0.9], bins=2).bins
        assert (first.count, first.mean_score, first.observed.value) == (2, pytest.approx(0.3), 0.5)
        assert first.observed == evaluation.wilson_interval(1, 2)
        assert (second.count, second.mean_score, second.observed.value) == (1, 0.9, 1.0)

    def test_the_mean_gap_is_the_expected_calibration_error(self) -> None:
        truth, score = cases(8)
        bins = evaluation.reliability(truth, score).bins
        gaps = sum(one.count * abs(one.mean_score - one.observed.value) for one in bins) / len(truth)
        assert gaps == pytest.approx(evaluation.expected_calibration_error(truth, score))

    def test_bins_without_cases_are_left_out(self) -> None:
        assert len(evaluation.reliability([0, 1], [0.0, 1.0]).bins) == 2
        assert evaluation.reliability([], []).bins == ()


def test_the_histogram_counts_both_kinds_of_cases() -> None:
    histogram = evaluation.score_histogram([0, 0, 1, 1], [0.0, 0.25, 0.26, 1.0], bins=4)
    assert histogram.without_finding == (2, 0, 0, 0)
    assert histogram.with_finding == (0, 1, 0, 1)


class TestCalls:
    def test_counts_by_hand(self) -> None:
        calls = evaluation.count_calls(TRUTH, SCORE, threshold=0.4)
        assert calls == CallCounts(true_positives=1, false_negatives=1, false_positives=1, true_negatives=1)

    def test_its_shares_are_those_of_the_metrics(self) -> None:
        truth, score = cases(9)
        calls = evaluation.count_calls(truth, score, threshold=0.6)
        assert calls.sensitivity == evaluation.sensitivity(truth, score, threshold=0.6)
        assert calls.specificity == evaluation.specificity(truth, score, threshold=0.6)

    def test_a_share_of_nothing_is_undefined(self) -> None:
        assert math.isnan(CallCounts(0, 0, 1, 1).sensitivity.value)


class TestConfusionMatrix:
    def test_rows_are_the_truth(self) -> None:
        matrix = evaluation.confusion_matrix(["a", "b", "c"], [0, 0, 1, 1, 1], [0, 1, 1, 1, 2])
        assert matrix == ConfusionMatrix(("a", "b", "c"), ((1, 1, 0), (0, 2, 1), (0, 0, 0)))

    def test_without_cases_it_is_empty(self) -> None:
        assert evaluation.confusion_matrix(["a", "b"], [], []).counts == ((0, 0), (0, 0))


def test_everything_of_one_label_agrees() -> None:
    truth, score = cases(10)
    curves = evaluation.label_curves("Opacity", truth, score, thresholds={"youden": 0.5})
    assert (curves.positives, curves.negatives) == (truth.sum(), (1 - truth).sum())
    assert curves.prevalence == truth.mean()
    assert sum(curves.histogram.with_finding) == curves.positives
    assert sum(one.count for one in curves.reliability.bins) == len(truth)
    assert curves.calls["youden"] == evaluation.count_calls(truth, score, threshold=0.5)
    assert curves.roc.low == ()


@pytest.mark.parametrize("make", [evaluation.reliability, evaluation.score_histogram])
def test_a_score_outside_0_to_1_is_refused(make) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        make([0, 1], [0.5, 1.5])


@pytest.mark.parametrize("make", [evaluation.roc_curve, evaluation.precision_recall_curve, evaluation.reliability])
def test_a_score_that_is_no_number_is_refused(make) -> None:
    with pytest.raises(ValueError, match="not a number"):
        make([0, 1], [0.5, math.nan])

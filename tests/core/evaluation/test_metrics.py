"""Figures against scikit-learn, against published examples and against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from core import evaluation
from core.domain import Estimate

TRUTH = np.array([0, 0, 1, 1])
SCORE = np.array([0.1, 0.4, 0.35, 0.8])


def cases(seed: int, n: int = 200, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    score = rng.normal(truth, 1.5)
    return truth, np.round(score) if ties else score


# ── AUROC ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_that_of_scikit_learn(seed: int, ties: bool) -> None:
    truth, score = cases(seed, ties=ties)
    assert evaluation.auroc(truth, score) == pytest.approx(roc_auc_score(truth, score), abs=1e-12)


def test_auroc_counts_pairs() -> None:
    # 0.35 beats 0.1 but not 0.4; 0.8 beats both: three of four pairs.
    assert evaluation.auroc(TRUTH, SCORE) == 0.75


def test_auroc_of_equal_scores_is_a_half() -> None:
    assert evaluation.auroc([0, 1, 1], [0.5, 0.5, 0.5]) == 0.5


def delong_by_definition(truth: np.ndarray, score: np.ndarray) -> float:
    """DeLong's variance, straight from the 1988 paper: the kernel over all pairs."""
    positive, negative = score[truth == 1], score[truth == 0]
    kernel = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    return kernel.mean(axis=1).var(ddof=1) / len(positive) + kernel.mean(axis=0).var(ddof=1) / len(negative)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_interval_is_delongs(seed: int, ties: bool) -> None:
    truth, score = cases(seed, ties=ties)
    estimate = evaluation.auroc_interval(truth, score)
    reach = 1.959963984540054 * math.sqrt(delong_by_definition(truth, score))
    assert estimate.value == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert estimate.low == pytest.approx(max(0, estimate.value - reach), abs=1e-12)
    assert estimate.high == pytest.approx(min(1, estimate.value + reach), abs=1e-12)


def test_interval_worked_out_by_hand() -> None:
    # Of the positives: 0.35 beats 1 of 2, 0.8 beats 2 of 2 → shares 0.5, 1 → variance 0.125 / 2.
    # Of the negatives: 0.1 is beaten by 2 of 2, 0.4 by 1 of 2 → the same. Sum 0.125, root 0.353553.
    estimate = evaluation.auroc_interval(TRUTH, SCORE)
    assert estimate.value == 0.75
    assert estimate.low == pytest.approx(0.75 - 1.959964 * 0.353553, abs=1e-5)
    assert estimate.high == 1.0


@pytest.mark.parametrize(
    ("truth", "reason"),
    [([], "no case"), ([1, 1], "no case without the finding"), ([0, 0], "no case with the finding")],
)
def test_undefined_auroc_says_why(truth: list[int], reason: str) -> None:
    estimate = evaluation.auroc_interval(truth, np.linspace(0, 1, len(truth)))
    assert math.isnan(estimate.value)
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)
    assert estimate.undefined == reason
    assert math.isnan(evaluation.auroc(truth, np.linspace(0, 1, len(truth))))


def test_complete_separation_has_a_value_and_no_interval() -> None:
    estimate = evaluation.auroc_interval([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert estimate.value == 1.0
    assert math.isnan(estimate.low)
    assert "separated" in estimate.undefined


def test_one_positive_case_has_a_value_and_no_interval() -> None:
    estimate = evaluation.auroc_interval([0, 0, 1], [0.1, 0.6, 0.5])
    assert estimate.value == 0.5
    assert math.isnan(estimate.high)


# ── Shares ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, 1998, table I,
    # method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_is_newcombes_example(successes: int, n: int, low: float, high: float) -> None:
    estimate = evaluation.wilson_interval(successes, n)
    assert estimate.value == successes / n
    assert (round(estimate.low, 4), round(estimate.high, 4)) == (low, high)


@given(st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_its_share(case: tuple[int, int]) -> None:
    estimate = evaluation.wilson_interval(*case)
    if case[1] == 0:
        assert math.isnan(estimate.value)
        assert estimate.undefined
    else:
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
        mirrored = evaluation.wilson_interval(case[1] - case[0], case[1])
        assert mirrored.low == pytest.approx(1 - estimate.high, abs=1e-12)


def test_wilson_refuses_what_is_no_share() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        evaluation.wilson_interval(3, 2)


def test_a_score_at_the_threshold_is_positive() -> None:
    assert evaluation.sensitivity(TRUTH, SCORE, threshold=0.35).value == 1.0
    assert evaluation.specificity(TRUTH, SCORE, threshold=0.4).value == 0.5
    assert evaluation.accuracy(TRUTH, SCORE, threshold=0.35).value == 0.75
    assert evaluation.accuracy(TRUTH, SCORE, threshold=0.35) == evaluation.wilson_interval(3, 4)


def test_shares_of_nothing_are_undefined() -> None:
    assert evaluation.sensitivity([0, 0], [0.1, 0.2], threshold=0.5).undefined == "no case with the finding"
    assert evaluation.specificity([1, 1], [0.1, 0.2], threshold=0.5).undefined == "no case without the finding"
    assert evaluation.accuracy([], [], threshold=0.5).undefined == "no case"


# ── Thresholds ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(5))
def test_youden_reaches_the_maximum_of_scikit_learns_curve(seed: int) -> None:
    truth, score = cases(seed, ties=bool(seed % 2))
    threshold = evaluation.youden_threshold(truth, score)
    false, true, _ = roc_curve(truth, score)
    index = (
        evaluation.sensitivity(truth, score, threshold=threshold).value
        + evaluation.specificity(truth, score, threshold=threshold).value
        - 1
    )
    assert index == pytest.approx((true - false).max(), abs=1e-12)


def test_youden_lies_in_the_middle_of_the_gap() -> None:
    assert evaluation.youden_threshold([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == 0.5


def test_thresholds_for_a_target_are_the_last_that_meet_it() -> None:
    positive, negative = np.arange(1, 21) / 20, np.arange(20) / 20
    truth, score = np.r_[np.ones(20), np.zeros(20)], np.r_[positive, negative]
    # 19 of 20 positives are at 0.10 or more; 19 of 20 negatives are at 0.90 or less.
    assert evaluation.threshold_for_sensitivity(truth, score, target=0.95) == 0.10
    threshold = evaluation.threshold_for_specificity(truth, score, target=0.95)
    assert threshold == pytest.approx(0.90)
    assert evaluation.specificity(truth, score, threshold=threshold).value == 0.95


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=60),
    st.floats(0, 1),
)
def test_thresholds_meet_their_target_and_are_tight(pairs: list[tuple[int, int]], target: float) -> None:
    truth, score = (np.array(column) for column in zip(*pairs, strict=True))
    low = evaluation.threshold_for_sensitivity(truth, score, target=target)
    high = evaluation.threshold_for_specificity(truth, score, target=target)
    if truth.any():
        assert evaluation.sensitivity(truth, score, threshold=low).value >= target - 1e-9
        above = evaluation.sensitivity(truth, score, threshold=math.nextafter(low, math.inf)).value
        assert above < target or target <= 1e-9
    else:
        assert math.isnan(low)
    if not truth.all():
        assert evaluation.specificity(truth, score, threshold=high).value >= target - 1e-9
    else:
        assert math.isnan(high)


def test_a_target_that_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        evaluation.threshold_for_sensitivity(TRUTH, SCORE, target=95)


# ── Calibration ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_brier_score_is_that_of_scikit_learn() -> None:
    truth, score = cases(3)
    probability = 1 / (1 + np.exp(-score))
    assert evaluation.brier_score(truth, probability) == pytest.approx(brier_score_loss(truth, probability))


def test_calibration_error_worked_out_by_hand() -> None:
    # Two bins: (0, 0.5] holds 0.2 and 0.4, observed 1/2, stated 0.3; (0.5, 1] holds 0.9, observed 1, stated 0.9.
    truth, probability = [0, 1, 1], [0.2, 0.4, 0.9]
    assert evaluation.expected_calibration_error(truth, probability, bins=2) == pytest.approx((0.4 + 0.1) / 3)


def test_calibration_error_of_certain_and_right_answers_is_zero() -> None:
    assert evaluation.expected_calibration_error([0, 1], [0.0, 1.0]) == 0.0


def test_bins_are_closed_above() -> None:
    # 0.5 belongs with 0.3 and not with 0.7: one bin is off by (0.3 + 0.5 − 1) / 3, the other by 0.3 / 3.
    error = evaluation.expected_calibration_error([0, 1, 1], [0.3, 0.5, 0.7], bins=2)
    assert error == pytest.approx((0.2 + 0.3) / 3)


def test_calibration_without_cases_is_undefined() -> None:
    assert math.isnan(evaluation.brier_score([], []))
    assert math.isnan(evaluation.expected_calibration_error([], []))


# ── Rules that hold for all ───────────────────────────────────────────────────────────────────────────────────────

AT_A_THRESHOLD = [evaluation.sensitivity, evaluation.specificity, evaluation.accuracy]
RANKING = [evaluation.auroc, evaluation.auroc_interval]
PROBABILITY = [evaluation.brier_score, evaluation.expected_calibration_error]


def comparable(figure: float | Estimate) -> tuple[float, ...]:
    return (figure.value, figure.low, figure.high) if isinstance(figure, Estimate) else (figure,)


@pytest.mark.parametrize("figure", [*RANKING, *PROBABILITY])
def test_order_of_cases_does_not_matter(figure) -> None:
    truth, score = cases(11)
    probability = 1 / (1 + np.exp(-score))
    order = np.random.default_rng(0).permutation(len(truth))
    assert comparable(figure(truth[order], probability[order])) == pytest.approx(comparable(figure(truth, probability)))


@pytest.mark.parametrize("figure", RANKING)
def test_only_the_order_of_scores_matters(figure) -> None:
    truth, score = cases(12)
    assert comparable(figure(truth, np.exp(score))) == comparable(figure(truth, score))


@pytest.mark.parametrize("figure", AT_A_THRESHOLD)
def test_threshold_moves_with_the_scores(figure) -> None:
    truth, score = cases(13)
    assert figure(truth, score * 2, threshold=1.0) == figure(truth, score, threshold=0.5)


@pytest.mark.parametrize("figure", [*RANKING, *PROBABILITY])
@pytest.mark.parametrize(
    ("truth", "score", "what"),
    [
        ([0, 1], [0.5], "same length"),
        ([0, 2], [0.5, 0.5], "0 or 1"),
        ([0, 1], [0.5, math.nan], "not a number"),
    ],
)
def test_bad_input_is_refused(figure, truth, score, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        figure(truth, score)


@pytest.mark.parametrize("figure", PROBABILITY)
def test_a_probability_lies_between_0_and_1(figure) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        figure([0, 1], [0.5, 1.5])

"""Two models on the same cases: against published figures, SciPy and resampling by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from core.evaluation import METRICS, compare_auroc, compare_scores, evaluate_scores, mcnemar_test
from tests.core.evaluation.made_scores import patients, scored


def two_models(seed: int = 0, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, first = scored(seed, n)
    second = np.clip(first + np.random.default_rng(seed).normal(0, 0.3, n), 0, 1)
    return truth, first, second


def calls(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return truth and the calls of two models, of which so many are right."""
    first = np.repeat([1, 1, 0, 0], [both, only_first, only_second, neither])
    second = np.repeat([1, 0, 1, 0], [both, only_first, only_second, neither])
    return np.ones_like(first), first, second


class TestMcNemar:
    def test_the_approval_ratings_of_agresti(self) -> None:
        # 1,600 voters asked twice, 794 / 150 / 86 / 570: z² = 17.36 (Categorical Data Analysis, 2002, 10.1.1).
        found = mcnemar_test(*calls(794, 150, 86, 570))
        assert (found.only_first, found.only_second, found.exact) == (150, 86, False)
        assert stats.chi2.isf(found.p, 1) == pytest.approx(17.36, abs=0.005)

    @pytest.mark.parametrize(("first", "second"), [(1, 0), (5, 5), (9, 2), (0, 12), (20, 4)])
    def test_few_are_exact(self, first: int, second: int) -> None:
        found = mcnemar_test(*calls(30, first, second, 3))
        assert found.exact
        assert found.p == pytest.approx(stats.binomtest(first, first + second).pvalue, abs=1e-12)

    def test_the_cases_of_a_patient_change_sign_together(self) -> None:
        # Balances 3, 1 and −1: of eight choices of signs sums are ±5, ±3, ±3, ±1, and here it is 3: six as far.
        truth, first, second = np.ones(6), [1, 1, 1, 1, 0, 1], [0, 0, 0, 0, 1, 1]
        found = mcnemar_test(truth, first, second, patients=["a", "a", "a", "b", "c", "c"])
        assert (found.only_first, found.only_second) == (4, 1)
        assert found.p == pytest.approx(6 / 8)

    def test_many_patients_of_several_cases_are_as_by_drawn_signs(self) -> None:
        rng = np.random.default_rng(0)
        of = np.repeat(np.arange(100), 4)
        first = (rng.random(100)[of] < 0.65).astype(int)
        second = (rng.random(100)[of] < 0.5).astype(int)
        found = mcnemar_test(np.ones(400), first, second, patients=of)
        balance = np.bincount(of, weights=first - second)
        drawn = rng.choice([-1, 1], (40_000, 100)) @ balance
        assert found.p == pytest.approx(np.mean(np.abs(drawn) >= abs(balance.sum())), abs=0.02)
        assert found.p > 20 * mcnemar_test(np.ones(400), first, second).p

    def test_models_that_never_differ_have_no_p(self) -> None:
        assert math.isnan(mcnemar_test([1, 0], [1, 1], [1, 1]).p)

    def test_a_patients_cases_may_balance(self) -> None:
        found = mcnemar_test([1, 1], [1, 0], [0, 1], patients=["a", "a"])
        assert (found.only_first, found.only_second, found.p) == (1, 1, 1.0)


class TestComparison:
    @pytest.mark.parametrize("by_patient", [False, True])
    def test_each_model_is_measured_as_if_alone(self, by_patient: bool) -> None:
        truth, *scores = two_models()
        of = patients(0) if by_patient else None
        found = compare_scores(truth, *scores, thresholds=(0.5, 0.6), patients=of, draws=300)
        for score, threshold, figures in zip(scores, (0.5, 0.6), (found.first, found.second), strict=True):
            alone = evaluate_scores(truth[:, None], score[:, None], ["finding"], [threshold], patients=of, draws=300)
            assert list(figures) == list(METRICS)
            for name, figure in alone.labels[0].metrics.items():
                assert figures[name].value == pytest.approx(figure.value, abs=1e-12)
        assert (found.n, found.patients) == (200, 200 if of is None else len(np.unique(of)))

    def test_differences_are_paired(self) -> None:
        truth, first, second = two_models(1, 400)
        of = patients(1, 400, count=150)
        found = compare_scores(truth, first, second, thresholds=(0.5, 0.5), patients=of, draws=2000)
        figures = {
            "average_precision": lambda own, s: sklearn_metrics.average_precision_score(truth[own], s[own]),
            "brier": lambda own, s: sklearn_metrics.brier_score_loss(truth[own], s[own]),
            "f1": lambda own, s: sklearn_metrics.f1_score(truth[own], s[own] >= 0.5),
            "accuracy": lambda own, s: sklearn_metrics.accuracy_score(truth[own], s[own] >= 0.5),
        }
        members = [np.flatnonzero(of == number) for number in np.unique(of)]
        rng = np.random.default_rng(0)
        samples = [
            np.concatenate([members[m] for m in rng.integers(0, len(members), len(members))]) for _ in range(120)
        ]
        for name, figure in figures.items():
            drawn = [figure(own, first) - figure(own, second) for own in samples]
            difference = found.differences[name]
            assert difference.value == pytest.approx(figure(slice(None), first) - figure(slice(None), second), abs=1e-6)
            assert difference.high - difference.low == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.2), name
            apart = sum((one[name].high - one[name].low) ** 2 for one in (found.first, found.second)) ** 0.5
            assert difference.high - difference.low < apart

    def test_areas_are_compared_by_delong(self) -> None:
        truth, first, second = two_models(2)
        found = compare_scores(truth, first, second, thresholds=(0.5, 0.5), draws=50)
        alone = compare_auroc(truth, first, second)
        assert found.differences["auroc"] == found.auroc.difference
        assert found.auroc.p == pytest.approx(alone.p, abs=1e-12)
        assert found.auroc.difference.low == pytest.approx(alone.difference.low, abs=1e-12)

    def test_no_interval_is_given_to_a_difference_of_calibration_errors(self) -> None:
        found = compare_scores(*two_models(3), thresholds=(0.5, 0.5), draws=50)
        assert found.differences["ece"].value == pytest.approx(found.first["ece"].value - found.second["ece"].value)
        assert math.isnan(found.differences["ece"].low)
        assert "Brier" in found.differences["ece"].undefined

    def test_disagreements_are_listed_furthest_apart_first(self) -> None:
        found = compare_scores(
            [1, 0, 1, 0], [0.9, 0.6, 0.4, 0.2], [0.8, 0.1, 0.5, 0.3], thresholds=(0.5, 0.5), draws=50
        )
        listed = [(one.case, one.truth, one.first, one.second, one.first_is_right) for one in found.disagreements]
        assert listed == [(1, False, 0.6, 0.1, False), (2, True, 0.4, 0.5, False)]
        assert (found.mcnemar.only_first, found.mcnemar.only_second) == (0, 2)

    def test_a_model_does_not_differ_from_itself(self) -> None:
        truth, score, _ = two_models(4)
        found = compare_scores(truth, score, score, thresholds=(0.5, 0.5), draws=50)
        assert all(difference.value == 0 for difference in found.differences.values())
        assert all(math.isnan(difference.low) and difference.undefined for difference in found.differences.values())
        assert found.disagreements == ()

    def test_what_is_undefined_for_a_model_says_for_which(self) -> None:
        truth, first, second = two_models(5)
        found = compare_scores(truth, first, second * 0.5, thresholds=(0.5, 0.9), draws=50)
        assert found.differences["ppv"].undefined == "for the second model, no case is called positive"

    def test_no_case_is_no_comparison(self) -> None:
        found = compare_scores([], [], [], thresholds=(0.5, 0.5))
        assert all(math.isnan(difference.value) for difference in found.differences.values())
        assert math.isnan(found.mcnemar.p)

"""Areas and their variances against the definitions, pair by pair, and against a published example."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.domain import Estimate
from core.evaluation import auroc_interval, compare_auroc
from tests.core.evaluation.made_scores import patients, scored

Z = 1.959963984540054


def ends(estimate: Estimate) -> tuple[float, float]:
    return estimate.low, estimate.high


def kernel(truth: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return 1, ½ or 0 for every pair of a positive (rows) and a negative (columns)."""
    positive, negative = score[truth == 1][:, None], score[truth == 0]
    return (positive > negative) + 0.5 * (positive == negative)


def delong_covariance(truth: np.ndarray, *scores: np.ndarray) -> np.ndarray:
    """Return the covariance of the areas of models, (models, models): equations 2 to 6 of DeLong et al. 1988."""
    pairs = [kernel(truth, score) for score in scores]
    areas = np.array([pair.mean() for pair in pairs])
    of_positive = np.array([pair.mean(axis=1) for pair in pairs]) - areas[:, None]
    of_negative = np.array([pair.mean(axis=0) for pair in pairs]) - areas[:, None]
    m, n = of_positive.shape[1], of_negative.shape[1]
    return of_positive @ of_positive.T / (m - 1) / m + of_negative @ of_negative.T / (n - 1) / n


def obuchowski_variance(truth: np.ndarray, score: np.ndarray, of: np.ndarray) -> float:
    """Return the variance of an area of clustered cases, cluster by cluster: Obuchowski 1997."""
    pair = kernel(truth, score)
    area, m, n = pair.mean(), *pair.shape
    of_positive, of_negative = of[truth == 1], of[truth == 0]
    s10 = s01 = s11 = 0.0
    for cluster in np.unique(of):
        above = (pair.mean(axis=1)[of_positive == cluster] - area).sum()
        below = (pair.mean(axis=0)[of_negative == cluster] - area).sum()
        s10 += above**2
        s01 += below**2
        s11 += above * below
    with_positive, with_negative, all_of = (len(np.unique(each)) for each in (of_positive, of_negative, of))
    s10 *= with_positive / ((with_positive - 1) * m)
    s01 *= with_negative / ((with_negative - 1) * n)
    s11 *= all_of / (all_of - 1)
    return s10 / m + s01 / n + 2 * s11 / (m * n)


class TestOneModel:
    def test_the_ratings_of_hanley_and_mcneil(self) -> None:
        # 109 CT scans rated from 1 to 5, table I of "The meaning and use of the area under a ROC curve", Radiology 143,
        # 1982. With DeLong's variance Stata's manual (roctab) gives 0.8932, 0.0307, 0.83295 to 0.95339.
        normal, abnormal = np.repeat(range(1, 6), [33, 6, 6, 11, 2]), np.repeat(range(1, 6), [3, 2, 2, 11, 33])
        truth, rating = np.repeat([0, 1], [58, 51]), np.concatenate([normal, abnormal])
        estimate = auroc_interval(truth, rating)
        assert round(estimate.value, 4) == 0.8932
        assert (round(estimate.low, 5), round(estimate.high, 5)) == (0.83295, 0.95339)
        assert round((estimate.high - estimate.low) / (2 * Z), 4) == 0.0307

    @pytest.mark.parametrize("ties", [False, True])
    @pytest.mark.parametrize("seed", range(3))
    def test_patients_with_several_cases_are_obuchowskis_clusters(self, seed: int, ties: bool) -> None:
        truth, score = scored(seed, ties=ties)
        of = patients(seed)
        estimate = auroc_interval(truth, score, patients=of)
        reach = Z * math.sqrt(obuchowski_variance(truth, score, of))
        expected = (estimate.value - reach, min(1.0, estimate.value + reach))
        assert ends(estimate) == pytest.approx(expected, abs=1e-12)

    def test_a_case_for_each_patient_is_delongs(self) -> None:
        truth, score = scored(3)
        backwards = auroc_interval(truth, score, patients=np.arange(200)[::-1])
        assert ends(backwards) == pytest.approx(ends(auroc_interval(truth, score)), abs=1e-14)
        assert obuchowski_variance(truth, score, np.arange(200)) == pytest.approx(
            delong_covariance(truth, score)[0, 0], abs=1e-15
        )

    def test_names_and_numbers_of_patients_are_the_same(self) -> None:
        truth, score = scored(4)
        of = patients(4)
        named = [f"patient {number}" for number in of]
        by_name, by_number = (auroc_interval(truth, score, patients=each) for each in (named, of))
        assert ends(by_name) == pytest.approx(ends(by_number), abs=1e-14)

    def test_unknown_patients_count_one_by_one(self) -> None:
        truth, score = scored(5)
        known = [str(number) for number in range(150)]
        for nobody in (None, ""):
            of = [*known, *[nobody] * 50]
            found = auroc_interval(truth, score, patients=of)
            assert ends(found) == pytest.approx(ends(auroc_interval(truth, score)), abs=1e-14)

    def test_two_patients_of_either_class_are_needed(self) -> None:
        estimate = auroc_interval([0, 0, 1, 1], [0.1, 0.6, 0.5, 0.7], patients=[1, 2, 3, 3])
        assert estimate.value == 0.75
        assert math.isnan(estimate.low)
        assert "two patients" in estimate.undefined

    def test_equal_scores_have_no_interval(self) -> None:
        estimate = auroc_interval([0, 0, 1, 1], [0.5] * 4)
        assert estimate.value == 0.5
        assert "do not differ" in estimate.undefined

    def test_patients_must_be_as_many_as_cases(self) -> None:
        with pytest.raises(ValueError, match="as many as there are cases, 4"):
            auroc_interval([0, 0, 1, 1], [0.1, 0.6, 0.5, 0.7], patients=[1, 2])


class TestTwoModels:
    @pytest.mark.parametrize("ties", [False, True])
    @pytest.mark.parametrize("seed", range(3))
    def test_the_difference_is_delongs(self, seed: int, ties: bool) -> None:
        truth, first = scored(seed, ties=ties)
        second = np.clip(first + np.random.default_rng(seed).normal(0, 0.3, len(first)), 0, 1)
        both = delong_covariance(truth, first, second)
        error = math.sqrt(both[0, 0] + both[1, 1] - 2 * both[0, 1])
        found = compare_auroc(truth, first, second)
        value = kernel(truth, first).mean() - kernel(truth, second).mean()
        assert found.first == auroc_interval(truth, first)
        assert found.second == auroc_interval(truth, second)
        assert found.difference.value == pytest.approx(value, abs=1e-12)
        assert ends(found.difference) == pytest.approx((value - Z * error, value + Z * error), abs=1e-12)
        assert found.p == pytest.approx(math.erfc(abs(value) / error / math.sqrt(2)), abs=1e-12)

    def test_the_difference_of_clusters_is_that_of_drawn_clusters(self) -> None:
        truth, first = scored(6, n=600)
        of = patients(6, n=600, count=200)
        rng = np.random.default_rng(6)
        second = np.clip(first + rng.normal(0, 0.2, 600) + rng.normal(0, 0.2, 200)[of], 0, 1)
        found = compare_auroc(truth, first, second, patients=of)
        members = [np.flatnonzero(of == number) for number in np.unique(of)]
        drawn = []
        for _ in range(400):
            own = np.concatenate([members[number] for number in rng.integers(0, len(members), len(members))])
            drawn.append(kernel(truth[own], first[own]).mean() - kernel(truth[own], second[own]).mean())
        error = (found.difference.high - found.difference.low) / (2 * Z)
        assert error == pytest.approx(np.std(drawn), rel=0.1)

    def test_changing_places_changes_the_sign(self) -> None:
        truth, first = scored(7)
        _, second = scored(8)
        there, back = compare_auroc(truth, first, second), compare_auroc(truth, second, first)
        assert (back.difference.value, back.p) == pytest.approx((-there.difference.value, there.p))
        assert back.difference.low == pytest.approx(-there.difference.high)

    def test_a_model_does_not_differ_from_itself(self) -> None:
        truth, score = scored(9)
        found = compare_auroc(truth, score, score**2)
        assert found.difference.value == 0.0
        assert math.isnan(found.p)
        assert "do not differ" in found.difference.undefined

    def test_one_class_is_undefined(self) -> None:
        found = compare_auroc([1, 1], [0.1, 0.2], [0.2, 0.1])
        assert math.isnan(found.p)
        assert found.difference.undefined == "no case without the finding"

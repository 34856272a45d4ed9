"""Predictive values at a prevalence, and thresholds for costs, worked out by hand and by trying all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import evaluation
from core.evaluation import lowest_cost_threshold, predictive_values, youden_threshold
from tests.core.evaluation.made_scores import scored


class TestPredictiveValues:
    def test_by_hand(self) -> None:
        # Sensitivity 4/5, specificity 3/4, prevalence 10 %: PPV 0.08 / (0.08 + 0.225), NPV 0.675 / (0.675 + 0.02).
        truth, score = [1, 1, 1, 1, 1, 0, 0, 0, 0], [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.9]
        found = predictive_values(truth, score, threshold=0.5, prevalence=0.1)
        assert found.ppv.value == pytest.approx(0.08 / 0.305)
        assert found.npv.value == pytest.approx(0.675 / 0.695)
        # Half a success and half a failure more: 4.5/6 and 1.5/5; log-variance 0.25/4.5 + 0.7/1.5.
        centre = math.log(0.75 / 0.3 / 9)
        reach = 1.959963984540054 * math.sqrt(0.25 / 4.5 + 0.7 / 1.5)
        expected = [1 / (1 + math.exp(-logit)) for logit in (centre - reach, centre + reach)]
        assert (found.ppv.low, found.ppv.high) == pytest.approx(expected)

    @pytest.mark.parametrize("seed", range(3))
    def test_at_the_prevalence_of_the_cases_they_are_those_of_the_cases(self, seed: int) -> None:
        truth, score = scored(seed)
        found = predictive_values(truth, score, threshold=0.5, prevalence=truth.mean())
        assert found.ppv.value == pytest.approx(evaluation.ppv(truth, score, threshold=0.5).value)
        assert found.npv.value == pytest.approx(evaluation.npv(truth, score, threshold=0.5).value)

    def test_rarer_findings_make_calls_less_and_silence_more_trustworthy(self) -> None:
        truth, score = scored(4)
        rare, common = (predictive_values(truth, score, threshold=0.5, prevalence=p) for p in (0.01, 0.5))
        assert rare.ppv.high < common.ppv.low
        assert rare.npv.low > common.npv.high

    def test_the_finding_and_its_absence_change_places(self) -> None:
        truth, score = scored(5)
        found = predictive_values(truth, score, threshold=0.5, prevalence=0.2)
        mirrored = predictive_values(1 - truth, 1 - score, threshold=0.5, prevalence=0.8)
        for one, other in ((found.ppv, mirrored.npv), (found.npv, mirrored.ppv)):
            assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))

    def test_cases_twice_of_the_same_patients_say_no_more(self) -> None:
        truth, score = scored(6)
        doubled = np.tile(truth, 2), np.tile(score, 2)
        once, twice, apart = (
            predictive_values(*cases, threshold=0.5, prevalence=0.1, patients=of).ppv
            for cases, of in (((truth, score), None), (doubled, np.tile(np.arange(200), 2)), (doubled, None))
        )
        assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.02)
        assert apart.high - apart.low < 0.8 * (once.high - once.low)

    def test_without_false_alarms_there_is_still_an_interval(self) -> None:
        found = predictive_values([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], threshold=0.5, prevalence=0.1)
        assert found.ppv.value == found.ppv.high == 1.0
        assert found.ppv.low < 0.5

    def test_undefined_says_why(self) -> None:
        assert predictive_values([0, 1], [0.1, 0.2], threshold=0.5, prevalence=0.1).ppv.undefined == (
            "no case is called positive"
        )
        assert predictive_values([1], [0.1], threshold=0.5, prevalence=0.1).npv.undefined == (
            "no case without the finding"
        )

    @pytest.mark.parametrize("prevalence", [0, 1, 10])
    def test_a_prevalence_of_0_or_1_is_refused(self, prevalence: float) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            predictive_values([0, 1], [0.1, 0.2], threshold=0.5, prevalence=prevalence)


def cost_at(truth, score, threshold: float, *, miss: float, false_alarm: float, prevalence: float) -> float:
    found = evaluation.sensitivity(truth, score, threshold=threshold).value
    spared = evaluation.specificity(truth, score, threshold=threshold).value
    return prevalence * miss * (1 - found) + (1 - prevalence) * false_alarm * (1 - spared)


class TestLowestCost:
    def test_by_hand(self) -> None:
        # At 0.5 one of two findings is missed and nobody is called falsely; below 0.3 nothing is missed.
        truth, score = [0, 0, 1, 1], [0.1, 0.4, 0.3, 0.8]
        assert lowest_cost_threshold(truth, score, miss=1, false_alarm=3) == pytest.approx(0.6)
        assert lowest_cost_threshold(truth, score, miss=3, false_alarm=1) == pytest.approx(0.2)

    @given(
        st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12)), min_size=2, max_size=40),
        st.floats(0, 10),
        st.floats(0, 10),
        st.floats(0, 1),
    )
    def test_no_threshold_costs_less(self, pairs, miss: float, false_alarm: float, prevalence: float) -> None:
        truth, score = (np.array(column) for column in zip(*pairs, strict=True))
        costs = {"miss": miss, "false_alarm": false_alarm, "prevalence": prevalence}
        best = lowest_cost_threshold(truth, score, **costs)
        if truth.all() or not truth.any():
            assert math.isnan(best)
            return
        all_costs = [cost_at(truth, score, threshold, **costs) for threshold in np.arange(-1, 14)]
        assert cost_at(truth, score, best, **costs) <= min(all_costs) + 1e-9

    @pytest.mark.parametrize("seed", range(3))
    def test_equal_costs_at_half_the_cases_are_youdens(self, seed: int) -> None:
        truth, score = scored(seed)
        found = lowest_cost_threshold(truth, score, miss=1, false_alarm=1, prevalence=0.5)
        assert found == pytest.approx(youden_threshold(truth, score))

    def test_the_prevalence_of_the_cases_is_taken_without_another(self) -> None:
        truth, score = scored(3)
        assert lowest_cost_threshold(truth, score, miss=2, false_alarm=1) == lowest_cost_threshold(
            truth, score, miss=2, false_alarm=1, prevalence=truth.mean()
        )

    def test_to_call_everybody_or_nobody_may_be_best(self) -> None:
        truth, score = [1, 0], [0.1, 0.9]
        assert lowest_cost_threshold(truth, score, miss=3, false_alarm=1) == 0.1
        assert lowest_cost_threshold(truth, score, miss=1, false_alarm=3) == math.nextafter(0.9, 1)

    @pytest.mark.parametrize(
        ("options", "what"),
        [
            ({"miss": -1, "false_alarm": 1}, "0 or more"),
            ({"miss": math.nan, "false_alarm": 1}, "0 or more"),
            ({"miss": 1, "false_alarm": 1, "prevalence": 5}, "between 0 and 1"),
        ],
    )
    def test_nonsense_is_refused(self, options: dict[str, float], what: str) -> None:
        with pytest.raises(ValueError, match=what):
            lowest_cost_threshold([0, 1], [0.1, 0.2], **options)


def test_between_neighbouring_numbers_the_upper_is_the_threshold() -> None:
    low = 0.5
    high = math.nextafter(low, 1)
    assert youden_threshold([0, 1], [low, high]) == high


@pytest.mark.parametrize("figure", ["sensitivity", "specificity", "ppv", "npv", "accuracy"])
def test_shares_count_effective_cases(figure: str) -> None:
    truth, score = scored(8, 400)
    of = np.repeat(np.arange(100), 4)
    rng = np.random.default_rng(0)
    # Cases of a patient share their score, so that they are called alike.
    shared = np.clip(score[4 * of] + rng.normal(0, 0.05, 400), 0, 1)
    apart = getattr(evaluation, figure)(truth, shared, threshold=0.5)
    together = getattr(evaluation, figure)(truth, shared, threshold=0.5, patients=of)
    assert together.value == apart.value
    assert together.low <= apart.low < apart.high <= together.high

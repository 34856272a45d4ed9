"""Groups of the cases: measured as if alone, tested as by SciPy, and not over-read."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from core.evaluation import Heterogeneity, auroc_interval, evaluate_scores, evaluate_subgroups
from core.evaluation.subgroups import holm
from tests.core.evaluation.made_scores import scored


def grouped(seed: int = 0, n: int = 400):
    """Return truth, scores and the sex of cases, of whom a few are of another or of none."""
    truth, score = scored(seed, n)
    sex = np.random.default_rng(1000 + seed).choice(["F", "M", "O", ""], n, p=[0.5, 0.38, 0.05, 0.07])
    return truth, score, [str(each) or None for each in sex]


def result_of(truth, score, *, of=None, threshold: float | None = 0.5, draws: int = 100):
    return evaluate_scores(truth[:, None], score[:, None], ["finding"], [threshold], patients=of, draws=draws)


def by_metric(found) -> dict[str, Heterogeneity]:
    return {test.metric: test for test in found.tests}


class TestGroups:
    def test_each_is_measured_as_if_alone(self) -> None:
        truth, score, sex = grouped()
        found = evaluate_subgroups(result_of(truth, score), "sex", sex)
        assert [group.name for group in found.groups] == ["F", "M", "O"]
        assert found.unknown == sex.count(None)
        for group in found.groups:
            own = np.array(sex) == group.name
            alone = result_of(truth[own], score[own]).labels[0]
            assert group.n == own.sum()
            label = group.labels[0]
            assert (label.positives, label.negatives) == (alone.positives, alone.negatives)
            assert label.metrics == alone.metrics

    def test_small_groups_say_so(self) -> None:
        truth, score, sex = grouped()
        found = evaluate_subgroups(result_of(truth, score), "sex", sex)
        large, _, small = (group.labels[0] for group in found.groups)
        assert large.warning == ""
        few = f"{small.positives} patients with and {small.negatives} patients without the finding"
        assert few in small.warning

    def test_a_few_patients_of_many_cases_are_a_small_group(self) -> None:
        truth, score, _ = grouped()
        of = np.where(np.arange(400) < 200, np.arange(400) % 10, np.arange(400))
        found = evaluate_subgroups(result_of(truth, score, of=of), "site", ["A"] * 200 + ["B"] * 200)
        assert [group.patients for group in found.groups] == [10, 200]
        assert [bool(group.labels[0].warning) for group in found.groups] == [True, False]

    def test_groups_must_be_as_many_as_cases(self) -> None:
        truth, score, _ = grouped()
        with pytest.raises(ValueError, match="1 groups for 400 cases"):
            evaluate_subgroups(result_of(truth, score), "sex", ["F"])


class TestHeterogeneity:
    def test_small_groups_are_not_tested(self) -> None:
        truth, score, sex = grouped()
        for test in evaluate_subgroups(result_of(truth, score), "sex", sex).tests:
            assert test.groups == ("F", "M")
            assert test.degrees == 1

    def test_shares_are_pearsons(self) -> None:
        truth, score, sex = grouped(1)
        found = by_metric(evaluate_subgroups(result_of(truth, score), "sex", sex))
        called = score >= 0.5
        for metric, kind, right in (("sensitivity", truth == 1, called), ("specificity", truth == 0, ~called)):
            own = [kind & (np.array(sex) == name) for name in ("F", "M")]
            table = [[(right & each).sum(), (~right & each).sum()] for each in own]
            expected = stats.chi2_contingency(table, correction=False)
            assert (found[metric].statistic, found[metric].p) == pytest.approx((expected.statistic, expected.pvalue))

    def test_areas_of_two_groups_are_compared_as_independent(self) -> None:
        truth, score, sex = grouped(2)
        test = by_metric(evaluate_subgroups(result_of(truth, score), "sex", sex))["auroc"]
        areas = [auroc_interval(truth[own], score[own]) for own in (np.array(sex) == name for name in ("F", "M"))]
        variance = sum(((area.value - area.low) / 1.959963984540054) ** 2 for area in areas)
        assert test.statistic == pytest.approx((areas[0].value - areas[1].value) ** 2 / variance)
        assert test.p == pytest.approx(2 * stats.norm.sf(math.sqrt(test.statistic)))

    def test_groups_that_do_not_differ_are_rarely_found_to(self) -> None:
        found = [evaluate_subgroups(result_of(t, s, draws=2), "sex", g) for t, s, g in map(grouped, range(40))]
        # Each of 120 p-values lies below 0.05 with that chance: at most 12 with 99 %.
        assert sum(test.p < 0.05 for one in found for test in one.tests) <= 12
        assert sum(test.adjusted < 0.05 for one in found for test in one.tests) <= 6

    def test_a_group_in_which_the_model_fails_is_found(self) -> None:
        truth, score, _ = grouped(3)
        site = np.array(["A", "B"])[np.arange(400) % 2]
        score = np.where(site == "B", np.random.default_rng(77).random(400), score)
        found = by_metric(evaluate_subgroups(result_of(truth, score), "site", list(site)))
        assert found["auroc"].adjusted < 0.01
        assert "more than chance explains" in found["auroc"].reading

    def test_no_difference_is_not_said_to_be_none(self) -> None:
        test = Heterogeneity("finding", "auroc", ("F", "M"), statistic=1.0, degrees=1, p=0.3, adjusted=0.9)
        assert "does not prove" in test.reading

    def test_what_cannot_be_tested_says_why(self) -> None:
        truth, score, sex = grouped(4)
        one_group = evaluate_subgroups(result_of(truth, score), "sex", ["F"] * 400)
        assert all("fewer than two groups" in test.undefined for test in one_group.tests)
        uncalled = by_metric(evaluate_subgroups(result_of(truth, score, threshold=None), "sex", sex))
        assert uncalled["sensitivity"].undefined == "no operating point"
        assert not uncalled["auroc"].undefined
        perfect = by_metric(evaluate_subgroups(result_of(truth, truth.astype(float)), "sex", sex))
        assert all("no spread" in test.undefined for test in perfect.values())
        assert "Not tested" in perfect["auroc"].reading

    def test_patients_with_several_cases_make_tests_more_careful(self) -> None:
        truth, score, sex = grouped(5)
        doubled = np.tile(truth, 2), np.tile(score, 2)
        once = by_metric(evaluate_subgroups(result_of(truth, score), "sex", sex))
        twice = evaluate_subgroups(result_of(*doubled, of=np.tile(np.arange(400), 2)), "sex", sex * 2)
        for test in twice.tests:
            assert test.statistic == pytest.approx(once[test.metric].statistic, rel=0.02)

    def test_holm_by_hand(self) -> None:
        blank = Heterogeneity("finding", "auroc", ())
        given = [replace(blank, p=p) for p in (0.04, 0.01, math.nan, 0.03)]
        adjusted = [test.adjusted for test in holm(given)]
        # In order: 3 · 0.01, 2 · 0.03, and 0.04, which may not fall below the one before.
        assert adjusted[:2] == pytest.approx([0.06, 0.03])
        assert math.isnan(adjusted[2])
        assert adjusted[3] == pytest.approx(0.06)

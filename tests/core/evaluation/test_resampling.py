"""Resampled figures against scikit-learn on the same weights, and BCa intervals against SciPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from core.evaluation.calibration import calibration_error_interval, calibration_gaps
from core.evaluation.cases import as_cases
from core.evaluation.patients import effective_number, patient_numbers
from core.evaluation.resampling import CHUNK, Resampled, draw_totals, mean_of, over_draws
from core.evaluation.score_draws import draw_scores, score_influence
from tests.core.evaluation.made_scores import patients, scored


def one_label(seed: int, *, ties: bool = False, unknown: int = 0):
    """Return cases of one label with patients, the first few of unknown truth."""
    truth, score = scored(seed, ties=ties)
    known = truth.astype(float)
    known[:unknown] = math.nan
    return as_cases(known[:, None], score[:, None], ["finding"], patients=patients(seed))


def drawn_weights(cases, *, draws: int, seed: int) -> np.ndarray:
    """Return how often each case is in each draw that `draw_scores` makes, (draws, N)."""
    rows = CHUNK // len(cases)
    counts = over_draws(np.copy, patients=cases.patient_count, rows=rows, draws=draws, seed=seed)
    return np.concatenate(counts)[:, cases.patients]


class TestDraws:
    def test_every_draw_has_as_many_patients_as_there_are(self) -> None:
        counts = np.concatenate(over_draws(np.copy, patients=30, rows=7, draws=500))
        assert counts.shape == (500, 30)
        assert (counts.sum(axis=1) == 30).all()
        # Binomial of 30 draws with 1/30: mean 1, variance 29/30.
        assert counts.mean(axis=0) == pytest.approx(np.ones(30), abs=0.2)
        assert counts.var() == pytest.approx(29 / 30, rel=0.05)

    def test_seeds_decide(self) -> None:
        first, again, other = (
            np.concatenate(over_draws(np.copy, patients=9, rows=4, draws=20, seed=s)) for s in (1, 1, 2)
        )
        assert (first == again).all()
        assert (first != other).any()

    @pytest.mark.parametrize("count", [3, 400])
    def test_totals_of_kinds_are_those_of_patients(self, count: int) -> None:
        # Of two kinds, few or many of each: the path is another, the distribution is not.
        kinds, frequency = np.array([[[1.0, 0.0]], [[0.0, 2.0]]]), np.array([count, 2 * count])
        totals = draw_totals(kinds, frequency, draws=4000)
        assert totals.shape == (4000, 1, 2)
        patients_drawn = totals[:, 0, 0] + totals[:, 0, 1] / 2
        assert (patients_drawn == 3 * count).all()
        assert totals[:, 0, 0].mean() == pytest.approx(count, rel=0.03)
        assert totals[:, 0, 0].var() == pytest.approx(3 * count * (1 / 3) * (2 / 3), rel=0.1)


class TestScoreDraws:
    @pytest.mark.parametrize("ties", [False, True])
    def test_figures_of_a_draw_are_those_of_weighted_cases(self, ties: bool) -> None:
        cases = one_label(1, ties=ties, unknown=20)
        truth, score, _ = cases.of_label(0)
        drawn = draw_scores(cases, draws=40, seed=3)[0]
        for row, weights in enumerate(drawn_weights(cases, draws=40, seed=3)[:, 20:]):
            used = {"sample_weight": weights}
            assert drawn.auroc[row] == pytest.approx(sklearn_metrics.roc_auc_score(truth, score, **used), abs=1e-6)
            precision = sklearn_metrics.average_precision_score(truth, score, **used)
            assert drawn.average_precision[row] == pytest.approx(precision, abs=1e-6)
            assert drawn.brier[row] == pytest.approx(np.average((score - truth) ** 2, weights=weights), abs=1e-6)
            repeated = np.repeat(np.arange(len(truth)), weights.astype(int))
            gaps = calibration_gaps(truth[repeated], score[repeated])
            assert drawn.gaps[row] == pytest.approx(gaps, abs=1e-6)

    @pytest.mark.parametrize("ties", [False, True])
    def test_sensitivity_at_a_rate_is_that_of_the_curve(self, ties: bool) -> None:
        cases = one_label(2, ties=ties)
        truth, score, _ = cases.of_label(0)
        rates = [0.0, 0.05, 0.31, 1.0]
        drawn = draw_scores(cases, draws=30, seed=4, rates=[rates])[0]
        for row, weights in enumerate(drawn_weights(cases, draws=30, seed=4)):
            false, found, _ = sklearn_metrics.roc_curve(truth, score, sample_weight=weights, drop_intermediate=False)
            expected = [found[false <= rate + 1e-9].max() for rate in rates]
            assert drawn.sensitivity[row] == pytest.approx(expected, abs=1e-6)

    def test_a_draw_without_the_finding_is_undefined(self) -> None:
        cases = as_cases([[1], [0], [0]], [[0.6], [0.7], [0.2]], ["finding"])
        drawn = draw_scores(cases, draws=200)[0]
        missing = np.isnan(drawn.auroc)
        # Not drawn in three: (2/3)³ = 0.30; only it: 1/27.
        assert missing.mean() == pytest.approx(0.30 + 0.04, abs=0.1)
        assert (np.isnan(drawn.average_precision) == missing).all()
        assert np.isfinite(drawn.brier).all()

    @pytest.mark.parametrize("ties", [False, True])
    def test_influence_is_the_derivative_by_a_patients_weight(self, ties: bool) -> None:
        cases = one_label(3, ties=ties)
        truth, score, of = cases.of_label(0)
        values, influence = score_influence(cases, 0)
        figures = {
            "auroc": sklearn_metrics.roc_auc_score,
            "average_precision": sklearn_metrics.average_precision_score,
            "brier": sklearn_metrics.brier_score_loss,
        }
        for name, figure in figures.items():
            assert values[name] == pytest.approx(figure(truth, score), abs=1e-12)
            for patient in range(5):
                weights = np.where(of == patient, 1 + 1e-6, 1.0)
                slope = (figure(truth, score, sample_weight=weights) - values[name]) / 1e-6
                assert influence[name][patient] == pytest.approx(slope, abs=1e-7)


class TestInterval:
    def test_it_is_scipys_bca(self) -> None:
        values = np.random.default_rng(0).exponential(size=60)
        expected = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=1).confidence_interval
        counts = np.concatenate(over_draws(np.copy, patients=60, rows=1000, draws=20_000))
        found = Resampled(float(values.mean()), counts @ values / 60, values - values.mean()).estimate()
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.015)
        # Plain percentiles of these draws are elsewhere.
        assert found.high > np.quantile(counts @ values / 60, 0.975) + 0.02

    def test_influences_may_stand_for_several_patients(self) -> None:
        rng = np.random.default_rng(1)
        draws = rng.gamma(9, size=1000)
        influence, frequency = np.array([-1.0, 0.5, 4.0]), np.array([6, 8, 1])
        together = Resampled(9.0, draws, influence, frequency).estimate()
        assert together == Resampled(9.0, draws, np.repeat(influence, frequency)).estimate()

    def test_no_spread_is_no_interval(self) -> None:
        found = Resampled(0.5, np.full(100, 0.5), np.zeros(10)).estimate()
        assert found.value == 0.5
        assert math.isnan(found.low)
        assert "same value" in found.undefined

    def test_draws_that_are_often_undefined_are_no_interval(self) -> None:
        draws = np.random.default_rng(2).normal(size=100)
        draws[:6] = math.nan
        assert "too few cases" in Resampled(0.0, draws, np.zeros(10)).estimate().undefined
        draws[:1] = 0.0
        assert not Resampled(0.0, draws, np.zeros(10)).estimate().undefined

    def test_means_and_differences_go_draw_by_draw(self) -> None:
        one, other = (Resampled(v, np.array([v, v + 1]), np.array([v, -v])) for v in (1.0, 3.0))
        mean, difference = mean_of([one, other]), one.minus(other)
        assert (mean.value, mean.draws.tolist(), mean.influence.tolist()) == (2.0, [2.0, 3.0], [2.0, -2.0])
        assert (difference.value, difference.draws.tolist()) == (-2.0, [-2.0, -2.0])


class TestCalibrationError:
    def test_gaps_that_chance_explains_reach_down_to_0(self) -> None:
        noise = np.random.default_rng(3).normal(0, 0.01, (500, 15))
        gaps = noise[0]
        low, high = calibration_error_interval(gaps, gaps + noise)
        assert low == 0.0
        assert high >= np.abs(gaps).sum()

    def test_gaps_far_beyond_chance_have_an_interval_around_them(self) -> None:
        # Two bins that are off to the same side: the sum is as normal as its parts, 0.2 ± 1.96 · √2 · 0.01.
        gaps = np.array([0.1, 0.1])
        noise = np.random.default_rng(4).normal(0, 0.01, (20_000, 2))
        found = calibration_error_interval(gaps, gaps + noise)
        assert found == pytest.approx((0.2 - 0.0277, 0.2 + 0.0277), abs=0.001)


class TestPatients:
    def test_names_become_numbers_and_nobody_is_alone(self) -> None:
        assert patient_numbers(["b", "a", "", "b", ""], n=5).tolist() == [1, 0, 2, 1, 3]
        assert patient_numbers(["b", None, "a", None], n=4).tolist() == [1, 2, 0, 3]
        assert patient_numbers([7.0, math.nan, 7.0], n=3).tolist() == [0, 1, 0]
        assert patient_numbers(None, n=2).tolist() == [0, 1]

    def test_effective_number_by_hand(self) -> None:
        # Two of four right, in two patients of two who are both right or both wrong: share ½, of two patients'
        # means 1 and 0. Variance 2 / 1 · (1² + 1²) / 16 = ¼; of four independent cases ¹⁄₁₆: as good as one case.
        assert effective_number(np.array([True, True, False, False]), np.array([5, 5, 9, 9])) == 1.0
        # Each patient half right: better than independent, and still not more than the four cases.
        assert effective_number(np.array([True, False, True, False]), np.array([5, 5, 9, 9])) == 4.0
        assert effective_number(np.array([True, False, True]), np.array([1, 2, 3])) == 3.0
        # Without a mistake nobody knows how alike cases are: two patients.
        assert effective_number(np.array([True, True, True, True]), np.array([5, 5, 9, 9])) == 2.0

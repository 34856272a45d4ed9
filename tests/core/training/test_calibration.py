from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, softmax

from core.domain import Calibration, Label, OperatingPoint
from core.evaluation import expected_calibration_error
from core.training.calibration import (
    OPERATING_POINTS,
    Cases,
    apply_calibration,
    bootstrap_samples,
    calibrate,
    calls_alike,
    is_alike,
    operating_points,
)
from tests.made_models import CHEST_SPEC


def test_the_calibration_that_made_the_data_is_found() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 4, (20000, 1))
    targets = (rng.random((20000, 1)) < expit(logits / 2 - 0.7)).astype(float)
    found = calibrate(logits, targets, activation="sigmoid", origin="test")
    assert found.method == "platt"
    assert found.temperature == pytest.approx(2, rel=0.05)
    assert found.bias[0] == pytest.approx(-0.7, abs=0.06)
    assert expected_calibration_error(targets[:, 0], apply_calibration(logits, found)[:, 0]) < 0.01


def test_one_temperature_for_exclusive_labels() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (20000, 4))
    chance = softmax(logits / 1.5, axis=1)
    chosen = (chance.cumsum(axis=1) > rng.random((20000, 1))).argmax(axis=1)
    found = calibrate(logits, np.eye(4)[chosen], activation="softmax", origin="test")
    assert (found.method, found.bias) == ("temperature", ())
    assert found.temperature == pytest.approx(1.5, rel=0.05)


def test_separable_classes_keep_a_finite_slope() -> None:
    logits = np.array([[-3.0], [-2.0], [2.0], [3.0]])
    found = calibrate(logits, (logits > 0).astype(float), activation="sigmoid", origin="test")
    scores = apply_calibration(logits, found)[:, 0]
    # Platt's targets are 1/4 and 3/4 for two cases of each class.
    assert 0 < scores[0] < 0.3
    assert 0.7 < scores[3] < 1


def test_scores_worked_out_by_hand() -> None:
    calibration = Calibration("sigmoid", "platt", temperature=2.0, bias=(1.0,))
    assert apply_calibration(np.array([[-2.0]]), calibration)[0, 0] == 0.5
    assert apply_calibration(np.array([[0.0, 0.0]]), Calibration("softmax"))[0].tolist() == [0.5, 0.5]


def test_resampling_draws_whole_patients() -> None:
    groups = np.array([0, 1, 0, 2, 2, 2])
    for sample in bootstrap_samples(groups, n=20, seed=1):
        counts = np.bincount(sample, minlength=6)
        assert counts[0] == counts[2]
        assert counts[3] == counts[4] == counts[5]
        assert counts[0] + counts[1] + counts[3] == 3


class TestOperatingPoints:
    CASES = Cases("1000 images", "each twice more")

    def points(self, truth: np.ndarray, scores: np.ndarray) -> dict[str, OperatingPoint]:
        found = operating_points(truth, scores[0], scores, groups=np.arange(len(truth)), cases=self.CASES, seed=1)
        return {point.name: point for point in found}

    @pytest.mark.parametrize("shift", [-2.0, 0.0, 2.0])
    def test_they_hold_what_they_promise_as_it_is_and_under_all_conditions(self, shift: float) -> None:
        rng = np.random.default_rng(0)
        truth = (np.arange(1000) % 2).astype(float)
        # Changes may lower all scores or raise them: either the one or the other set of pictures decides.
        shifts = np.array([[0.0], [shift], [shift]])
        scores = expit(rng.normal(3 * truth - 1.5, 1.0, (3, 1000)) + shifts)
        points = self.points(truth, scores)
        assert tuple(points) == OPERATING_POINTS
        sensitive, specific = points["sensitivity-95"], points["specificity-95"]
        pooled_truth, pooled = np.tile(truth, 3), scores.ravel()
        found = [
            (pooled[pooled_truth == 1] >= sensitive.threshold).mean(),
            (scores[0][truth == 1] >= sensitive.threshold).mean(),
        ]
        spared = [
            (pooled[pooled_truth == 0] < specific.threshold).mean(),
            (scores[0][truth == 0] < specific.threshold).mean(),
        ]
        # And no more than that: one of the two is met exactly.
        assert min(found) == pytest.approx(0.95, abs=0.001)
        assert min(spared) == pytest.approx(0.95, abs=0.001)
        assert min(*found, *spared) >= 0.95
        assert sensitive.origin == (
            f"1000 images, as they are (sensitivity {found[1]:.3f}) and each twice more (all together: sensitivity "
            f"{found[0]:.3f})"
        )

    def test_the_default_balances_both_kinds_of_mistake(self) -> None:
        rng = np.random.default_rng(0)
        truth = (np.arange(1000) % 2).astype(float)
        point = self.points(truth, expit(rng.normal(3 * truth - 1.5, 1.0, (3, 1000))))["youden"]
        # Two normal distributions of equal width cross in the middle: logit 0.
        assert point.threshold == pytest.approx(0.5, abs=0.12)
        assert point.origin.startswith("1000 images and changed copies of them, each twice more; ")

    def test_a_threshold_lies_between_scores_and_not_at_one(self) -> None:
        truth = np.array([0.0] * 20 + [1.0] * 20)
        scores = np.r_[np.linspace(0.1, 0.2, 20), 0.3, np.linspace(0.6, 0.9, 19)][None]
        points = self.points(truth, scores)
        # 19 of 20 found from 0.6, 19 of 20 spared below the highest of the others.
        assert points["sensitivity-95"].threshold == pytest.approx((0.3 + 0.6) / 2)
        assert points["specificity-95"].threshold == pytest.approx((scores[0, 18] + 0.2) / 2)

    def test_what_no_case_shows_has_no_threshold(self) -> None:
        scores = np.linspace(0.1, 0.9, 10)[None]
        assert set(self.points(np.zeros(10), scores)) == {"specificity-95"}
        assert set(self.points(np.ones(10), scores)) == {"sensitivity-95"}


class TestCallingAsBefore:
    KNOWN = Calibration("sigmoid", "platt", temperature=0.55, bias=(3.2,), origin="774 images")

    def test_rounding_is_no_other_calibration(self) -> None:
        assert is_alike(replace(self.KNOWN, bias=(3.2001,)), self.KNOWN)
        assert not is_alike(replace(self.KNOWN, bias=(3.3,)), self.KNOWN)
        assert not is_alike(replace(self.KNOWN, origin="800 images"), self.KNOWN)

    def test_calls_are_those_of_the_default_points(self) -> None:
        known = replace(CHEST_SPEC, calibration=self.KNOWN)
        first, *others = known.labels
        (point,) = first.operating_points

        def moved(by: float) -> tuple[Label, ...]:
            points = (replace(point, threshold=point.threshold + by), replace(point, name="other", threshold=0.9))
            return (replace(first, operating_points=points), *others)

        assert calls_alike(known, self.KNOWN, moved(1e-6))
        assert not calls_alike(known, self.KNOWN, moved(0.01))
        assert not calls_alike(known, replace(self.KNOWN, temperature=0.56), moved(0))

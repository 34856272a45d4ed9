from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from core.domain import Calibration
from core.evaluation import expected_calibration_error
from core.training.calibration import (
    OPERATING_POINTS,
    apply_calibration,
    bootstrap_samples,
    calibrate,
    operating_points,
)


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


def test_operating_points_meet_what_they_were_set_for() -> None:
    rng = np.random.default_rng(0)
    truth = (np.arange(1000) % 2).astype(float)
    scores = expit(rng.normal(3 * truth - 1.5, 1.0, (3, 1000)))
    points = {
        point.name: point for point in operating_points(truth, scores, groups=np.arange(1000), origin="here", seed=1)
    }
    assert tuple(points) == OPERATING_POINTS
    assert points["sensitivity-95"].sensitivity.value == pytest.approx(0.95, abs=0.02)
    assert points["specificity-95"].specificity.value == pytest.approx(0.95, abs=0.02)
    # Two normal distributions of equal width cross in the middle: logit 0.
    assert points["youden"].threshold == pytest.approx(0.5, abs=0.12)
    assert all(point.n == 1000 and point.origin.startswith("here") for point in points.values())

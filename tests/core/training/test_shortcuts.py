from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.training.shortcuts import elongation_offsets, feature_aurocs, joint_auroc, trivial_features


def test_a_planted_difference_of_proportions_is_seen(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = (np.arange(80) % 2).astype(float)
    shapes = np.stack([np.full(80, 100), np.where(truth == 1, 150, 120) + rng.integers(0, 20, 80)], axis=1)
    files = [tmp_path / f"{index}" for index in range(80)]
    for file in files:
        file.write_bytes(b"0" * 1000)
    features = trivial_features(rng.integers(0, 255, (80, 32, 32), dtype=np.uint8), shapes, files)
    areas = feature_aurocs(truth, features)
    assert areas["proportions (width / height) of the files that are not square"] == 1.0
    assert areas["mean brightness"] < 0.7
    assert joint_auroc(truth, features, np.arange(80), seed=1) > 0.95


def test_features_of_a_flat_picture_with_a_bright_rim(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"0" * 512)
    picture = np.full((1, 32, 32), 10, np.uint8)
    picture[0, 0] = picture[0, -1] = picture[0, :, 0] = picture[0, :, -1] = 200
    features = trivial_features(picture, np.array([[16, 64]]), [file])
    assert features["brightness of the border"][0] == 200
    assert features["bytes per pixel"][0] == 0.5
    assert features["proportions (width / height) of the files that are not square"][0] == 4
    assert features["file is square"][0] == 0


def test_offsets_bring_classes_to_the_same_proportions() -> None:
    shapes = np.array([[100, 120], [100, 120], [100, 150], [100, 150], [224, 224], [100, 900]])
    strata = np.array([0, 0, 1, 1, 0, 1])
    offset = elongation_offsets(shapes, strata, np.array([0, 1, 2, 3, 4]))
    # log 1.2 and log 1.5 lie log 1.25 apart; each class goes half of the way. Squares and other parts do not count.
    half = np.log(1.25) / 2
    assert offset.tolist() == pytest.approx([half, half, -half, -half, half, -half])


def test_square_files_ask_for_no_offset() -> None:
    shapes, strata = np.full((4, 2), 224), np.array([0, 0, 1, 1])
    assert elongation_offsets(shapes, strata, np.arange(4)).tolist() == [0, 0, 0, 0]


def test_features_that_are_all_the_same_tell_nothing() -> None:
    truth = np.arange(40) % 2 * 1.0
    assert joint_auroc(truth, {"constant": np.ones(40), "unknown": np.full(40, np.nan)}, np.arange(40), seed=1) == 0.5


def test_too_few_patients_to_leave_some_out_give_no_figure() -> None:
    truth = np.arange(40) % 2 * 1.0
    assert np.isnan(joint_auroc(truth, {"value": truth}, np.arange(40) // 10, seed=1))

from __future__ import annotations

import numpy as np
import pytest

from core.training.material import draw_balanced, draw_watched, take_in_turn
from tests.core.training.materials import material


def test_every_class_is_drawn_equally_often_and_from_training_only() -> None:
    films = material(300, 20)
    drawn = np.concatenate([draw_balanced(films, 32, np.random.default_rng(step)) for step in range(200)])
    assert set(drawn) <= set(films.training)
    assert films.strata[drawn].mean() == pytest.approx(0.5, abs=0.02)


def test_in_turn_every_picture_comes_once_before_any_comes_again() -> None:
    films = material(30, 10)  # 20 of them for training
    steps = [take_in_turn(films, 8, seed=1, epoch=1, step=step) for step in range(5)]
    taken = np.concatenate(steps)
    assert sorted(taken[:20]) == sorted(taken[20:]) == sorted(films.training)
    assert taken[:20].tolist() != taken[20:].tolist()
    assert np.array_equal(steps[3], take_in_turn(films, 8, seed=1, epoch=1, step=3))
    assert not np.array_equal(steps[0], take_in_turn(films, 8, seed=1, epoch=2, step=0))
    assert not np.array_equal(steps[0], take_in_turn(films, 8, seed=2, epoch=1, step=0))


def test_a_batch_may_be_larger_than_the_data() -> None:
    films = material(6, 2)
    taken = take_in_turn(films, 10, seed=1, epoch=1, step=0)
    assert sorted(np.unique(taken, return_counts=True)[1]) == [2, 2, 3, 3]


def test_every_class_is_watched_alike() -> None:
    films = material(300, 40)
    watched = draw_watched(films, 20)
    assert set(watched) <= set(films.validation)
    assert films.strata[watched].sum() == 10
    assert np.array_equal(watched, draw_watched(films, 20))

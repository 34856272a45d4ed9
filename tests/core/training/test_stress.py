from __future__ import annotations

import numpy as np
import pytest
import torch

from core.training.stress import CONDITIONS, PLAIN, stress_result
from tests.core.training.films import film

PICTURES = np.stack([film(np.random.default_rng(seed), opacity=True) for seed in range(3)])


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_give_pictures_and_repeat_themselves(name: str) -> None:
    seen = CONDITIONS[name](PICTURES, (48, 48))
    assert seen.shape == (3, 1, 48, 48)
    assert 0 <= float(seen.min()) < float(seen.max()) <= 1
    assert torch.equal(seen, CONDITIONS[name](PICTURES, (48, 48)))
    assert (name == PLAIN) == torch.equal(seen, CONDITIONS[PLAIN](PICTURES, (48, 48)))


def test_the_first_condition_is_no_change() -> None:
    assert next(iter(CONDITIONS)) == PLAIN
    assert torch.equal(CONDITIONS[PLAIN](PICTURES, (64, 64))[:, 0], torch.from_numpy(PICTURES).float() / 255)


def test_conditions_are_compared_with_each_other() -> None:
    truth = np.array([0.0, 0.0, 1.0, 1.0])
    # Under "shift" all scores rise: the order within it holds, but a shifted normal case beats a diseased one as it is.
    scores = {"as it is": np.array([0.0, 1.0, 2.0, 3.0]), "shift": np.array([2.5, 3.5, 4.5, 5.5])}
    result = stress_result(truth, scores)
    # Normal cases shifted (2.5, 3.5) against diseased ones as they are (2, 3): one of four pairs in order.
    assert result.area.tolist() == [[1.0, 1.0], [0.25, 1.0]]
    assert result.plain == 1.0
    assert result.mean == pytest.approx(3.25 / 4)
    assert result.worst == 0.25
    assert result.worst_pair == ("shift", "as it is")

from __future__ import annotations

import math

import pytest

from core.domain import Estimate
from core.training.card import FIGURES
from core.training.markdown import format_estimate


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.9874, 0.98, 0.99), "0.9874 (0.9800–0.9900)"),
        (Estimate(math.nan, math.nan, math.nan, "no case"), "undefined: no case"),
        (Estimate(1.0, math.nan, math.nan, "the variance is 0"), "1.0000 (no interval: the variance is 0)"),
    ],
)
def test_an_estimate_is_written_with_its_interval_or_the_reason(estimate: Estimate, text: str) -> None:
    assert format_estimate(estimate) == text


def test_every_figure_has_words() -> None:
    assert all(words and words[0].isupper() for words in FIGURES.values())

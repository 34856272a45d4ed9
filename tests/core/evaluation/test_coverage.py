"""How often 95 % intervals hold the truth, in 1,000 sets drawn from a distribution whose figures are known.

The sets are the labels of one `Cases`: independent of each other, and measured at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from scipy import stats

from core.domain import Estimate
from core.evaluation import METRICS, evaluate_scores, predictive_values
from core.evaluation.cases import Cases, as_cases
from core.evaluation.figures import call_figures, score_figures

SETS = 1000
NAMES = [str(number) for number in range(SETS)]
DRAWS = 300
PREVALENCE = 0.4
DISTANCE = 1.2
"""Between the means of two normal distributions of unit variance: scores are the chance of the finding."""
THRESHOLD = 0.4


def sets(seed: int, patients: int, *, each: int, count: int = SETS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return truth and scores, (cases, sets), and the patients; half the variance is the patient's own."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(patients), each)
    truth = rng.random((len(of), count)) < PREVALENCE
    own = rng.normal(size=(len(of), count))
    if each > 1:
        own = (own + rng.normal(size=(patients, count))[of]) / math.sqrt(2)
    evidence = DISTANCE * (DISTANCE * truth + own - DISTANCE / 2)
    return truth.astype(float), 1 / (1 + np.exp(-evidence - math.log(PREVALENCE / (1 - PREVALENCE)))), of


@pytest.fixture(scope="module")
def truth() -> dict[str, float]:
    """Return the figures of 300,000 cases; of calibration, what they come to without end."""
    known, scores, _ = sets(0, 300_000, each=1, count=1)
    figures = evaluate_scores(known, scores, ["all"], [THRESHOLD], draws=2).labels[0].metrics
    assert figures["auroc"].value == pytest.approx(stats.norm.cdf(DISTANCE / math.sqrt(2)), abs=0.002)
    return {name: figure.value for name, figure in figures.items()} | {"ece": 0.0}


def share_held(figures: Sequence[Mapping[str, Estimate]], truth: Mapping[str, float]) -> dict[str, float]:
    """Return the share of intervals that hold the truth, by metric."""
    return {name: np.mean([one[name].low <= truth[name] <= one[name].high for one in figures]) for name in figures[0]}


def coverage(truth: Mapping[str, float], seed: int, patients: int, *, each: int) -> dict[str, float]:
    known, scores, of = sets(seed, patients, each=each)
    cases = as_cases(known, scores, NAMES, patients=of)
    of_scores = score_figures(cases, draws=DRAWS).of_labels
    return share_held(of_scores, truth) | share_held(of_calls(cases), truth)


def of_calls(cases: Cases) -> Sequence[Mapping[str, Estimate]]:
    return call_figures(cases, [THRESHOLD] * SETS, draws=DRAWS).of_labels


def test_intervals_hold_the_truth_in_95_of_100_sets(truth: dict[str, float]) -> None:
    found = coverage(truth, 1, 150, each=1)
    assert found == pytest.approx(dict.fromkeys(METRICS, 0.95), abs=0.02)


def test_intervals_of_patients_with_several_cases_hold_it_as_often(truth: dict[str, float]) -> None:
    found = coverage(truth, 2, 120, each=3)
    assert found == pytest.approx(dict.fromkeys(METRICS, 0.95), abs=0.02)


def test_without_patients_intervals_would_hold_it_less_often(truth: dict[str, float]) -> None:
    known, scores, of = sets(3, 30, each=8)
    apart, together = (
        share_held(of_calls(as_cases(known, scores, NAMES, patients=each)), truth) for each in (None, of)
    )
    for name in ("sensitivity", "specificity"):
        assert apart[name] < 0.88
        assert together[name] == pytest.approx(0.95, abs=0.03)


def test_predictive_values_at_a_prevalence_hold_the_truth() -> None:
    found, spared = (stats.norm.cdf(DISTANCE / 2 + side * logit_step() / DISTANCE) for side in (-1, 1))
    prevalence = 0.05
    ppv = prevalence * found / (prevalence * found + (1 - prevalence) * (1 - spared))
    npv = (1 - prevalence) * spared / ((1 - prevalence) * spared + prevalence * (1 - found))
    known, scores, _ = sets(4, 150, each=1)
    measured = [
        predictive_values(known[:, n], scores[:, n], threshold=THRESHOLD, prevalence=prevalence) for n in range(SETS)
    ]
    assert np.mean([one.ppv.low <= ppv <= one.ppv.high for one in measured]) == pytest.approx(0.95, abs=0.02)
    assert np.mean([one.npv.low <= npv <= one.npv.high for one in measured]) == pytest.approx(0.95, abs=0.02)


def logit_step() -> float:
    """Return how far the threshold lies from the prevalence, in logits: 0 where they are equal."""
    return math.log(THRESHOLD / (1 - THRESHOLD)) - math.log(PREVALENCE / (1 - PREVALENCE))

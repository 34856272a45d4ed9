"""Every metric of the table against scikit-learn, and the rules that hold for all of them."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from core.domain import Estimate
from core.evaluation import METRICS, evaluate_scores
from tests.core.evaluation.made_scores import patients, scored

THRESHOLD = 0.525
"""No score of `scored` lies on it, so that it can be turned round."""


def measured(truth, score, *, threshold: float = THRESHOLD, **options) -> dict[str, Estimate]:
    """Return the metrics of one label; few draws, since most tests look at values."""
    options = {"draws": 50, **options}
    columns = np.reshape(truth, (-1, 1)), np.reshape(score, (-1, 1))
    return dict(evaluate_scores(*columns, ["finding"], [threshold], **options).labels[0].metrics)


def values(figures: dict[str, Estimate]) -> dict[str, float]:
    return {name: figure.value for name, figure in figures.items()}


def is_drawn(name: str) -> bool:
    return "bootstrap" in METRICS[name].interval


def assert_alike(one: Estimate, other: Estimate, *, drawn: bool) -> None:
    """Hold two figures alike; the ends of drawn intervals to within the noise of 2,000 draws."""
    assert one.value == pytest.approx(other.value, abs=1e-12)
    near = 0.1 * (other.high - other.low) if drawn else 1e-12
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=near)


def binned_error(truth: np.ndarray, score: np.ndarray) -> float:
    """Return the calibration error by a loop over 15 bins."""
    error = 0.0
    for number in range(15):
        low, high = number / 15, (number + 1) / 15
        own = (score <= high) & ((score > low) | (number == 0))
        if own.any():
            error += own.mean() * abs(score[own].mean() - truth[own].mean())
    return error


def of_absence(figure):
    """Return a figure of scikit-learn's for the absence of the finding."""
    return functools.partial(figure, pos_label=0)


OF_SCORES = {
    "auroc": sklearn_metrics.roc_auc_score,
    "average_precision": sklearn_metrics.average_precision_score,
    "brier": sklearn_metrics.brier_score_loss,
    "ece": binned_error,
}
OF_CALLS = {
    "sensitivity": sklearn_metrics.recall_score,
    "specificity": of_absence(sklearn_metrics.recall_score),
    "ppv": sklearn_metrics.precision_score,
    "npv": of_absence(sklearn_metrics.precision_score),
    "f1": sklearn_metrics.f1_score,
    "balanced_accuracy": sklearn_metrics.balanced_accuracy_score,
    "accuracy": sklearn_metrics.accuracy_score,
    "mcc": sklearn_metrics.matthews_corrcoef,
    "kappa": sklearn_metrics.cohen_kappa_score,
}


def test_the_table_is_complete() -> None:
    assert set(METRICS) == {*OF_SCORES, *OF_CALLS}
    assert {name for name, metric in METRICS.items() if metric.at_threshold} == set(OF_CALLS)
    assert all(metric.name == name and metric.title and metric.meaning for name, metric in METRICS.items())


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_values_are_those_of_scikit_learn(seed: int, ties: bool) -> None:
    truth, score = scored(seed, ties=ties)
    expected = {name: of(truth, score) for name, of in OF_SCORES.items()}
    expected |= {name: of(truth, score >= THRESHOLD) for name, of in OF_CALLS.items()}
    assert values(measured(truth, score)) == pytest.approx(expected, abs=1e-12)


# ── Rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by_patient", [False, True])
def test_order_of_cases_does_not_matter(by_patient: bool) -> None:
    truth, score = scored(1)
    of = patients(1) if by_patient else None
    order = np.random.default_rng(0).permutation(len(truth))
    straight = measured(truth, score, patients=of, draws=2000)
    mixed = measured(truth[order], score[order], patients=None if of is None else of[order], draws=2000)
    assert values(mixed) == pytest.approx(values(straight), abs=1e-12)
    for name in METRICS:
        assert_alike(mixed[name], straight[name], drawn=False)


def test_cases_twice_give_the_same_values() -> None:
    truth, score = scored(2)
    twice = measured(np.tile(truth, 2), np.tile(score, 2))
    assert values(twice) == pytest.approx(values(measured(truth, score)), abs=1e-12)


def test_cases_twice_of_the_same_patients_say_no_more() -> None:
    truth, score = scored(3)
    doubled = np.tile(truth, 2), np.tile(score, 2)
    once = measured(truth, score, draws=2000)
    twice = measured(*doubled, patients=np.tile(np.arange(200), 2), draws=2000)
    apart = measured(*doubled, draws=2000)
    for name in METRICS:
        width = once[name].high - once[name].low
        assert (twice[name].low, twice[name].high) == pytest.approx((once[name].low, once[name].high), abs=0.1 * width)
        # Taken for different patients they would seem to say more.
        assert apart[name].high - apart[name].low < 0.85 * width


@pytest.mark.parametrize("change", [lambda s: s**2, np.sqrt, lambda s: np.arctan(s) / 2])
def test_only_the_order_of_scores_matters(change) -> None:
    truth, score = scored(4, ties=True)
    straight = measured(truth, score, draws=200)
    changed = measured(truth, change(score), threshold=change(THRESHOLD), draws=200)
    for name in set(METRICS) - {"brier", "ece"}:
        assert changed[name] == straight[name], name


MIRRORED = {"sensitivity": "specificity", "specificity": "sensitivity", "ppv": "npv", "npv": "ppv"}


@pytest.mark.parametrize("name", [name for name in METRICS if name not in ("average_precision", "f1")])
def test_the_finding_and_its_absence_change_places(name: str) -> None:
    # Average precision and F1 look at one class only.
    truth, score = scored(5)
    straight = measured(truth, score, draws=2000)[name]
    mirrored = measured(1 - truth, 1 - score, threshold=1 - THRESHOLD, draws=2000)[MIRRORED.get(name, name)]
    assert_alike(mirrored, straight, drawn=is_drawn(name))


@pytest.mark.parametrize("name", METRICS)
def test_intervals_hold_their_value_and_stay_within_bounds(name: str) -> None:
    for seed in range(3):
        for n in (8, 30, 200):
            figure = measured(*scored(seed, n), draws=300)[name]
            if not math.isnan(figure.low):
                assert METRICS[name].low <= figure.low <= figure.value <= figure.high <= METRICS[name].high
            else:
                assert figure.undefined


def test_a_hundred_times_the_cases_give_a_tenth_of_the_width() -> None:
    few, many = (measured(*scored(6, n), draws=500) for n in (100, 10_000))
    # Chance makes most of the calibration error of few cases, so its interval shrinks otherwise.
    for name in set(METRICS) - {"ece"}:
        widths = [figures[name].high - figures[name].low for figures in (few, many)]
        assert widths[0] / widths[1] == pytest.approx(10, rel=0.3), name


# ── Undefined ─────────────────────────────────────────────────────────────────────────────────────────────────────

UNDEFINED = [
    ([], [], dict.fromkeys(METRICS, "no case")),
    ([1, 1], [0.9, 0.2], {"auroc": "no case without the finding", "specificity": "no case without the finding"}),
    ([0, 0], [0.9, 0.2], {"average_precision": "no case with the finding", "sensitivity": "no case with the finding"}),
    ([0, 1], [0.2, 0.3], {"ppv": "no case is called positive", "mcc": "all cases, or all calls, are of one kind"}),
    ([0, 1], [0.8, 0.9], {"npv": "no case is called negative"}),
    ([0, 0], [0.1, 0.2], {"f1": "no case has the finding or is called positive"}),
    ([1, 1], [0.8, 0.9], {"kappa": "all cases, or all calls, are of one kind"}),
]


@pytest.mark.parametrize(("truth", "score", "reasons"), UNDEFINED)
def test_undefined_says_why(truth: list[int], score: list[float], reasons: dict[str, str]) -> None:
    figures = measured(truth, score)
    for name, reason in reasons.items():
        assert math.isnan(figures[name].value)
        assert math.isnan(figures[name].low)
        assert figures[name].undefined == reason


@pytest.mark.parametrize("name", METRICS)
def test_whatever_is_not_a_number_has_its_reason(name: str) -> None:
    sets = [([], []), ([1], [0.9]), ([0], [0.1]), ([0, 1], [0.5, 0.5]), ([0, 0, 1, 1], [0, 0, 1, 1])]
    for truth, score in sets:
        figure = measured(truth, score)[name]
        assert math.isnan(figure.low) == math.isnan(figure.high) == bool(figure.undefined)
        assert figure.undefined or not math.isnan(figure.value)


def test_without_an_operating_point_there_are_no_calls() -> None:
    truth, score = scored(7)
    result = evaluate_scores(truth[:, None], score[:, None], ["finding"], [None], draws=50)
    label = result.labels[0]
    assert label.calls is None
    assert math.isnan(label.threshold)
    for name, metric in METRICS.items():
        assert (label.metrics[name].undefined == "no operating point") == metric.at_threshold

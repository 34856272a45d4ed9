"""Whole evaluations: that their parts agree, follow a threshold, and cope with every kind of set."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from core import evaluation
from core.evaluation import METRICS, EvaluationResult, at_thresholds, evaluate_scores
from tests.core.evaluation.made_scores import patients, scored

LABELS = ("Atelectasis", "Effusion", "Nodule")
THRESHOLDS = (0.3, 0.5, 0.6)


def multi_label(n: int = 240) -> tuple[np.ndarray, np.ndarray]:
    columns = [scored(seed, n) for seed in range(len(LABELS))]
    return np.column_stack([truth for truth, _ in columns]), np.column_stack([score for _, score in columns])


def exclusive(n: int = 240) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    truth = np.eye(3)[rng.integers(0, 3, n)]
    evidence = np.exp(rng.normal(1.5 * truth, 1))
    return truth, evidence / evidence.sum(axis=1, keepdims=True)


def evaluated(**options) -> EvaluationResult:
    return evaluate_scores(*multi_label(), LABELS, THRESHOLDS, **{"draws": 200, **options})


class TestLabels:
    def test_each_is_measured_as_if_alone(self) -> None:
        truth, scores = multi_label()
        together = evaluated()
        for index, label in enumerate(together.labels):
            alone = evaluate_scores(
                truth[:, [index]],
                scores[:, [index]],
                LABELS[index : index + 1],
                THRESHOLDS[index : index + 1],
                draws=200,
            ).labels[0]
            for name, metric in METRICS.items():
                assert label.metrics[name].value == alone.metrics[name].value
                if "bootstrap" not in metric.interval:
                    assert label.metrics[name] == alone.metrics[name]

    def test_everything_of_a_label_agrees(self) -> None:
        truth, scores = multi_label()
        of = patients(0, 240)
        label = evaluated(patients=of).label("Effusion")
        one = {"truth": truth[:, 1], "score": scores[:, 1]}
        assert (label.positives, label.negatives, label.unknown) == (truth[:, 1].sum(), (1 - truth[:, 1]).sum(), 0)
        assert label.calls == evaluation.count_calls(**one, threshold=0.5)
        assert label.curves.precision_recall.average_precision == label.metrics["average_precision"].value
        assert label.metrics["auroc"] == evaluation.auroc_interval(**one, patients=result_patients(of))
        for name in ("sensitivity", "specificity", "ppv", "npv", "accuracy"):
            alone = getattr(evaluation, name)(**one, threshold=0.5, patients=of)
            assert label.metrics[name].value == alone.value
            assert (label.metrics[name].low, label.metrics[name].high) == pytest.approx((alone.low, alone.high))

    def test_the_curve_has_a_band_around_it(self) -> None:
        roc = evaluated(draws=500).labels[0].curves.roc
        assert len(roc.low) == len(roc.high) == len(roc.sensitivity)
        points = zip(roc.false_positive_rate, roc.low, roc.sensitivity, roc.high, strict=True)
        # Of points at the same rate the last is the highest, to which the band belongs.
        for low, value, high in {rate: point for rate, *point in points}.values():
            assert low <= value <= high
        middle = len(roc.low) // 2
        assert 0.02 < roc.high[middle] - roc.low[middle] < 0.4

    def test_cases_of_unknown_truth_are_left_out_for_that_label_only(self) -> None:
        truth, scores = multi_label()
        known = truth.astype(float)
        known[:40, 1] = math.nan
        result = evaluate_scores(known, scores, LABELS, THRESHOLDS, draws=50)
        effusion, nodule = result.label("Effusion"), result.label("Nodule")
        assert (effusion.unknown, nodule.unknown) == (40, 0)
        assert effusion.positives + effusion.negatives == 200
        rest = evaluate_scores(truth[40:, 1:2], scores[40:, 1:2], ["Effusion"], [0.5], draws=50).labels[0]
        assert {n: f.value for n, f in effusion.metrics.items()} == {n: f.value for n, f in rest.metrics.items()}

    def test_a_label_that_is_not_there_is_a_key_error(self) -> None:
        with pytest.raises(KeyError):
            evaluated().label("Fracture")


def result_patients(of: np.ndarray) -> np.ndarray:
    """Return the patients as the evaluation numbers them, so that sums add up in the same order."""
    return evaluated(patients=of, draws=2).cases.patients


class TestMeans:
    def test_they_are_those_of_the_labels(self) -> None:
        result = evaluated()
        assert result.averaged == LABELS
        for name in METRICS:
            assert result.macro[name].value == pytest.approx(
                np.mean([one.metrics[name].value for one in result.labels])
            )

    def test_their_intervals_are_narrower_than_those_of_the_labels(self) -> None:
        # Three labels whose scores have nothing to do with each other: by about the root of three.
        result = evaluated(draws=1000)
        for name in set(METRICS) - {"ece"}:
            widths = [one.metrics[name].high - one.metrics[name].low for one in result.labels]
            width = result.macro[name].high - result.macro[name].low
            assert np.mean(widths) / width == pytest.approx(math.sqrt(3), rel=0.2), name

    def test_a_label_without_both_kinds_of_cases_is_left_out(self) -> None:
        truth, scores = multi_label()
        truth[:, 2] = 0
        result = evaluate_scores(truth, scores, LABELS, THRESHOLDS, draws=50)
        assert result.averaged == LABELS[:2]
        assert result.macro["auroc"].value == pytest.approx(
            np.mean([one.metrics["auroc"].value for one in result.labels[:2]])
        )
        assert result.labels[2].metrics["auroc"].undefined == "no case with the finding"

    def test_a_mean_of_what_is_undefined_is_undefined(self) -> None:
        result = evaluate_scores(*multi_label(), LABELS, [0.3, 1.0, 0.6], draws=50)
        assert math.isnan(result.macro["ppv"].value)
        assert result.macro["ppv"].undefined == "for Effusion, no case is called positive"
        assert not math.isnan(result.macro["sensitivity"].value)

    def test_of_one_label_the_mean_is_the_label(self) -> None:
        truth, scores = multi_label()
        result = evaluate_scores(truth[:, :1], scores[:, :1], LABELS[:1], [0.3], draws=50)
        assert result.macro == result.labels[0].metrics


class TestAccuracy:
    def test_of_exclusive_labels_it_is_that_of_the_highest_score(self) -> None:
        truth, scores = exclusive()
        result = evaluate_scores(truth, scores, LABELS, THRESHOLDS, exclusive=True, draws=50)
        expected = sklearn_metrics.top_k_accuracy_score(truth.argmax(axis=1), scores, k=1)
        assert result.accuracy.value == pytest.approx(expected)
        assert result.accuracy == evaluation.wilson_interval(round(expected * 240), 240)
        matrix = sklearn_metrics.confusion_matrix(truth.argmax(axis=1), scores.argmax(axis=1))
        assert result.confusion_matrix.names == LABELS
        assert np.array_equal(result.confusion_matrix.counts, matrix)

    def test_of_other_labels_every_one_must_be_right(self) -> None:
        truth, scores = multi_label()
        result = evaluated()
        right = ((scores >= THRESHOLDS) == truth).all(axis=1)
        assert result.accuracy == evaluation.wilson_interval(int(right.sum()), 240)
        assert result.confusion_matrix is None

    def test_of_one_label_it_is_that_of_its_calls(self) -> None:
        truth, scores = multi_label()
        result = evaluate_scores(truth[:, :1], scores[:, :1], LABELS[:1], [0.3], draws=50)
        assert result.accuracy == result.labels[0].metrics["accuracy"]

    def test_exclusive_labels_need_exactly_one(self) -> None:
        truth, scores = multi_label()
        with pytest.raises(ValueError, match="exactly one"):
            evaluate_scores(truth, scores, LABELS, THRESHOLDS, exclusive=True)


class TestThresholds:
    def test_following_them_is_measuring_anew(self) -> None:
        for of in (None, patients(3, 240)):
            moved = at_thresholds(evaluated(patients=of), (0.4, 0.2, 0.9))
            anew = evaluate_scores(*multi_label(), LABELS, (0.4, 0.2, 0.9), patients=of, draws=200)
            assert dataclasses.replace(moved, cases=anew.cases) == anew

    def test_going_back_is_as_if_nothing_had_been(self) -> None:
        result = evaluated()
        assert at_thresholds(at_thresholds(result, (0.1, 0.1, 0.1)), THRESHOLDS) == result

    def test_figures_of_scores_stay(self) -> None:
        result = evaluated()
        moved = at_thresholds(result, (0.9, None, 0.1))
        for before, after in zip(result.labels, moved.labels, strict=True):
            for name, metric in METRICS.items():
                assert (after.metrics[name] == before.metrics[name]) == (not metric.at_threshold), name
        assert moved.labels[1].calls is None

    def test_many_kinds_of_patients_and_few_are_measured_alike(self) -> None:
        # Twenty cases a patient: hardly two patients are alike, and patients are drawn instead of kinds.
        truth, scores = scored(4, 4000)
        columns = truth[:, None], scores[:, None]
        of = np.repeat(np.arange(200), 20)
        figure = evaluate_scores(*columns, ["finding"], [0.5], patients=of, draws=2000).labels[0].metrics["f1"]
        called = (scores >= 0.5).reshape(200, 20)
        found = truth.reshape(200, 20) == 1
        counts = np.random.default_rng(0).multinomial(200, np.full(200, 1 / 200), 4000)
        hits, calls, findings = (counts @ each.sum(axis=1) for each in (called & found, called, found))
        drawn = 2 * hits / (calls + findings)
        assert (figure.low, figure.high) == pytest.approx(np.quantile(drawn, (0.025, 0.975)), abs=0.006)


class TestSets:
    @pytest.mark.parametrize("n", [0, 1, 2, 5])
    def test_the_smallest_sets_are_measured(self, n: int) -> None:
        truth, scores = multi_label()
        result = evaluate_scores(truth[:n], scores[:n], LABELS, THRESHOLDS, draws=50)
        assert result.n == n
        for figure in [*result.macro.values(), *(f for label in result.labels for f in label.metrics.values())]:
            assert math.isnan(figure.low) == bool(figure.undefined)

    def test_a_set_of_one_class_has_what_it_defines(self) -> None:
        result = evaluate_scores(np.ones((40, 1)), np.linspace(0, 1, 40)[:, None], ["finding"], [0.5], draws=200)
        figures = result.labels[0].metrics
        assert figures["sensitivity"] == evaluation.wilson_interval(20, 40)
        assert not math.isnan(figures["brier"].low)
        assert figures["auroc"].undefined == figures["specificity"].undefined == "no case without the finding"
        assert result.macro["auroc"].undefined == "no label has cases with the finding and cases without"

    def test_equal_seeds_give_equal_results(self) -> None:
        first, again, other = (evaluated(seed=seed) for seed in (1, 1, 2))
        assert dataclasses.replace(again, cases=first.cases) == first
        assert other.labels[0].metrics["f1"] != first.labels[0].metrics["f1"]
        assert other.labels[0].metrics["auroc"] == first.labels[0].metrics["auroc"]

    def test_repeated_patients_and_few_cases_are_told(self) -> None:
        truth, scores = multi_label()
        result = evaluate_scores(truth[:30], scores[:30], LABELS, THRESHOLDS, patients=np.arange(30) // 2, draws=50)
        assert (result.n, result.patients, result.is_clustered) == (30, 15, True)
        codes = [notice.code for notice in result.notices]
        assert codes[0] == "patients-repeat"
        assert codes.count("few-cases") == 6
        assert result.notices[1].message.startswith(f"{LABELS[0]}: few patients")
        titles = [f"Title of {name}" for name in LABELS]
        titled = evaluate_scores(truth[:30], scores[:30], LABELS, THRESHOLDS, titles=titles, draws=50)
        assert titled.notices[0].message.startswith("Title of ")
        assert not evaluated().is_clustered
        assert evaluated().notices == ()

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({"truth": np.zeros((240, 2))}, "cases × labels"),
            ({"scores": np.full((240, 3), math.nan)}, "not a number"),
            ({"scores": np.full((240, 3), 1.5)}, "between 0 and 1"),
            ({"truth": np.full((240, 3), 2)}, "0 or 1, or NaN"),
            ({"thresholds": [0.5]}, "1 thresholds for 3 labels"),
            ({"patients": [1, 2]}, "as many as there are cases"),
        ],
    )
    def test_parts_that_do_not_fit_are_refused(self, change: dict, what: str) -> None:
        truth, scores = multi_label()
        parts = {"truth": truth, "scores": scores, "labels": LABELS, "thresholds": THRESHOLDS} | change
        with pytest.raises(ValueError, match=what):
            evaluate_scores(**parts)
        if "thresholds" in change:
            with pytest.raises(ValueError, match=what):
                at_thresholds(evaluated(), change["thresholds"])

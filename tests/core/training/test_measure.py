"""Figures of a test part, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from core.domain import Label
from core.models.metrics import ALL_LABELS, AMONG_FINDINGS
from core.training.measure import Answers, figures_together

LABELS = (Label("glioma"), Label("meningioma"), Label("none", is_finding=False))


def answers(n: int = 300, *, exclusive: bool = True) -> Answers:
    rng = np.random.default_rng(0)
    truth = np.eye(3)[np.arange(n) % 3]
    scores = softmax(rng.normal(1.5 * truth, 1.0), axis=1)
    # "Nothing" is easy to tell, the findings are not.
    scores[truth[:, 2] == 1] = (0.1, 0.1, 0.8)
    return Answers(truth, scores, np.arange(n) // 2, exclusive=exclusive)


def test_the_mean_area_and_the_accuracy_of_all_labels() -> None:
    given = answers()
    figures = figures_together(LABELS, given, seed=1)[ALL_LABELS]
    area, accuracy = figures["macro_auroc"], figures["accuracy"]
    assert area.value == pytest.approx(roc_auc_score(given.truth, given.scores, average="macro"))
    assert area.low < area.value < area.high
    assert accuracy.value == (given.scores.argmax(axis=1) == np.arange(300) % 3).mean()


def test_figures_among_the_findings_leave_out_images_without_one() -> None:
    given = answers()
    shown = given.truth[:, 2] == 0
    figures = figures_together(LABELS, given, seed=1)
    among, overall = figures[AMONG_FINDINGS], figures[ALL_LABELS]
    expected = [roc_auc_score(given.truth[shown, label], given.scores[shown, label]) for label in (0, 1)]
    assert among["macro_auroc"].value == pytest.approx(np.mean(expected))
    # A finding that is taken for nothing stays a mistake.
    assert among["accuracy"].value == (given.scores[shown].argmax(axis=1) == given.truth[shown].argmax(axis=1)).mean()
    assert among["accuracy"].value < overall["accuracy"].value


def test_labels_of_which_one_was_not_in_the_test_part_have_no_mean() -> None:
    given = answers()
    kept = given.truth[:, 0] == 0
    part = Answers(given.truth[kept], given.scores[kept], given.groups[kept], exclusive=True)
    area = figures_together(LABELS, part, seed=1)[ALL_LABELS]["macro_auroc"]
    assert np.isnan(area.value)
    assert area.undefined == "one of the classes is missing"


def test_what_stands_for_itself_has_no_figures_together() -> None:
    assert figures_together(LABELS, answers(exclusive=False), seed=1) == {}
    only_findings = (Label("glioma"), Label("meningioma"), Label("pituitary"))
    assert list(figures_together(only_findings, answers(), seed=1)) == [ALL_LABELS]

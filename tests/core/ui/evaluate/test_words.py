"""The words of the page Evaluate: what is undefined is said to be, and a share keeps what rounding would hide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from core.assessment.jobs import Job, Request, State
from core.assessment.outcome import Assessment
from core.evaluation import evaluate_scores
from core.ui.evaluate.chosen import Called, Cell, Scored, clicked_bin, clicked_cell
from core.ui.evaluate.words import duration_in_words, progress_in_words, summary
from tests.made_models import CHEST_SPEC, TUMOUR_SPEC

JOB = Job("1", "local", Request("m", Path("set")), State.RUNNING, 0.0, 200, 50, 40, 2, 10.0, 5.0)


def outcome(truth: list[list[float]], scores: list[list[float]], *, thresholds: list[float | None]) -> Assessment:
    exclusive = len(truth[0]) == len(TUMOUR_SPEC.labels)
    model = TUMOUR_SPEC if exclusive else CHEST_SPEC
    labels = model.labels[: len(truth[0])]
    names = [label.name for label in labels]
    result = evaluate_scores(truth, scores, names, thresholds, exclusive=exclusive, draws=20)
    return Assessment(JOB, model, labels, (), "folders", len(truth), (), (), (), result)


def test_one_label_is_summed_up_by_what_is_found_and_spared() -> None:
    found = outcome([[1], [1], [1], [1], [0], [0]], [[0.9], [0.8], [0.7], [0.1], [0.2], [0.6]], thresholds=[0.5])
    said = summary(found, "Pneumonia")
    assert said.startswith("On these 6 images the model found **75 % (95 % interval 30–95 %)** of the 4 with pneumonia")
    assert "called **50 % (95 % interval 9–91 %)** of the 2 without it rightly negative" in said


def test_a_set_of_one_kind_says_what_is_not_known() -> None:
    only_with = outcome([[1], [1]], [[0.9], [0.1]], thresholds=[0.5])
    assert "how often it alarms falsely is not known" in summary(only_with, "Pneumonia")
    only_without = outcome([[0], [0]], [[0.9], [0.1]], thresholds=[0.5])
    assert "what it misses is not known" in summary(only_without, "Pneumonia")
    no_point = outcome([[1], [0]], [[0.9], [0.1]], thresholds=[None])
    assert "has no operating point" in summary(no_point, "Pneumonia")


def test_exclusive_labels_are_summed_up_together_first() -> None:
    scores = np.full((4, 4), 0.1)
    np.fill_diagonal(scores, 0.7)
    found = outcome(np.eye(4).tolist(), scores.tolist(), thresholds=[0.3] * 4)
    said = summary(found, "Glioma")
    assert said.startswith("On these 4 images the model named the right label in **100 % (95 % interval 51–100 %)**.")
    assert "For Glioma against all others it found" in said
    assert clicked_cell(found, 6) == Called("Meningioma", "Pituitary")


def test_cells_and_bars_are_counted_as_they_are_drawn() -> None:
    found = outcome([[1], [0]], [[0.9], [0.1]], thresholds=[0.5])
    assert [clicked_cell(found, number) for number in range(4)] == [
        Cell(shown=False, called=False),
        Cell(shown=False, called=True),
        Cell(shown=True, called=False),
        Cell(shown=True, called=True),
    ]
    assert clicked_bin(39) == Scored(0.975, 1.0)


def test_progress_tells_rate_and_time_and_what_was_known() -> None:
    said = progress_in_words(JOB, before=0)
    assert said == "50 of 200 files · 10.0 images/s · about 15 s left · 8 known already · 2 set aside"
    assert progress_in_words(replace(JOB, done=0, computed=0, failed=0, rate=0.0), before=0).endswith(
        "loading the model"
    )
    assert progress_in_words(replace(JOB, state=State.QUEUED), before=2) == "Waiting: 2 jobs come before"
    assert [duration_in_words(seconds) for seconds in (0.2, 89, 600, 7200)] == ["1 s", "89 s", "10 min", "2.0 hours"]

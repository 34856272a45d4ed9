from __future__ import annotations

import numpy as np
import pytest

from core import workflow
from core.domain import (
    Explanation,
    Extent,
    Image,
    Intensity,
    Label,
    Notice,
    OperatingPoint,
    Prediction,
    Score,
    Series,
    Study,
)
from core.errors import ModelError
from core.ui.figures import heat_caption_html
from core.ui.heat import choose_heat
from core.ui.session import OpenStudy, View
from core.workflow import Reading
from tests.made_models import CHEST_SPEC

POINT = OperatingPoint("p", 0.5, "95 % sensitivity", "9 images", 9)
FINDING = Label("Pneumonia", "", (POINT,), "p")
NORMAL = Label("Normal", "", (POINT,), "p", is_finding=False)
OUTSIDE = Notice("age-outside-intended-use", "The patient is 60 years old.")
SERIES = Series("s", "DX", ())


def explanation(*values: float, label: str = "Pneumonia") -> Explanation:
    return Explanation(label, "CAM", np.array([values], np.float32), Extent(0, 0, 4, 4), "raw score")


def reading(score: Score, made: Explanation, *warnings: Notice) -> Reading:
    image = Image(np.zeros((4, 4), np.uint8), Intensity.RADIOGRAPH, "MONOCHROME2", "uid")
    prediction = Prediction("uid", CHEST_SPEC.id, "1", CHEST_SPEC.sha256, (score,), warnings, 0.1, "cpu")
    return Reading(SERIES, 0, image, CHEST_SPEC, prediction, (made,))


@pytest.fixture
def opened() -> OpenStudy:
    return OpenStudy(Study("0", (SERIES,)), "s")


def test_a_positive_finding_shows_its_evidence(opened: OpenStudy) -> None:
    made = explanation(-1, 2)
    heat = choose_heat(opened, reading(Score(FINDING, 0.9, calibrated=True), made), View(label="Pneumonia"))
    assert heat.explanation is made
    assert "2" in heat_caption_html(heat)


def test_a_negative_call_shows_none_until_the_reader_insists(opened: OpenStudy) -> None:
    read = reading(Score(FINDING, 0.1, calibrated=True), explanation(1, 2))
    heat = choose_heat(opened, read, View(label="Pneumonia"))
    assert (heat.explanation, heat.words, heat.can_insist) == (None, "Negative: no heatmap shown", True)
    insisted = choose_heat(opened, read, View(label="Pneumonia", evidence_anyway=True))
    assert insisted.explanation is not None
    assert insisted.can_insist


def test_good_news_draws_no_heatmap(opened: OpenStudy) -> None:
    read = reading(Score(NORMAL, 0.9, calibrated=True), explanation(1, 2, label="Normal"))
    heat = choose_heat(opened, read, View(label="Normal"))
    assert heat.explanation is None
    assert heat.words == "Normal is no finding: no heatmap shown"


def test_labels_are_named_by_their_titles(opened: OpenStudy) -> None:
    label = Label("Pituitary", "", (POINT,), "p", title="pituitary tumour")
    read = reading(Score(label, 0.9, calibrated=True), explanation(-1, 0, label="Pituitary"))
    assert choose_heat(opened, read, View(label="Pituitary")).words == (
        "No positive evidence for pituitary tumour in this image."
    )


def test_a_map_that_is_nowhere_positive_says_so(opened: OpenStudy) -> None:
    read = reading(Score(FINDING, 0.9, calibrated=True), explanation(-1, 0))
    heat = choose_heat(opened, read, View(label="Pneumonia"))
    assert heat.explanation is None
    assert heat.words == "No positive evidence for Pneumonia in this image."


def test_outside_the_intended_use_there_is_none_until_the_score_is_asked_for(opened: OpenStudy) -> None:
    read = reading(Score(FINDING, 0.9, calibrated=True), explanation(1, 2), OUTSIDE)
    assert "outside" in choose_heat(opened, read, View(label="Pneumonia")).words
    assert choose_heat(opened, read, View(label="Pneumonia", score_anyway=True)).explanation is not None


def test_a_method_that_fails_is_told_in_words(opened: OpenStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Explanation:
        raise ModelError("This method needs another kind of network.", code="no-such-method")

    monkeypatch.setattr(workflow, "explain_reading", fail)
    read = reading(Score(FINDING, 0.9, calibrated=True), explanation(1, 2))
    heat = choose_heat(opened, read, View(label="Pneumonia", method="EigenCAM"))
    assert heat.words == "This method needs another kind of network."


def test_an_explanation_is_made_once(opened: OpenStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(workflow, "explain_reading", lambda *_, **__: calls.append(1) or explanation(1, 2))
    read = reading(Score(FINDING, 0.9, calibrated=True), explanation(1, 2))
    for _ in range(3):
        choose_heat(opened, read, View(label="Pneumonia", method="GradCAM"))
    assert len(calls) == 1

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from core.domain import (
    Acquisition,
    Image,
    IntendedUse,
    Intensity,
    Label,
    Notice,
    OperatingPoint,
    Prediction,
    Score,
    Series,
)
from core.errors import UnsuitableInputError
from core.models.proposal import Proposal
from core.ui import answer
from core.workflow import Reading
from tests.made_models import CHEST_SPEC

POINT = OperatingPoint("sensitive", 0.41, "95 % sensitivity", "521 validation images", 521)
PNEUMONIA = Label("pneumonia", "", (POINT,), "sensitive")
EFFUSION = Label("effusion", "", (POINT,), "sensitive")
NO_FINDING = Label("no finding", "", (POINT,), "sensitive", is_finding=False)
UNCALLED = Label("nodule")
OUTSIDE = Notice("modality-outside-intended-use", "This is an MR image; the model is for radiographs.")


def prediction(*scores: Score, warnings: tuple[Notice, ...] = ()) -> Prediction:
    return Prediction("uid", CHEST_SPEC.id, "0.0.1", "ab" * 32, scores, warnings, 0.123, "cpu")


def reading(*scores: Score, warnings: tuple[Notice, ...] = (), notices: tuple[Notice, ...] = ()) -> Reading:
    image = Image(np.zeros((4, 4), np.uint8), Intensity.RADIOGRAPH, "MONOCHROME2", "uid", notices=notices)
    return Reading(Series("s", "DX", ()), 0, image, CHEST_SPEC, prediction(*scores, warnings=warnings), ())


def text(html: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", html)))


def whole(read: Reading, **options: bool) -> str:
    return text(answer.reading_html(read, read.series, **options))


def test_the_call_comes_first_then_its_operating_point() -> None:
    words = whole(reading(Score(PNEUMONIA, 0.83, calibrated=True)))
    expected = "Pneumonia: positive probability 0.83 ≥ 0.41, set for 95 % sensitivity on 521 validation images"
    assert expected in words
    assert words.index("Pneumonia: positive") < words.index("set for") < words.index("calibrated probabilities")


def test_scores_are_plain_probabilities_only_where_nothing_is_in_doubt() -> None:
    doubt = Notice("age-unknown", "The age is not known.")
    words = whole(reading(Score(PNEUMONIA, 0.83, calibrated=True), warnings=(doubt,)))
    assert "calibrated probabilities" not in words
    assert words.index("images of the intended use alone") < words.index("The age is not known.")


def test_a_negative_call_is_told_in_words_and_by_another_sign() -> None:
    negative = answer.headline_html(prediction(Score(PNEUMONIA, 0.12, calibrated=False)))
    positive = answer.headline_html(prediction(Score(PNEUMONIA, 0.83, calibrated=False)))
    assert "Pneumonia: negative" in text(negative)
    assert "score 0.12 < 0.41" in text(negative)
    assert ("○" in negative, "●" in positive) == (True, True)


def test_all_positive_findings_lead_and_good_news_does_not_look_like_a_finding() -> None:
    both = answer.headline_html(
        prediction(Score(PNEUMONIA, 0.5, calibrated=True), Score(EFFUSION, 0.9, calibrated=True))
    )
    assert text(both).index("Effusion: positive") < text(both).index("Pneumonia: positive")
    normal = answer.headline_html(prediction(Score(NO_FINDING, 0.9, calibrated=True)))
    assert "lb-negative" in normal


def test_without_an_operating_point_there_is_no_call() -> None:
    words = text(answer.headline_html(prediction(Score(UNCALLED, 0.9, calibrated=False))))
    assert "no operating point" in words
    assert "positive" not in words


def test_outside_the_intended_use_nothing_is_called_and_the_reason_stands_above_all_numbers() -> None:
    read = reading(Score(PNEUMONIA, 0.83, calibrated=True), warnings=(OUTSIDE,))
    words = whole(read, with_scores=False)
    assert words.index("Not for this kind of image") < words.index("This is an MR image")
    assert "0.83" not in words
    shown = whole(read, with_scores=True)
    assert shown.index("This is an MR image") < shown.index("0.83")
    assert "positive" not in shown


def test_milder_warnings_follow_the_scores() -> None:
    notice = Notice("age-unknown", "The file does not give the patient's age.")
    words = whole(reading(Score(PNEUMONIA, 0.83, calibrated=True), warnings=(notice,)))
    assert words.index("0.83") < words.index("Keep in mind") < words.index("patient's age")


def test_notes_on_the_image_are_not_warnings_about_the_answer() -> None:
    html = answer.reading_html(
        reading(Score(PNEUMONIA, 0.83, calibrated=True), notices=(Notice("x", "Trailing bytes were left out."),)),
        Series("s", "CT", (), notices=(Notice("tilt", "The gantry was tilted."),)),
    )
    assert "lb-warnings" not in html
    assert "The gantry was tilted. Trailing bytes were left out." in text(html)


def test_each_score_is_a_bar_with_its_threshold_and_words_for_those_who_listen() -> None:
    html = answer.scores_html(
        prediction(Score(PNEUMONIA, 0.83, calibrated=False), Score(UNCALLED, 0.2, calibrated=False))
    )
    assert 'aria-label="Pneumonia: score 0.83, threshold 0.41, positive"' in html
    assert 'aria-label="Nodule: score 0.20, no operating point"' in html
    assert html.count("lb-tick") == 1
    assert "left:41.00%" in html
    assert "width:83.00%" in html
    assert "do not read them as probabilities" in html


def test_an_undefined_score_is_said_to_be_undefined() -> None:
    html = answer.scores_html(prediction(Score(PNEUMONIA, float("nan"), calibrated=True)))
    assert "undefined" in text(html)
    assert "nan" not in html


def test_words_from_files_and_models_cannot_become_markup() -> None:
    label = replace(PNEUMONIA, name="<img src=x onerror=alert(1)>")
    warnings = (Notice("x", "<script>alert(1)</script>"),)
    html = answer.reading_html(reading(Score(label, 0.9, calibrated=True), warnings=warnings), Series("s", "", ()))
    assert "<img" not in html
    assert "<script" not in html


HEAD = Series("s", "CT head", (), acquisition=Acquisition(modality="CT", body_part_examined="HEAD"))


def test_where_no_model_fits_the_page_names_the_reason_for_each_and_how_to_ask_one() -> None:
    proposal = Proposal(None, "No model here is meant for this kind of image.")
    other = replace(CHEST_SPEC, id="other", title="Another", intended_use=IntendedUse("x", "y", ("MR",)))
    words = text(answer.nobody_asked_html(HEAD, proposal, (CHEST_SPEC, other)))
    assert "No model asked No model here is meant for this kind of image. To ask one nevertheless" in words
    assert "Made-up chest model Modality CT, not CR or DX; body part HEAD, not CHEST" in words
    assert "Another Modality CT, not MR" in words


def test_who_chose_to_look_only_is_told_what_is_proposed() -> None:
    words = text(answer.nobody_asked_html(HEAD, Proposal(CHEST_SPEC, "It fits."), (CHEST_SPEC,)))
    assert "Made-up chest model is proposed." in words
    assert "Why not" not in words


def test_without_models_nobody_is_told_to_choose_one() -> None:
    words = text(answer.nobody_asked_html(HEAD, Proposal(None, "No model."), ()))
    assert "choose it" not in words


def exclusive(*scores: Score) -> Prediction:
    return replace(prediction(*scores), is_exclusive=True)


GLIOMA = Label("glioma", "", (replace(POINT, threshold=0.22),), "sensitive")
NO_TUMOUR = Label("None", "", (POINT,), "sensitive", is_finding=False, title="no tumour")


def test_of_labels_that_exclude_each_other_the_most_likely_is_named() -> None:
    html = answer.headline_html(exclusive(Score(GLIOMA, 0.9, calibrated=True), Score(NO_TUMOUR, 0.1, calibrated=True)))
    assert "● Most likely: glioma Positive: probability 0.90 ≥ 0.22" in text(html)
    assert "lb-positive" in html


def test_a_called_finding_stands_above_the_good_news_that_is_more_likely() -> None:
    html = answer.headline_html(exclusive(Score(GLIOMA, 0.3, calibrated=True), Score(NO_TUMOUR, 0.7, calibrated=True)))
    words = text(html)
    assert words.index("● Glioma: positive") < words.index("○ Most likely: no tumour")
    assert html.index("lb-positive") < html.index("lb-negative")


def test_a_label_is_shown_under_its_title() -> None:
    html = answer.scores_html(prediction(Score(NO_TUMOUR, 0.7, calibrated=True)))
    assert 'aria-label="No tumour: score 0.70, threshold 0.41, called"' in html
    assert ">None<" not in html


def test_an_error_is_told_with_its_hint() -> None:
    error = UnsuitableInputError("The image has no contrast.", hint="Try another image.", code="no-contrast")
    assert "No answer The image has no contrast. Try another image." in text(answer.error_html(error))


@pytest.mark.parametrize(
    ("before", "words"), [(0, "Reading …"), (1, "1 reader before you"), (3, "3 readers before you")]
)
def test_who_waits_sees_their_place(before: int, words: str) -> None:
    said = answer.waiting_html(CHEST_SPEC, before=before)
    assert f">{words}</h2>" in said
    assert CHEST_SPEC.title in said

"""The words for an answer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from core.domain import Estimate, Notice, VoiFunction, VoiLut, WindowLevel
from core.reports.wording import (
    accuracy_in_words,
    call_in_words,
    device_in_words,
    estimate_in_numbers,
    estimate_in_percent,
    estimate_in_words,
    headline,
    number_in_words,
    operating_point_in_words,
    score_in_words,
    score_word,
    statements,
    threshold_in_words,
    told_call,
    why_no_heatmap,
    window_in_words,
)
from tests.core.reports.made import POINT, explanation, prediction, score

NO_POINT = score(0.7, point=None)
NO_NUMBER = score(math.nan)
NO_TUMOUR = score(0.9, "no tumour", is_finding=False)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (score(0.83), "Pneumonia: positive"),
        (score(0.41), "Pneumonia: positive"),
        (score(0.4), "Pneumonia: negative"),
        (NO_POINT, "Pneumonia: no operating point"),
        (NO_NUMBER, "Pneumonia: undefined"),
        (NO_TUMOUR, "No tumour: called"),
        (score(0.1, "no tumour", is_finding=False), "No tumour: not called"),
        (score(0.9, "COVID-19"), "COVID-19: positive"),
    ],
)
def test_calls(given, words):
    assert call_in_words(given) == words


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (score(0.834), "probability 0.83 ≥ 0.41, set for 95 % sensitivity on 521 validation images"),
        (
            score(0.834, calibrated=False),
            "score 0.83 ≥ 0.41, set for 95 % sensitivity on 521 validation images",
        ),
        (score(0.12), "probability 0.12 < 0.41, set for 95 % sensitivity on 521 validation images"),
        (NO_POINT, "probability 0.70; without an operating point there is no call"),
        (NO_NUMBER, "The model gave no number for this label."),
    ],
)
def test_operating_points(given, words):
    assert operating_point_in_words(given) == words


@pytest.mark.parametrize(
    ("value", "words"), [(0.4099, "0.4099 < 0.4100"), (0.4091, "0.409 < 0.410"), (0.41004, "0.41004 ≥ 0.41000")]
)
def test_a_score_beside_its_threshold_shows_on_which_side_it_lies(value, words):
    assert words in operating_point_in_words(score(value))


@pytest.mark.parametrize(
    ("value", "threshold", "words"),
    [
        (0.9999, 0.67, "over 0.99 ≥ 0.67"),
        (0.001, 0.67, "under 0.01 < 0.67"),
        (0.9981, 0.9962, "0.998 ≥ 0.996"),
        (0.00001, 0.003, "under 0.001 < 0.003"),
        (1.0, 0.998, "over 0.999 ≥ 0.998"),
    ],
)
def test_neither_score_nor_threshold_becomes_a_certainty(value, threshold, words):
    given = replace(
        score(value), label=replace(score(value).label, operating_points=(replace(POINT, threshold=threshold),))
    )
    assert words in operating_point_in_words(given)


@pytest.mark.parametrize(
    ("value", "words"), [(0.672, "0.67"), (0.997, "0.997"), (0.0004, "0.0004"), (0.9999999, "1.000000"), (0.5, "0.50")]
)
def test_thresholds(value, words):
    assert threshold_in_words(value) == words


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("cpu", "processor (CPU)"),
        ("cuda:0", "graphics card (CUDA)"),
        ("mps", "graphics processor (Apple)"),
        ("tpu", "tpu"),
    ],
)
def test_devices(device, words):
    assert device_in_words(device) == words


def test_only_calibrated_scores_are_probabilities():
    assert score_word(score(0.5)) == "probability"
    assert score_word(score(0.5, calibrated=False)) == "score"


def test_accuracy_is_that_of_the_set_it_was_measured_on():
    assert accuracy_in_words(POINT) == (
        "Measured there: sensitivity 0.95 (95 % interval 0.92–0.97), specificity 0.88 (95 % interval 0.84–0.91)."
    )
    assert accuracy_in_words(replace(POINT, sensitivity=None, specificity=None)) == ""


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(0.5, math.nan, math.nan), "0.50"),
        (Estimate(0.995, 0.9724, 0.9991), "0.995 (95 % interval 0.972–0.999)"),
        (Estimate(1.0, 0.97, 1.0), "1.00 (95 % interval 0.97–1.00)"),
        (Estimate(0.99991, math.nan, math.nan), "> 0.999"),
        (Estimate(math.nan, math.nan, math.nan, "no positive case"), "undefined (no positive case)"),
        (Estimate(math.nan, math.nan, math.nan), "undefined"),
    ],
)
def test_estimates(estimate, words):
    assert estimate_in_words(estimate) == words


def test_findings_lead_by_their_scores_and_normal_classes_follow():
    scores = (score(0.5, "mass"), NO_TUMOUR, score(0.1, "nodule"), score(0.6, "effusion"))
    said = statements(prediction(*scores))
    assert [each.score.label.name for each in said] == ["effusion", "mass", "no tumour"]
    assert [each.call for each in said] == [True, True, False]
    assert headline(prediction(*scores)) == "Effusion: positive · Mass: positive · No tumour: called"


def test_a_single_label_leads_whatever_its_call():
    assert headline(prediction(score(0.1))) == "Pneumonia: negative"
    assert headline(prediction(NO_POINT)) == "Pneumonia: no operating point"


def test_what_is_said_when_nothing_is_positive():
    negatives = [score(0.1, "mass"), score(0.2, "nodule")]
    assert headline(prediction(*negatives)) == "Nothing is called positive"
    assert headline(prediction(*negatives, NO_POINT)) == "Nothing is called positive"
    assert statements(prediction(*negatives, NO_POINT))[0].behind == "Some labels have no call."
    assert headline(prediction(NO_POINT, NO_POINT)) == "No call"


def test_many_calls_are_counted():
    scores = [score(0.9 - number / 100, f"finding {number}") for number in range(5)]
    assert headline(prediction(*scores)).endswith("Finding 2: positive · 2 more are called positive")
    assert headline(prediction(*scores[:4])).endswith("· 1 more is called positive")


@pytest.mark.parametrize(
    ("given", "peak", "words"),
    [
        (score(0.9), 3.0, ""),
        (NO_POINT, 3.0, ""),
        (score(0.9), 0.0, "Pneumonia: no positive evidence anywhere in the image."),
        (score(0.9), -1.0, "Pneumonia: no positive evidence anywhere in the image."),
        (score(0.1), 3.0, "Pneumonia: negative. No heatmap is drawn for a negative call."),
        (NO_TUMOUR, 3.0, "No tumour is not a finding, so there is nothing to point at."),
    ],
)
def test_why_no_heatmap(given, peak, words):
    assert why_no_heatmap(prediction(given), given, explanation(peak)) == words


def test_a_missing_heatmap_is_said():
    assert why_no_heatmap(prediction(score(0.9)), score(0.9), None) == "Pneumonia: no heatmap was made."


@pytest.mark.parametrize(
    ("voi", "words"),
    [
        (WindowLevel(-600, 1500), "W 1500 L −600"),
        (WindowLevel(0.25, 0.125, VoiFunction.LINEAR_EXACT), "W 0.125 L 0.25"),
        (WindowLevel(40, 80, VoiFunction.SIGMOID), "W 80 L 40, sigmoid"),
        (VoiLut(np.zeros(4, np.uint16), 0, 12), "VOI LUT of the file"),
        (None, "true colour"),
    ],
)
def test_windows(voi, words):
    assert window_in_words(voi) == words
    assert window_in_words(voi, invert=True) == f"{words}, inverted"


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (-0.5, "−0.5"), (3.14159, "3.14"), (1234.5, "1234"), (99.96, "100")]
)
def test_numbers(value, words):
    assert number_in_words(value) == words


def test_how_an_operating_point_was_set_is_left_to_the_card():
    detailed = replace(POINT, origin="521 validation images of 380 patients, each under 4 conditions; median of 200")
    words = operating_point_in_words(score(0.83, point=detailed))
    assert words.endswith("on 521 validation images of 380 patients")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.9999, "> 0.99"),
        (0.995, "> 0.99"),
        (1.0, "> 0.99"),
        (0.994, "0.99"),
        (0.0001, "< 0.01"),
        (0.0, "< 0.01"),
        (0.006, "0.01"),
        (math.nan, "undefined"),
    ],
)
def test_rounding_makes_no_score_certain(value, words):
    assert score_in_words(value) == words


# ── Labels that exclude each other ────────────────────────────────────────────────────────────────────────────────

OUTSIDE = Notice("body-part-outside-intended-use", "The file says that it shows KNEE.")


def exclusive(*scores):
    return statements(prediction(*scores, is_exclusive=True))


def tumour(value, name="glioma", threshold=0.41, **options):
    return score(value, name, point=replace(POINT, threshold=threshold), **options)


def none(value, threshold=0.5):
    return tumour(value, "None", threshold, is_finding=False, title="no tumour")


def test_the_most_likely_label_leads_with_its_margin_and_operating_point():
    (said,) = exclusive(tumour(0.1, "meningioma"), tumour(0.83), none(0.07))
    assert said.words == "Most likely: glioma"
    assert said.behind == (
        "Positive: probability 0.83 ≥ 0.41, set for 95 % sensitivity on 521 validation images. "
        "Next is meningioma with 0.10, a margin of 0.73."
    )
    assert (said.call, said.score.label.name) == (True, "glioma")


@pytest.mark.parametrize(
    ("top", "second", "margin"),
    [(0.486, 0.434, "0.06"), (0.5001, 0.4999, "< 0.01"), (0.9999, 0.0001, "> 0.99"), (0.5, 0.5, "< 0.01")],
)
def test_the_margin_is_that_of_the_numbers_beside_it(top, second, margin):
    (said,) = exclusive(tumour(top), tumour(second, "meningioma", threshold=0.9))
    assert f"a margin of {margin}" in said.behind


def test_the_most_likely_label_may_be_below_its_operating_point():
    (said,) = exclusive(tumour(0.5, threshold=0.6), tumour(0.3, "meningioma"), none(0.2))
    assert said.words == "Most likely: glioma"
    assert said.behind.startswith("Not called: probability 0.50 < 0.60, set for")
    assert said.call is False


def test_good_news_is_told_under_its_title_and_as_good_news():
    (said,) = exclusive(tumour(0.02), tumour(0.05, "Pituitary", title="Pituitary tumour"), none(0.93))
    assert said.words == "Most likely: no tumour"
    assert said.behind == (
        "Called: probability 0.93 ≥ 0.50, set for 95 % sensitivity on 521 validation images. "
        "Next is Pituitary tumour with 0.05, a margin of 0.88. No finding reaches its operating point."
    )
    assert said.call is False


def test_a_finding_that_is_called_comes_before_a_more_likely_label_that_is_none():
    first, second = exclusive(tumour(0.3, threshold=0.22), none(0.6), tumour(0.1, "meningioma"))
    assert (first.words, first.call) == ("Glioma: positive", True)
    assert first.behind.startswith("Probability 0.30 ≥ 0.22, set for 95 % sensitivity on 521 validation images.")
    assert first.behind.endswith("also where another label is more likely: no tumour has 0.60.")
    assert (second.words, second.call) == ("Most likely: no tumour", False)
    assert "No finding reaches" not in second.behind


def test_other_findings_that_are_called_follow_the_most_likely_one():
    first, second = exclusive(tumour(0.55), tumour(0.44, "meningioma"), none(0.01))
    assert (first.words, second.words) == ("Most likely: glioma", "Meningioma: positive")
    assert headline(prediction(tumour(0.55), tumour(0.44, "meningioma"), is_exclusive=True)) == (
        "Most likely: glioma · Meningioma: positive"
    )


def test_without_operating_points_the_most_likely_label_is_no_call():
    (said,) = exclusive(score(0.7, "glioma", point=None), score(0.3, "None", point=None, is_finding=False))
    assert said.behind == (
        "Probability 0.70; without an operating point there is no call. Next is None with 0.30, a margin of 0.40."
    )
    assert said.call is None


def test_an_undefined_score_makes_no_label_the_most_likely():
    (said,) = exclusive(score(math.nan, "glioma"), score(math.nan, "meningioma"))
    assert (said.words, said.score) == ("Nothing is called positive", None)


# ── Calls that are withheld ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_exclusive", [False, True])
def test_outside_the_intended_use_nothing_is_called(is_exclusive):
    scores = (tumour(0.9), tumour(0.1, "meningioma"))
    given = prediction(*scores, warnings=(OUTSIDE,), is_exclusive=is_exclusive)
    assert headline(given) == "Not for this kind of image"
    assert [told_call(given, each) for each in scores] == ["no call", "no call"]
    assert told_call(prediction(*scores), scores[0]) == "positive"


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(0.914, 0.861, 0.951), "91 % (95 % interval 86–95 %)"),
        (Estimate(0.996, 0.991, 1.0), "99.6 % (95 % interval 99.1–100 %)"),
        (Estimate(0.0, 0.0, 0.004), "0 % (95 % interval 0–0.4 %)"),
        (Estimate(math.nan, math.nan, math.nan, "no case with the finding"), "undefined (no case with the finding)"),
    ],
)
def test_shares_in_per_cent(estimate: Estimate, words: str) -> None:
    assert estimate_in_percent(estimate) == words


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(0.9921, 0.9864, 0.9971), "0.992 (0.986–0.997)"),
        (Estimate(-0.0131, -0.0212, 0.0018), "−0.013 (−0.021 to 0.002)"),
        (Estimate(-0.5, math.nan, math.nan), "−0.500"),
        (Estimate(math.nan, math.nan, math.nan, "no case with the finding"), "undefined: no case with the finding"),
    ],
)
def test_figures_in_numbers(estimate: Estimate, words: str) -> None:
    assert estimate_in_numbers(estimate) == words

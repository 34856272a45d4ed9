"""What goes into a report, and what stays out."""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from PIL import Image as Pillow

from core import __version__
from core.domain import Fact, Image, Intensity, Notice, Spacing
from core.errors import ReportError
from core.overlay import CONTOUR_COLOUR, as_rgb, colour_map
from core.reports import ReportInput, reading_html, reading_json, reading_png
from core.reports.page import MOST_LABELS
from core.reports.picture import image_picture, overlay_picture
from core.reports.wording import NOT_FOR_DIAGNOSIS, SYNTHETIC
from core.windowing import render
from tests.core.reports.made import FACTS, NAME, TITLE, explanation, image, report, score

IDENTITY = (NAME, "QZ-774411", TITLE, "Quill", "Zebedee")
WARNING = Notice("age", "The patient is 63 years old; this model is for 1 to 5 years.")


def texts(given: ReportInput) -> tuple[str, str]:
    return reading_html(given), json.dumps(reading_json(given), allow_nan=False, ensure_ascii=False)


def opened(given: ReportInput) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(reading_png(given))))


# ── Identity ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_identity_unless_asked_for():
    for text in texts(report()):
        assert not [word for word in IDENTITY if word in text]
        assert "CHEST" in text


def test_identity_when_asked_for():
    page, record = texts(report(include_identity=True))
    for text in (page, record):
        assert NAME in text
        assert "QZ-774411" in text
        assert TITLE in text


def test_the_picture_takes_up_identity_only_when_asked_for():
    plain, other = report(), report(facts=(Fact("PatientName", "Patient", "Somebody Else", identifying=True),))
    assert reading_png(plain) == reading_png(replace(other, series_title="Another"))
    assert reading_png(plain) != reading_png(replace(plain, include_identity=True))


def test_the_picture_holds_no_text_chunks():
    assert set(Pillow.open(io.BytesIO(reading_png(report()))).info) == set()


# ── Always ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", texts(report(warnings=(WARNING,))))
def test_every_report_says_what_it_is(text):
    for part in (NOT_FOR_DIAGNOSIS, "cxr-pneumonia", "1.2.3", "5f" * 32, "ab" * 32, __version__, WARNING.message):
        assert part in text
    assert SYNTHETIC not in text


def test_made_up_images_are_labelled():
    given = report(is_synthetic=True)
    assert SYNTHETIC in reading_html(given)
    assert reading_json(given)["is_synthetic"] is True
    assert opened(given).shape == opened(report()).shape
    assert (opened(given) != opened(report())).any()


# ── Parts that do not belong together ─────────────────────────────────────────────────────────────────────────────


def test_an_answer_to_another_image_is_refused():
    given = report()
    with pytest.raises(ReportError, match="not of this model to this image"):
        replace(given, image=image(uid="cd" * 32))
    with pytest.raises(ReportError, match="not of this model"):
        replace(given, model=replace(given.model, sha256="00" * 32))
    with pytest.raises(ReportError, match="label that the answer does not have"):
        replace(given, explanation=explanation(1.0, "fracture"))


def test_a_time_without_zone_is_refused():
    with pytest.raises(ReportError, match="time zone"):
        replace(report(), created=datetime(2025, 6, 3))


# ── Data ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_record_holds_numbers():
    record = reading_json(report(score(0.834), score(0.1, "effusion", calibrated=False, point=None)))
    pneumonia, effusion = record["labels"]
    assert pneumonia["score"] == 0.834
    assert pneumonia["call"] is True
    assert pneumonia["calibrated"] is True
    assert pneumonia["operating_point"]["threshold"] == 0.41
    assert pneumonia["operating_point"]["n"] == 521
    assert pneumonia["operating_point"]["origin"] == "521 validation images"
    assert pneumonia["operating_point"]["sensitivity"] == {"value": 0.95, "low": 0.92, "high": 0.97, "undefined": ""}
    assert (effusion["call"], effusion["operating_point"]) == (None, None)
    assert record["schema"] == "lightbox.reading/1"
    assert record["created"] == "2025-06-03T14:05:00+00:00"
    assert record["display"] == {
        "window": {"kind": "window", "center": 1000, "width": 2000, "function": "LINEAR"},
        "inverted": False,
    }
    assert record["image"]["sha256"] == "ab" * 32
    assert record["heatmap"]["maximum"] == 4.0
    assert record["heatmap"]["colour_limits"] == [0.0, 4.0]
    assert record["seconds"] == 0.043


def test_outside_the_intended_use_there_are_scores_and_operating_points_but_no_calls():
    outside = Notice("age-outside-intended-use", "The patient is 63 years old.")
    record = reading_json(report(score(0.9), warnings=(outside,)))
    assert record["call_withheld"] is True
    assert (record["labels"][0]["call"], record["labels"][0]["score"]) == (None, 0.9)
    assert record["labels"][0]["operating_point"]["threshold"] == 0.41
    page = reading_html(report(score(0.9), warnings=(outside,)))
    assert "Not for this kind of image" in page
    assert "positive" not in page.replace("no positive evidence", "")
    assert "<td>no call</td>" in page
    assert reading_json(report())["call_withheld"] is False


def test_a_title_is_shown_and_the_name_stays_in_the_data():
    given = report(score(0.9, "Pituitary", title="Pituitary tumour"))
    assert "Pituitary tumour: positive" in reading_html(given)
    assert "CAM for Pituitary tumour" in reading_html(given)
    record = reading_json(given)
    assert (record["labels"][0]["name"], record["labels"][0]["title"]) == ("Pituitary", "Pituitary tumour")
    assert record["heatmap"]["label"] == "Pituitary"


def test_exclusive_labels_head_the_page_with_the_most_likely():
    scores = (score(0.83, "glioma"), score(0.1, "none", is_finding=False, title="no tumour"))
    page = reading_html(report(*scores, is_exclusive=True))
    assert "Most likely: glioma" in page
    assert "a margin of 0.73" in page
    assert opened(report(*scores, is_exclusive=True)).shape == opened(report()).shape


def test_undefined_is_null_with_a_reason():
    record = reading_json(report(score(math.nan)))
    assert record["labels"][0]["score"] is None
    assert record["labels"][0]["undefined"] == "the model gave no number"
    assert record["labels"][0]["call"] is None
    json.dumps(record, allow_nan=False)


def test_spacing_that_is_not_known_is_null():
    assert reading_json(report())["image"]["spacing"] is None
    given = report(image=image(spacing=Spacing(0.2, 0.1, "PixelSpacing")))
    assert reading_json(given)["image"]["spacing"] == {"row_mm": 0.2, "column_mm": 0.1, "source": "PixelSpacing"}


def test_a_warning_is_given_once():
    given = report(image=image(notices=(WARNING,)), warnings=(WARNING,))
    assert reading_json(given)["warnings"] == [{"code": "age", "message": WARNING.message}]
    assert reading_html(given).count(WARNING.message) == 1


# ── Pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_image_and_heatmap_have_one_grid_and_the_window_of_the_screen():
    given = report(image=image((1024, 900)))
    shown = image_picture(given)
    np.testing.assert_array_equal(shown, render(given.image))
    over = overlay_picture(given, shown, given.explanation)
    assert over.shape == (1024, 900, 3)
    changed = (over != as_rgb(shown)).any(-1)
    rows, columns = np.nonzero(changed)
    # the hot cell is (1, 2) of 4 × 4 over rows 0–120, columns −10–110: it colours what is nearer than one cell
    assert rows.min() >= 15
    assert rows.max() <= 75
    assert columns.min() >= 35
    assert columns.max() <= 95


def test_pixels_that_are_not_square_are_shown_square():
    given = report(image=image((100, 100), spacing=Spacing(2.0, 1.0, "PixelSpacing")))
    assert image_picture(given).shape == (1024, 512)


def test_the_scale_is_the_one_that_was_passed():
    given = report(limits=(0.0, 8.0), opacity=1.0)
    shown = image_picture(given)
    over = overlay_picture(given, shown, given.explanation)
    brightest = colour_map(np.array(4.0), limits=(0, 8)).astype(int)
    peak = over[round(1.5 * 30 * 1024 / 120), round((2.5 * 30 - 10) * 853 / 100)].astype(int)
    below = int(shown[round(1.5 * 30 * 1024 / 120), round((2.5 * 30 - 10) * 853 / 100)])
    np.testing.assert_allclose(peak, (brightest + below) / 2, atol=8)
    assert reading_json(given)["heatmap"]["colour_limits"] == [0.0, 8.0]
    assert "colours from 0 to 8" in reading_html(given)


def test_threshold_and_contour_are_those_of_the_screen():
    plain, given = report(opacity=1.0), report(opacity=1.0, threshold=2.0, contour_level=3.0)
    shown = image_picture(given)
    over, before = (overlay_picture(each, shown, each.explanation) for each in (given, plain))
    coloured, coloured_before = ((each != as_rgb(shown)).any(-1) for each in (over, before))
    # Bilinear, the hot cell is above half of its peak on half of its width to both sides.
    assert 0.1 < coloured.sum() / coloured_before.sum() < 0.45
    assert (over == CONTOUR_COLOUR).all(-1).any()
    assert not (before == CONTOUR_COLOUR).all(-1).any()
    heatmap = reading_json(given)["heatmap"]
    assert (heatmap["threshold"], heatmap["contour_level"]) == (2.0, 3.0)
    assert "shown above 2, line at 3" in reading_html(given)
    assert "shown above" not in reading_html(plain)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (report(explanation=explanation(0.0)), "no positive evidence"),
        (report(score(0.1)), "No heatmap is drawn for a negative call"),
        (report(explanation=None), "no heatmap was made"),
        (report(score(0.9, "no tumour", is_finding=False)), "is not a finding"),
        (report(score(0.1, "mass"), score(0.1, "nodule"), explanation=None), "nothing is called positive"),
    ],
)
def test_where_nothing_may_be_drawn_the_report_says_why(given, words):
    page = reading_html(given)
    assert words in page
    assert page.count('src="data:image/png;base64,') == 1
    if given.explanation is not None:
        assert words in reading_json(given)["heatmap"]["not_drawn"]
        assert reading_json(given)["heatmap"]["colour_limits"] is None
    picture = opened(given)
    assert (picture[200:900, :, 0] == picture[200:900, :, 2]).all()  # gray only: no heat


def test_colour_images_are_reported_without_a_window():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    given = report(image=Image(pixels, Intensity.RGB, "RGB", "ab" * 32))
    assert reading_json(given)["display"]["window"] is None
    assert "true colour" in reading_html(given)
    assert opened(given).ndim == 3


# ── The page ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_needs_nothing_else():
    page = reading_html(report())
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "url(" not in page
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]*)"', page))
    assert page.count('src="') == 3  # image, heatmap, colour bar


def test_the_page_prints_on_one_sheet():
    page = reading_html(report())
    assert "@page { size: A4 portrait; margin: 0; }" in page
    assert "height: 296.8mm" in page


def test_the_answer_comes_first_and_in_order():
    page = reading_html(report(warnings=(WARNING,)))
    parts = (
        "Pneumonia: positive",
        "Probability 0.83 ≥ 0.41",
        WARNING.message,
        "<table>",
        "<img",
        "CHEST",
        "cxr-pneumonia",
    )
    places = [page.index(part, page.index("<main")) for part in parts]
    assert places == sorted(places)


def test_bars_and_ticks_stand_where_the_numbers_are():
    page = reading_html(report(score(0.834)))
    assert 'width="83.40"' in page
    assert 'd="M41.00 0V10"' in page
    without = reading_html(report(score(0.5, point=None)))
    assert 'width="50.00"' in without
    assert "0V10" not in without
    assert "0V10" in reading_html(report(score(math.nan)))


def test_only_calibrated_scores_are_called_probability():
    assert "robability" not in reading_html(report(score(0.834, calibrated=False)))
    assert ">Probability<" in reading_html(report())


def test_everything_is_escaped():
    hostile = '<script>alert("x")</script>&'
    facts = (Fact("BodyPartExamined", f"Body {hostile}", hostile), *FACTS)
    given = report(score(0.9, hostile), facts=facts, warnings=(Notice("x", hostile),), series_title=hostile)
    page = reading_html(replace(given, include_identity=True))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 6


def test_what_does_not_fit_is_counted():
    scores = [score(0.3 + number / 100, f"finding {number:02}") for number in range(40)]
    page = reading_html(report(*scores, explanation=None))
    assert page.count("<svg") == MOST_LABELS
    assert "16 more labels have lower scores." in page
    assert "Finding 15<" not in page
    assert "Finding 16<" in page
    assert "more are called positive" in page


def test_type_shrinks_for_what_there_is_to_say():
    def size(given: ReportInput) -> float:
        return float(re.search(r"font: ([\d.]+)pt/1.4", reading_html(given))[1])

    assert size(report()) == 8.6
    assert size(report(warnings=(WARNING,))) == 8.6
    many = tuple(Notice(f"code-{number}", f"{number} {WARNING.message * 3}") for number in range(8))
    assert 5 < size(report(*(score(0.5, f"finding {number}") for number in range(24)), warnings=many)) < 7

"""Intended use: what the header contradicts, confirms and leaves open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.domain import Acquisition, Image, IntendedUse, Intensity, ModelSpec, Notice, Prediction, Score, Spacing
from core.models.suitability import (
    OUTSIDE_CODES,
    UNKNOWN_CODES,
    call_of,
    check_intended_use,
    is_call_withheld,
    is_outside_intended_use,
    reasons_against,
)
from tests.made_models import CHEST_SPEC

GRAY = Image(np.zeros((64, 64), np.uint16), Intensity.RADIOGRAPH, "MONOCHROME2", uid="gray")
CHILD = Acquisition(
    modality="DX", body_part_examined="CHEST", view_position="AP", patient_age_years=4.0, patient_sex="F"
)
USE = replace(CHEST_SPEC.intended_use, view_positions=("AP", "PA"))
PEDIATRIC = replace(CHEST_SPEC, intended_use=USE)


def codes(acquisition: Acquisition, image: Image = GRAY, spec: ModelSpec = PEDIATRIC) -> list[str]:
    return [notice.code for notice in check_intended_use(spec, acquisition, image)]


def test_what_fits_needs_no_words() -> None:
    assert codes(CHILD) == []


def test_a_model_without_restrictions_fits_everything() -> None:
    assert codes(Acquisition(), spec=replace(PEDIATRIC, intended_use=IntendedUse("Any.", "None."))) == []


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        (
            {"modality": "MR"},
            "modality-outside-intended-use",
            "This is an MR image; the model is for radiographs (CR, DX) of the chest, patients aged 1 to 5 years.",
        ),
        ({"modality": "PX"}, "modality-outside-intended-use", "This is a panoramic dental radiograph (PX)"),
        ({"modality": "MG"}, "modality-outside-intended-use", "This is a mammogram (MG)"),
        ({"modality": "ZZ"}, "modality-outside-intended-use", "This is an image of the modality ZZ"),
        ({"body_part_examined": "HEAD"}, "body-part-outside-intended-use", "shows HEAD (Body Part Examined)"),
        ({"body_part_examined": "HAND"}, "body-part-outside-intended-use", "shows HAND"),
        ({"view_position": "LL"}, "view-outside-intended-use", "The view is LL (View Position); the model is for AP"),
        ({"patient_age_years": 47.0}, "age-outside-intended-use", "The patient is 47 years old"),
        ({"patient_age_years": 0.5}, "age-outside-intended-use", "The patient is 6 months old"),
        ({"patient_age_years": 6.0}, "age-outside-intended-use", "The patient is 6 years old"),
        ({"modality": None}, "modality-unknown", "does not say how the image was made"),
        ({"modality": "OT"}, "modality-unknown", "(Modality OT) does not tell"),
        ({"body_part_examined": None}, "body-part-unknown", "does not say which part of the body"),
        ({"view_position": None}, "view-unknown", "does not name the view"),
        ({"patient_age_years": None}, "age-unknown", "does not give the patient's age"),
        ({"patient_age_years": 999.0}, "age-unknown", "does not give the patient's age"),
        ({"presentation_intent_type": "FOR PROCESSING"}, "raw-detector-data", "FOR PROCESSING"),
    ],
)  # fmt: skip
def test_each_fact_is_checked_and_said(changes: dict[str, Any], code: str, words: str) -> None:
    (notice,) = check_intended_use(PEDIATRIC, replace(CHILD, **changes), GRAY)
    assert notice.code == code
    assert words in notice.message
    assert is_outside_intended_use(notice) == code.endswith("outside-intended-use")


@pytest.mark.parametrize("modality", ["CR", "DX", "DR", "RG"])
def test_radiographs_are_radiographs_whatever_the_plate(modality: str) -> None:
    spec = replace(PEDIATRIC, intended_use=replace(USE, modalities=("DX",)))
    assert codes(replace(CHILD, modality=modality), spec=spec) == []


@pytest.mark.parametrize(
    ("intended", "found"),
    [
        ("CHEST", "THORAX"),
        ("CHEST", "LUNG"),
        ("CHEST", "Chest PA"),
        ("CHEST", "CHESTABDOMEN"),
        ("HEAD", "BRAIN"),
        ("BRAIN", "SKULL"),
        ("HEAD", "HEADNECK"),
        ("BREAST", "BREAST"),
        ("KNEE", "KNEE"),
    ],
)
def test_terms_for_the_same_part_of_the_body_agree(intended: str, found: str) -> None:
    spec = replace(PEDIATRIC, intended_use=replace(USE, body_parts=(intended,)))
    assert codes(replace(CHILD, body_part_examined=found), spec=spec) == []


@pytest.mark.parametrize("age", [1.0, 3.2, 5.0, 5.9])
def test_ages_are_completed_years(age: float) -> None:
    assert codes(replace(CHILD, patient_age_years=age)) == []


@pytest.mark.parametrize(
    ("low", "high", "words"), [(18, None, "18 years or older"), (None, 5, "up to 5 years"), (1, 5, "aged 1 to 5 years")]
)
def test_one_sided_ages_are_said(low: float | None, high: float | None, words: str) -> None:
    spec = replace(PEDIATRIC, intended_use=replace(USE, min_age_years=low, max_age_years=high))
    notices = check_intended_use(spec, replace(CHILD, modality="CT"), GRAY)
    assert words in notices[0].message


def test_a_file_without_any_header_gets_one_mild_notice() -> None:
    (notice,) = check_intended_use(PEDIATRIC, Acquisition(), GRAY)
    assert notice.code == "header-absent"
    assert "radiographs (CR, DX) of the chest" in notice.message
    assert not is_outside_intended_use(notice)


def test_the_most_serious_comes_first() -> None:
    acquisition = Acquisition(modality="MR", presentation_intent_type="FOR PROCESSING")
    assert codes(acquisition) == [
        "modality-outside-intended-use",
        "raw-detector-data",
        "body-part-unknown",
        "view-unknown",
        "age-unknown",
    ]


def test_every_code_is_documented_in_one_of_the_sets() -> None:
    acquisitions = (Acquisition(), Acquisition(modality="MR"), replace(CHILD, patient_age_years=90.0))
    found = {code for acquisition in acquisitions for code in codes(acquisition)}
    assert found <= OUTSIDE_CODES | UNKNOWN_CODES


# ── Colour ────────────────────────────────────────────────────────────────────────────────────────────────────────


def picture(pixels: Any) -> Image:
    return Image(np.asarray(pixels, dtype=np.uint8), Intensity.RGB, "RGB", uid="picture")


def test_a_colour_picture_is_outside_the_use_of_a_radiograph_model() -> None:
    photograph = picture(np.random.default_rng(0).integers(0, 256, (300, 400, 3)))
    assert codes(CHILD, photograph) == ["colour-outside-intended-use"]
    assert codes(Acquisition(), photograph) == ["colour-outside-intended-use", "header-absent"]


def test_gray_stored_as_colour_and_a_small_mark_are_no_colour() -> None:
    pixels = np.repeat(np.random.default_rng(0).integers(0, 256, (300, 400, 1)), 3, axis=2)
    pixels[:10, :10] = (255, 0, 0)
    assert codes(CHILD, picture(pixels)) == []


def test_colour_belongs_to_ultrasound() -> None:
    use = IntendedUse("Lesions.", "Screening.", modalities=("US",), body_parts=("BREAST",))
    acquisition = Acquisition(modality="US", body_part_examined="BREAST")
    doppler = picture(np.random.default_rng(0).integers(0, 256, (300, 400, 3)))
    assert codes(acquisition, doppler, replace(PEDIATRIC, intended_use=use)) == []


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, ()),
        ({"modality": "CT"}, ("modality CT, not CR or DX",)),
        ({"patient_age_years": 34.0}, ("age 34 years, not 1 to 5 years",)),
        ({"view_position": "LL"}, ("view LL, not AP or PA",)),
        (
            {"body_part_examined": "HEAD", "patient_age_years": 0.5},
            ("body part HEAD, not CHEST", "age 6 months, not 1 to 5 years"),
        ),
        ({"modality": None, "patient_age_years": None}, ()),
    ],
)
def test_what_speaks_against_a_model_is_named_in_the_words_of_the_header(
    changes: dict[str, Any], reasons: tuple[str, ...]
) -> None:
    assert reasons_against(PEDIATRIC, replace(CHILD, **changes)) == reasons


# ── Calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "call"), [("age-outside-intended-use", None), ("unlike-training-images", None), ("age-unknown", True)]
)
def test_what_contradicts_the_intended_use_withholds_the_call(code: str, call: bool | None) -> None:
    score = Score(PEDIATRIC.labels[0], 0.9, calibrated=True)
    prediction = Prediction("uid", "m", "1", "", (score,), (Notice(code, "A reason."),), 0.1, "cpu")
    assert is_call_withheld(prediction) is (call is None)
    assert call_of(prediction, score) is call
    assert score.call is True


def test_no_notice_repeats_what_identifies_a_patient() -> None:
    notices: tuple[Notice, ...] = check_intended_use(PEDIATRIC, replace(CHILD, manufacturer="ACME"), GRAY)
    assert not notices


def test_the_other_frontal_view_is_a_caution_and_not_outside() -> None:
    spec = replace(CHEST_SPEC, intended_use=replace(USE, view_positions=("AP",)))
    (notice,) = check_intended_use(spec, replace(CHILD, view_position="PA"), GRAY)
    assert notice.code == "view-differs"
    assert not is_outside_intended_use(notice)
    assert "The view is PA (View Position); the model is for AP." in notice.message


# ── Unknown age ───────────────────────────────────────────────────────────────────────────────────────────────────

AP_ONLY = replace(CHEST_SPEC, intended_use=replace(USE, view_positions=("AP",)))
UNDATED = replace(CHILD, patient_age_years=None)


def film(height_cm: float, width_cm: float) -> Image:
    """Return an image of 64 × 64 pixels that covers so much."""
    return replace(GRAY, spacing=Spacing(10 * height_cm / 64, 10 * width_cm / 64, "ImagerPixelSpacing"))


def test_a_view_of_adults_without_an_age_withholds_the_call_of_a_model_for_children() -> None:
    (notice,) = check_intended_use(AP_ONLY, replace(UNDATED, view_position="PA"), GRAY)
    assert notice.code == "unknown-age-outside-intended-use"
    assert is_outside_intended_use(notice)
    assert "does not give the patient's age, and the view is PA" in notice.message


@pytest.mark.parametrize(
    ("height_cm", "width_cm", "code"),
    [
        (43, 35, "unknown-age-outside-intended-use"),
        (35, 43, "unknown-age-outside-intended-use"),
        (34, 32, "age-unknown"),
        (29, 43, "age-unknown"),
    ],
)
def test_so_does_the_size_of_an_adults_film(height_cm: float, width_cm: float, code: str) -> None:
    assert codes(UNDATED, film(height_cm, width_cm)) == [code]
    assert codes(CHILD, film(height_cm, width_cm)) == []


def test_without_such_signs_an_unknown_age_is_a_caution() -> None:
    assert codes(UNDATED) == ["age-unknown"]
    assert codes(replace(UNDATED, view_position=None), spec=AP_ONLY) == ["view-unknown", "age-unknown"]


def test_a_model_for_adults_sees_nothing_in_an_adults_film() -> None:
    adults = replace(AP_ONLY, intended_use=replace(USE, view_positions=("AP",), min_age_years=18, max_age_years=None))
    assert codes(replace(UNDATED, view_position="PA"), film(43, 35), adults) == ["view-differs", "age-unknown"]

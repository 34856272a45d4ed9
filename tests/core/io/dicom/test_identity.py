"""Free text of a header is shown to nobody who has not asked for it, in whatever attribute it stands."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from core.domain import FREE_TEXT
from core.io.dicom.facts import read_acquisition, title_of
from core.io.dicom.identity import holds_identity, is_body_part, is_plain, plain_body_part, plain_words
from core.io.dicom.terms import is_anatomical
from tests.core.io.dicom.made import changed

JANE = {
    "PatientName": "Müller-Lüdenscheidt^Jane",
    "PatientID": "X-47.11",
    "PatientBirthDate": "19580315",
    "InstitutionName": "Chest Clinic Neustadt",
}


def header(**attributes: object) -> Dataset:
    return changed(Dataset(), SpecificCharacterSet="ISO_IR 192", **attributes)


@pytest.mark.parametrize(
    "text",
    [
        "T2 FLAIR AX",
        "t1_vibe_fs_tra_bh_dyn",
        "5/5mm Plain",
        "SmartScore - Gated 0.5 sec",
        "Kopf nativ 3.0 H31s",
        "CHEST_TO_PELVIS",
        "1.1 Routine Brain",
        "RX Tórax PA",
        "DWI b1000 ADC",
    ],
)
def test_descriptions_of_known_terms_are_plain(text: str) -> None:
    assert is_plain(text, header(**JANE))


@pytest.mark.parametrize(
    "text",
    [
        "Chest Jane",
        "chest of mueller",
        "CHEST MULLER LUDENSCHEIDT",
        "T2 X 47 11",
        "CT 4 7 1 1",
        "head 15 03 58",
        "head 15.03.1958",
        "Neustadt chest",
        "MüllerLüdenscheidt",
        "routine for Dr. Quill",
    ],
)
def test_anything_else_is_not(text: str) -> None:
    assert not is_plain(text, header(**{**JANE, "PatientID": "4711"}))


@pytest.mark.parametrize("text", ["T2 muller_ludenscheidt", "JANE", "M Ü L L E R", "x4711b", "born 15/03/58"])
def test_identity_is_found_without_regard_to_case_diacritics_and_separators(text: str) -> None:
    assert holds_identity(text, header(**{**JANE, "PatientID": "4711"}))


def test_a_short_name_inside_a_term_says_nothing() -> None:
    assert is_plain("T1 enhanced", header(PatientName="Han^Li"))
    assert not is_plain("Chest Lung", header(PatientName="Lung^Wei"))
    assert plain_words("Chest Lung", header(PatientName="Lung^Wei")) == ("Chest",)


def test_institutions_named_by_terms_say_nothing() -> None:
    assert is_plain("Chest routine", header(InstitutionName="Chest Clinic", StudyID="1"))


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ("CHEST", "CHEST"),
        ("whole body", "WHOLE BODY"),
        ("CHESTABDPELVIS", "CHESTABDPELVIS"),
        ("CHEST OF QUILL", "CHEST"),
        ("QUILL", FREE_TEXT),
        ("Structure of thorax", "STRUCTURE OF THORAX"),
        ("", None),
        (None, None),
    ],
)
def test_a_body_part_is_told_as_far_as_it_is_one(stated: str | None, told: str | None) -> None:
    assert plain_body_part(stated) == told
    assert is_body_part(stated or "") == (stated is not None and told == stated.upper() != "")


def test_codes_that_are_none_are_free_text() -> None:
    how = read_acquisition(header(Modality="QUILL", ViewPosition="BY QUILL", PatientSex="QUILL", Manufacturer="Quill"))
    assert (how.modality, how.view_position, how.patient_sex) == (FREE_TEXT,) * 3


def test_a_title_keeps_the_terms_of_a_description_and_drops_the_rest() -> None:
    dataset = header(Modality="MR", BodyPartExamined="HEAD", SeriesDescription="T2 FLAIR AX Quill 4711")
    assert title_of(dataset) == "MR head, T2 FLAIR AX"


@pytest.mark.parametrize("name", ["Petal", "Hancock", "Chandler", "Lungo", "Tomaso", "Conti", "Handke"])
def test_surnames_are_no_run_together_body_parts(name: str) -> None:
    assert not is_anatomical(name)

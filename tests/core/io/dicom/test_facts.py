"""Facts: ages, what an intended use is checked against, titles, and what identifies a patient."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.sequence import Sequence

from core.domain import Acquisition, Fact
from core.io.dicom import group_series
from core.io.dicom.facts import age_years, facts_of, read_acquisition, title_of
from tests.core.io.dicom.made import dataset_of, file_of, image_file, item, read

PIXELS = np.zeros((20, 30), np.uint16)


def facts(**attributes: object) -> dict[str, Fact]:
    return {fact.keyword: fact for fact in facts_of(image_file(PIXELS, **attributes))}


@pytest.mark.parametrize(
    ("stated", "years"),
    [
        ("062Y", 62),
        ("62", 62),
        ("62Y", 62),
        ("018M", 1.5),
        ("003W", 21 / 365.25),
        ("005D", 5 / 365.25),
        ("000Y", 0),
        ("062y", 62),
        ("old", None),
        ("9999", None),
        ("", None),
    ],
)
def test_ages_are_in_years(stated, years):
    file = read(file_of(dataset_of(PIXELS, PatientAge="XXXX")).replace(b"XXXX", stated.ljust(4).encode()[:4]))
    assert age_years(file.dataset) == (None if years is None else pytest.approx(years))


@pytest.mark.parametrize(
    ("born", "day", "years"),
    [
        ("19580315", {"StudyDate": "20200315"}, 62),
        ("20180101", {"SeriesDate": "20190701"}, 1.5),
        ("1958.03.15", {"StudyDate": "2020.03.15"}, 62),
        ("20200101", {"StudyDate": "20190101"}, None),
        ("19580399", {"StudyDate": "20200315"}, None),
        ("19580315", {}, None),
    ],
)
def test_an_age_is_worked_out_from_the_dates_where_it_is_not_stated(born, day, years):
    dataset = image_file(PIXELS, PatientBirthDate=born, **day).dataset
    assert age_years(dataset) == (None if years is None else pytest.approx(years, abs=0.01))


def test_the_acquisition_is_read_in_upper_case():
    dataset = image_file(
        PIXELS,
        Modality="DX",
        BodyPartExamined="CHEST",
        ViewPosition="PA",
        PatientAge="004Y",
        PatientSex="F",
        Manufacturer="Maker of detectors",
        PresentationIntentType="FOR PRESENTATION",
    ).dataset
    assert read_acquisition(dataset) == Acquisition(
        "DX", "CHEST", "PA", 4.0, "F", "MAKER OF DETECTORS", "FOR PRESENTATION"
    )


def test_what_the_file_does_not_say_is_none():
    assert read_acquisition(image_file(PIXELS, Modality=None).dataset) == Acquisition()


def test_newer_objects_give_body_part_and_view_as_codes():
    dataset = image_file(
        PIXELS,
        AnatomicRegionSequence=Sequence([item(CodeMeaning="Chest")]),
        ViewCodeSequence=Sequence([item(CodeMeaning="postero-anterior")]),
    ).dataset
    acquisition = read_acquisition(dataset)
    assert (acquisition.body_part_examined, acquisition.view_position) == ("CHEST", "PA")


# ── Title ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("attributes", "title"),
    [
        ({"SeriesDescription": "Axial   brain"}, "Axial brain"),
        ({"SeriesDescription": "Doe chest", "PatientName": "Doe^Jane"}, "CT chest, PA"),
        ({"SeriesDescription": "scan of X-4711", "PatientID": "X-4711"}, "CT chest, PA"),
        ({"SeriesDescription": "T2 de la tête", "PatientName": "de^la"}, "T2 de la tête"),
        ({}, "CT chest, PA"),
        ({"Modality": "DX"}, "Chest, PA"),
        ({"Modality": "CR", "SeriesDescription": "view: PA"}, "Chest, PA"),
        ({"Modality": "DX", "SeriesDescription": "pa"}, "Chest, PA"),
        ({"Modality": "DX", "SeriesDescription": "LAT", "ViewPosition": None}, "Chest, LAT"),
        ({"Modality": "DX", "SeriesDescription": "PA und seitlich"}, "PA und seitlich"),
        ({"Modality": "MR", "BodyPartExamined": "LSPINE", "ViewPosition": None}, "MR lumbar spine"),
        ({"Modality": "DX", "BodyPartExamined": None}, "DX, PA"),
        ({"BodyPartExamined": None, "ViewPosition": None}, "CT"),
        ({"Modality": None, "BodyPartExamined": None, "ViewPosition": None}, "Image"),
    ],
)
def test_a_title_describes_and_does_not_name(attributes, title):
    base = {"BodyPartExamined": "CHEST", "ViewPosition": "PA", "SpecificCharacterSet": "ISO_IR 100"}
    dataset = dataset_of(PIXELS, **base)
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    assert title_of(read(file_of(dataset)).dataset) == title


# ── Facts panel ───────────────────────────────────────────────────────────────────────────────────────────────────

IDENTIFYING = {
    "PatientName": "Doe^Jane^^Dr",
    "PatientID": "4711",
    "PatientBirthDate": "19580315",
    "AccessionNumber": "A1",
    "StudyID": "S1",
    "StudyInstanceUID": "1.2.3",
    "StudyDate": "20200315",
    "StudyTime": "134501.25",
    "InstitutionName": "St Elsewhere",
    "StationName": "CT01",
    "ReferringPhysicianName": "House^Gregory",
    "PerformingPhysicianName": "Cuddy^Lisa",
    "OperatorsName": "Op^Erator",
    "StudyDescription": "Head of Jane",
    "ImageComments": "seen by Jane",
    "DeviceSerialNumber": "77",
}


@pytest.mark.parametrize("keyword", IDENTIFYING)
def test_whatever_names_a_person_a_place_or_a_day_is_identifying(keyword):
    assert facts(**IDENTIFYING)[keyword].identifying


def test_facts_are_formatted_for_people():
    found = facts(
        **IDENTIFYING,
        PatientAge="018M",
        PatientSex="F",
        KVP=120,
        SliceThickness="2.50",
        PixelSpacing=[0.5, 0.25],
        ConvolutionKernel=["B30f", "A"],
    )
    assert {keyword: fact.value for keyword, fact in found.items() if keyword not in ("SeriesInstanceUID",)} == {
        "PatientName": "Doe, Jane Dr",
        "PatientID": "4711",
        "PatientBirthDate": "1958-03-15",
        "PatientAge": "18 months",
        "PatientSex": "female",
        "AccessionNumber": "A1",
        "StudyID": "S1",
        "StudyInstanceUID": "1.2.3",
        "StudyDate": "2020-03-15",
        "StudyTime": "13:45",
        "InstitutionName": "St Elsewhere",
        "StationName": "CT01",
        "ReferringPhysicianName": "House, Gregory",
        "PerformingPhysicianName": "Cuddy, Lisa",
        "OperatorsName": "Op, Erator",
        "StudyDescription": "Head of Jane",
        "ImageComments": "seen by Jane",
        "DeviceSerialNumber": "77",
        "Modality": "CT",
        "KVP": "120 kV",
        "SliceThickness": "2.5 mm",
        "PixelSpacing": "0.5 × 0.25 mm",
        "ConvolutionKernel": "B30f, A",
        "Rows": "20 × 30",
        "BitsStored": "16 of 16",
        "PhotometricInterpretation": "MONOCHROME2",
        "TransferSyntaxUID": "Explicit VR Little Endian",
    }


@pytest.mark.parametrize(("stated", "shown"), [("062Y", "62 years"), ("011M", "11 months"), ("003W", "21 days")])
def test_ages_are_shown_in_the_unit_of_their_size(stated, shown):
    assert facts(PatientAge=stated)["PatientAge"].value == shown


def test_a_description_that_names_the_patient_becomes_identifying():
    assert facts(SeriesDescription="chest of doe", PatientName="DOE^JANE")["SeriesDescription"].identifying
    assert not facts(SeriesDescription="chest", PatientName="DOE^JANE")["SeriesDescription"].identifying


def test_facts_that_the_file_does_not_state_are_left_out():
    assert set(facts(Modality=None)) == {
        "SeriesInstanceUID",
        "Rows",
        "BitsStored",
        "PhotometricInterpretation",
        "TransferSyntaxUID",
    }


def test_long_values_are_cut():
    assert len(facts(ImageComments="x" * 5000)["ImageComments"].value) == 200


@pytest.mark.parametrize(("value", "codes"), [("YES", ["burned-in-annotation"]), ("NO", []), (None, [])])
def test_text_burned_into_the_pixels_is_warned_about(value, codes):
    attributes = {} if value is None else {"BurnedInAnnotation": value}
    (series,) = group_series([image_file(PIXELS, **attributes)])
    assert [notice.code for notice in series.notices] == codes


def test_multi_frame_objects_state_their_spacing_in_a_functional_group():
    measures = item(PixelMeasuresSequence=[item(PixelSpacing=[0.4, 0.5], SliceThickness=3)])
    found = facts(SharedFunctionalGroupsSequence=Sequence([measures]))
    assert (found["PixelSpacing"].value, found["SliceThickness"].value) == ("0.4 × 0.5 mm", "3 mm")


def test_a_name_in_another_script_is_shown_where_there_is_no_alphabetic_one():
    assert facts(PatientName="=山田^太郎", SpecificCharacterSet="ISO_IR 192")["PatientName"].value == "山田, 太郎"

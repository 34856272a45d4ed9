from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.assessment.mapping import ABSENCE, LEFT_OUT, meanings_of, truth_of
from core.domain import Label
from core.errors import DatasetError
from tests.core.assessment.made_set import BRAIN, CHEST

COVID = replace(CHEST, labels=(Label("COVID-19"),))


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Pneumonia", "Pneumonia"),
        ("pneumonia", "Pneumonia"),
        ("PNEUMONIAS", "Pneumonia"),
        ("pneumona", "Pneumonia"),
        ("Pleural effusion", "Effusion"),
        ("effusions", "Effusion"),
    ],
)
def test_names_are_taken_for_labels_by_their_words(name: str, label: str) -> None:
    (meaning,) = meanings_of([name], CHEST)
    assert (meaning.kind, meaning.label) == ("label", label)
    assert meaning.is_guess == (name != label)


@pytest.mark.parametrize("name", ["notumor", "no tumour", "No_Tumor", "normal", "Healthy"])
def test_good_news_is_the_label_that_is_no_finding(name: str) -> None:
    (meaning,) = meanings_of([name], BRAIN)
    assert (meaning.kind, meaning.label, meaning.is_guess) == ("label", "None", True)


@pytest.mark.parametrize("name", ["NORMAL", "no finding", "No Findings", "healthy", "control", "negative"])
def test_good_news_is_the_absence_of_all_labels_where_none_stands_for_it(name: str) -> None:
    (meaning,) = meanings_of([name], CHEST)
    assert (meaning.kind, meaning.label, meaning.is_guess) == ("absence", "", True)


def test_a_label_that_is_denied_is_absent() -> None:
    covid, denied = meanings_of(["COVID", "NonCOVID"], COVID)
    assert (covid.kind, covid.label) == ("label", "COVID-19")
    assert (denied.kind, denied.label) == ("absence", "COVID-19")


@pytest.mark.parametrize("name", ["cardiomegaly", "xy", "?", "nodule", "notes"])
def test_what_the_model_does_not_know_is_unknown(name: str) -> None:
    (meaning,) = meanings_of([name], CHEST)
    assert meaning.kind == "unknown"


def test_what_the_user_says_wins() -> None:
    said = {"normal": "Effusion", "pneumonia": ABSENCE, "other": LEFT_OUT}
    meanings = meanings_of(["normal", "pneumonia", "other"], CHEST, said)
    assert [(one.kind, one.label, one.is_guess) for one in meanings] == [
        ("label", "Effusion", False),
        ("absence", "", False),
        ("left out", "", False),
    ]
    assert [one.target for one in meanings] == ["Effusion", ABSENCE, LEFT_OUT]


@pytest.mark.parametrize(("said", "code"), [({"x": "Effusion"}, "no-such-set-label"), ({"a": "x"}, "no-such-label")])
def test_what_the_user_says_must_exist(said: dict[str, str], code: str) -> None:
    with pytest.raises(DatasetError) as caught:
        meanings_of(["a"], CHEST, said)
    assert caught.value.code == code


def test_a_label_that_the_set_does_not_name_is_not_known_to_be_absent() -> None:
    meanings = meanings_of(["normal", "pneumonia"], CHEST)
    truth, reasons = truth_of([("normal",), ("pneumonia",), ()], meanings, CHEST)
    # Pneumonia, Effusion: the set says "normal" of the first, and never says anything of effusions.
    np.testing.assert_array_equal(truth, [[0, 0], [1, np.nan], [0, np.nan]])
    assert reasons == ["", "", ""]


def test_a_denial_says_nothing_of_other_labels() -> None:
    model = replace(CHEST, labels=(Label("COVID"), Label("Effusion")))
    truth, _ = truth_of([("NonCOVID",), ("COVID",)], meanings_of(["NonCOVID", "COVID"], model), model)
    np.testing.assert_array_equal(truth, [[0, np.nan], [1, np.nan]])


def test_several_labels_of_an_image_are_all_shown() -> None:
    names = ["Effusion", "Pneumonia"]
    truth, _ = truth_of([("Effusion", "Pneumonia"), ("Effusion",), ()], meanings_of(names, CHEST), CHEST)
    np.testing.assert_array_equal(truth, [[1, 1], [0, 1], [0, 0]])


def test_labels_that_exclude_each_other_need_exactly_one() -> None:
    names = ["glioma", "notumor", "meningioma"]
    cases = [("glioma",), ("notumor",), (), ("glioma", "meningioma")]
    truth, reasons = truth_of(cases, meanings_of(names, BRAIN), BRAIN)
    np.testing.assert_array_equal(truth[:2], [[1, 0, 0, 0], [0, 0, 0, 1]])
    assert reasons == ["", "", "not-one-label", "not-one-label"]


def test_images_of_unknown_and_of_skipped_names_are_left_out() -> None:
    meanings = meanings_of(["cardiomegaly", "other", "normal"], CHEST, {"other": LEFT_OUT})
    _, reasons = truth_of([("cardiomegaly",), ("other",), ("normal",)], meanings, CHEST)
    assert reasons == ["unknown-label", "label-left-out", ""]

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.assessment import reading
from core.assessment.inspection import SetInspection, inspect_set
from core.assessment.mapping import Meaning
from core.assessment.outcome import meaning_in_words
from core.assessment.store import Store
from core.domain import Label
from core.models.provenance import write_training_hashes
from tests import made
from tests.core.assessment.made_set import BRAIN, CHEST


def inspect(folder: Path, store: Store, **options: object) -> SetInspection:
    return inspect_set(folder, model_id=CHEST.id, store=store, **options)  # type: ignore[arg-type]


def codes(inspection: SetInspection) -> set[str]:
    return {notice.code for notice in inspection.notices}


def test_a_sound_set_is_counted(folder: Path, store: Store) -> None:
    found = inspect(folder, store, patient_pattern=r"^p\d+")
    assert [(one.meaning.name, one.meaning.label, one.files, one.readable) for one in found.labels] == [
        ("normal", "", 6, 6),
        ("pneumonia", "Pneumonia", 6, 6),
    ]
    assert (found.files, found.images, found.patients, found.patients_repeat) == (12, 12, 6, 6)
    assert found.patient_from == "the pattern in the files' names"
    assert found.missing == ("Effusion",)
    assert not found.unreadable
    assert not found.copies
    assert found.near_copy_count == 0


def test_what_is_wrong_with_a_set_is_told(folder: Path, store: Store, models: Path) -> None:
    first = folder / "pneumonia" / "p100_0.png"
    (folder / "normal" / "note.txt").write_text("not an image")
    (folder / "normal" / "p000_1.png").write_bytes((folder / "normal" / "p000_0.png").read_bytes())
    (folder / "normal" / "other label.png").write_bytes(first.read_bytes())
    with Image.open(folder / "pneumonia" / "p101_0.png") as picture:
        picture.resize((96, 96)).point(lambda value: 0.9 * value + 10).save(folder / "pneumonia" / "again.png")
    (folder / "Cardiomegaly").mkdir()
    (folder / "Cardiomegaly" / "a.png").write_bytes(made.png(np.arange(4096, dtype=np.uint8).reshape(64, 64)))
    (folder / "loose.png").write_bytes(first.read_bytes())
    write_training_hashes(models / CHEST.id, [first])

    found = inspect(folder, store)
    assert [(one.file, one.code) for one in found.unreadable] == [("normal/note.txt", "not-a-medical-image")]
    assert found.unlabelled == ("loose.png",)
    assert ("normal/p000_0.png", "normal/p000_1.png") in found.copies
    assert found.contradicting == (("normal/other label.png", "pneumonia/p100_0.png"),)
    assert found.near_copies == (("pneumonia/again.png", "pneumonia/p101_0.png"),)
    assert found.in_training == ("normal/other label.png", "pneumonia/p100_0.png")
    assert found.training_known
    assert codes(found) == {
        *("label-unknown", "label-guessed", "label-missing", "used-in-training", "unreadable", "no-label"),
        *("contradicting-labels", "copies", "near-copies"),
    }


def test_the_second_inspection_reads_nothing(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = inspect(folder, store)

    def unexpected(*_: object) -> None:
        raise AssertionError("a known file was read")

    monkeypatch.setattr("core.assessment.inspection.open_file", unexpected)
    assert inspect(folder, store) == first


def test_meanings_change_without_reading(folder: Path, store: Store) -> None:
    found = inspect(folder, store).with_meanings({"normal": "Effusion"})
    assert [one.meaning.label for one in found.labels] == ["Effusion", "Pneumonia"]
    assert found.missing == ()
    assert "label-missing" not in codes(found)


@pytest.mark.parametrize(
    ("meaning", "words"),
    [
        (Meaning("notumor", "label", "none"), "“No tumour”"),
        (Meaning("normal", "absence", "cyst"), "no “cyst”"),
        (Meaning("normal", "absence"), "none of the model's labels"),
        (Meaning("unclear", "left out"), "left out"),
        (Meaning("other", "unknown"), "unknown to the model"),
    ],
)
def test_meanings_are_told_by_the_titles_that_people_are_shown(meaning: Meaning, words: str) -> None:
    assert meaning_in_words(meaning, (Label("none", title="No tumour"), Label("cyst"))) == words


def test_a_label_that_a_model_of_exclusive_labels_lacks_is_unknown(folder: Path, store: Store) -> None:
    found = inspect_set(folder, model_id=BRAIN.id, store=store)
    assert [(one.meaning.kind, one.meaning.label) for one in found.labels] == [("label", "None"), ("unknown", "")]
    assert found.missing == ("Glioma", "Meningioma", "Pituitary")


def test_headers_tell_patients_and_attributes_without_naming_them(tmp_path: Path, store: Store, models: Path) -> None:
    for number, (patient, sex) in enumerate([("A", "F"), ("A", "F"), ("B", "M")]):
        file = tmp_path / "set" / "normal" / f"{number}.dcm"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.roll(made.chest_values(64), 9 * number, axis=0)
        file.write_bytes(made.dicom(pixels, {"PatientID": patient, "PatientSex": sex, "PatientAge": "071Y"}))
    found = inspect(tmp_path / "set", store)
    assert (found.images, found.patients, found.patients_repeat) == (3, 2, 1)
    assert found.patient_from == "the headers"
    assert found.attributes["Sex"] == {"F": 2, "M": 1}
    assert found.attributes["Age"] == {"60–79": 3}


@pytest.mark.parametrize(
    ("years", "band"),
    [(0.5, "under 1 year"), (1, "1–5"), (5.9, "1–5"), (6, "6–12"), (79.9, "60–79"), (80, "80 and over")],
)
def test_age_bands(years: float, band: str) -> None:
    assert reading.age_band(years) == band


def test_the_version_of_the_code_covers_readers_and_models() -> None:
    assert reading.code_version() == reading.code_version()
    core = Path(reading.__file__).resolve().parents[1]
    for place in reading._SOURCES:
        assert (core / place).exists()

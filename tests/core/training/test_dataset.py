from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from core.errors import CoreError, DatasetError
from core.training.dataset import find_examples, open_file, patient_of
from core.training.split import Part
from tests.core.training.films import film, labelled_folder, write

KERMANY = re.compile(r"^(person\d+_(?:bacteria|virus))_|^(.+)-\d+$")


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("person1000_bacteria_2931.jpg", "person1000_bacteria"),
        ("person1000_virus_1681.jpg", "person1000_virus"),
        ("IM-0115-0001.jpg", "IM-0115"),
        ("NORMAL2-IM-0383-0001-0002.jpg", "NORMAL2-IM-0383-0001"),
        ("somebody.png", "clear/somebody.png"),
    ],
)
def test_patient_is_what_the_pattern_finds(name: str, patient: str) -> None:
    assert patient_of(Path("data/clear") / name, KERMANY, name=f"clear/{name}")[0] == patient


def test_a_pattern_without_groups_is_the_patient_itself() -> None:
    assert patient_of(Path("p07_1.png"), re.compile(r"p\d+"), name="p07_1.png") == ("p07", "name")


def test_without_a_pattern_every_file_is_a_patient(tmp_path: Path) -> None:
    for name in ("clear", "opaque"):
        write(tmp_path / name / "1.png", np.eye(20, dtype=np.uint8))
    examples = find_examples(tmp_path)
    assert [(one.patient, one.patient_from) for one in examples] == [("clear/1.png", "file"), ("opaque/1.png", "file")]


def test_examples_are_ordered_and_hidden_files_passed_over(tmp_path: Path) -> None:
    labelled_folder(tmp_path, patients=2, films_each=1)
    (tmp_path / "clear" / ".DS_Store").write_bytes(b"x")
    (tmp_path / ".cache").mkdir()
    examples = find_examples(tmp_path, patient_pattern=r"^(p\d+)_")
    assert [one.path.name for one in examples] == ["p000_0.png", "p001_0.png", "p100_0.png", "p101_0.png"]
    assert [one.class_name for one in examples] == ["clear", "clear", "opaque", "opaque"]
    assert [one.patient for one in examples] == ["p000", "p001", "p100", "p101"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        find_examples(tmp_path / "nowhere")
    assert caught.value.code == "no-data"


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    with pytest.raises(DatasetError, match="1 folders") as caught:
        find_examples(tmp_path)
    assert caught.value.code == "too-few-classes"


def test_the_parts_of_a_divided_data_set_are_kept(tmp_path: Path) -> None:
    for name in ("Train", "valid", "TEST"):
        labelled_folder(tmp_path / name, patients=1, films_each=1)
    examples = find_examples(tmp_path)
    assert [one.part for one in examples] == [part for part in Part for _ in range(2)]
    assert [one.class_name for one in examples] == ["clear", "opaque"] * 3
    assert len({one.patient for one in examples}) == 6


def test_a_class_may_be_called_test(tmp_path: Path) -> None:
    for name in ("control", "test"):
        write(tmp_path / name / "a.png", np.eye(20, dtype=np.uint8))
    assert [(one.class_name, one.part) for one in find_examples(tmp_path)] == [("control", None), ("test", None)]


def test_classes_beside_parts_are_refused(tmp_path: Path) -> None:
    for name in ("train", "val"):
        labelled_folder(tmp_path / name, patients=1)
    (tmp_path / "clear").mkdir()
    with pytest.raises(DatasetError, match="“clear”") as caught:
        find_examples(tmp_path)
    assert caught.value.code == "parts-and-classes"


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    labelled_folder(tmp_path, patients=1)
    (tmp_path / "third").mkdir()
    with pytest.raises(DatasetError, match="third") as caught:
        find_examples(tmp_path)
    assert caught.value.code == "empty-class"


def test_a_pattern_that_is_none_is_refused(tmp_path: Path) -> None:
    labelled_folder(tmp_path, patients=1)
    with pytest.raises(DatasetError) as caught:
        find_examples(tmp_path, patient_pattern="(")
    assert caught.value.code == "bad-patient-pattern"


def test_a_film_is_read_by_the_same_reader_as_an_upload(tmp_path: Path) -> None:
    picture = film(np.random.default_rng(0), opacity=True, shape=(40, 60))
    (frame,) = open_file(write(tmp_path / "a.png", picture)).frames
    assert np.array_equal(frame.load().pixels, picture)


def test_text_is_not_a_picture(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_text("not a picture")
    with pytest.raises(CoreError):
        open_file(file).frames[0].load()

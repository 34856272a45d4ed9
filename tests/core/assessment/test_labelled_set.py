from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.assessment.labelled_set import find_table, open_set
from core.errors import DatasetError, StudyError
from core.training.config import LabelTable
from tests.core.assessment.made_set import write_set
from tests.core.training.films import write


def zipped(folder: Path, file: Path) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder).as_posix())
    return file


def test_a_zip_holds_what_the_folder_held(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    of_folder = open_set(folder, patient_pattern=r"^p\d+")
    of_zip = open_set(zipped(folder, tmp_path / "set.zip"), patient_pattern=r"^p\d+")
    assert of_zip.examples == of_folder.examples
    assert of_zip.names == ("normal", "pneumonia")
    assert len({one.patient for one in of_zip.examples}) == 6
    for example in of_zip.examples:
        name = example.path.as_posix()
        assert of_zip.files.read(name) == of_folder.files.read(name) == (folder / name).read_bytes()


def test_a_folder_around_everything_is_passed_over(tmp_path: Path) -> None:
    write_set(tmp_path / "outer" / "my set" / "images")
    for path in (tmp_path / "outer", zipped(tmp_path / "outer", tmp_path / "set.zip")):
        opened = open_set(path)
        assert opened.names == ("normal", "pneumonia")
        assert opened.examples[0].path.as_posix() == "normal/p000_0.png"
        assert opened.files.read("normal/p000_0.png").startswith(b"\x89PNG")


def test_one_class_alone_is_a_set(tmp_path: Path) -> None:
    write(tmp_path / "set" / "pneumonia" / "a.png", np.eye(20, dtype=np.uint8))
    assert open_set(tmp_path / "set").names == ("pneumonia",)


def test_files_without_a_label_are_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    (folder / "readme.txt").write_text("notes")
    (folder / ".DS_Store").write_text("clutter")
    assert open_set(folder).unlabelled == ("readme.txt",)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_nothing_to_evaluate_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError):
        open_set(tmp_path / name)


def test_what_is_no_zip_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "set.zip"
    file.write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(StudyError) as caught:
        open_set(file)
    assert caught.value.code == "damaged-archive"


def test_a_table_gives_labels_patients_and_subgroups(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(
        "path,labels,patient,scanner\nnormal/p000_0.png,,a,X\npneumonia/p100_0.png,Effusion|Pneumonia,b,Y\n"
    )
    opened = open_set(write_set(tmp_path / "set"), table=find_table(file))
    assert [(one.labels, one.patient, one.subgroups) for one in opened.examples] == [
        ((), "a", (("scanner", "X"),)),
        (("Effusion", "Pneumonia"), "b", (("scanner", "Y"),)),
    ]
    assert opened.names == ("Effusion", "Pneumonia")
    assert len(opened.unlabelled) == 10


def test_columns_of_0_and_1_are_labels_even_where_none_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("Image Index,Patient ID,Effusion,Pneumonia\na.png,1,0,1\nb.png,2,0,0\n")
    table = find_table(file)
    assert table == LabelTable(file, "Image Index", ("Effusion", "Pneumonia"), "Patient ID")
    assert open_set(write_set(tmp_path / "set"), table=table).names == ("Effusion", "Pneumonia")


def test_a_table_without_labels_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("path,age\na.png,3\n")
    with pytest.raises(DatasetError, match="path, age") as caught:
        find_table(file)
    assert caught.value.code == "no-such-column"


@pytest.mark.parametrize("name", ["../outside.png", "{root}/outside.png"])
def test_a_table_cannot_reach_outside_of_its_set(tmp_path: Path, name: str) -> None:
    write(tmp_path / "outside.png", np.eye(20, dtype=np.uint8))
    named = name.format(root=tmp_path)
    file = tmp_path / "labels.csv"
    file.write_text(f"path,labels\n{named},x\n")
    opened = open_set(write_set(tmp_path / "set"), table=find_table(file))
    with pytest.raises(StudyError) as caught:
        opened.files.read(opened.examples[0].path.as_posix())
    assert caught.value.code == "outside-folder"


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    files = open_set(folder).files
    before = files.stamp("normal/p000_0.png")
    assert before == files.stamp("normal/p000_0.png") != files.stamp("normal/p000_1.png")
    (folder / "normal/p000_0.png").write_bytes(b"other")
    assert files.stamp("normal/p000_0.png") != before
    assert files.stamp("normal/gone.png") == ""

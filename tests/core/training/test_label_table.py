"""Labels from a table: one column of names, columns of 0 and 1, and every way to get a table wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DatasetError
from core.training.config import LabelTable
from core.training.dataset import Example
from core.training.label_table import column_names, count_subgroups, read_label_table
from core.training.split import Part


def table(tmp_path: Path, text: str, **columns: object) -> LabelTable:
    file = tmp_path / "labels.csv"
    file.write_text(text, encoding="utf-8")
    return LabelTable(file, **columns)  # type: ignore[arg-type]


def read(tmp_path: Path, text: str, *, patient_pattern: str = "", **columns: object) -> tuple[Example, ...]:
    return read_label_table(table(tmp_path, text, **columns), root=tmp_path / "data", patient_pattern=patient_pattern)


def test_names_in_one_column_are_separated_by_bars_or_semicolons(tmp_path: Path) -> None:
    text = "path,labels\na.png,Effusion|Nodule\nb.png, Nodule ; Mass\nc.png,\nd.png,Mass|Mass\n"
    examples = read(tmp_path, text)
    assert [one.labels for one in examples] == [("Effusion", "Nodule"), ("Nodule", "Mass"), (), ("Mass",)]
    assert [one.path for one in examples] == [tmp_path / "data" / f"{name}.png" for name in "abcd"]


def test_columns_of_0_and_1_name_the_labels(tmp_path: Path) -> None:
    text = "image,effusion,nodule\na.png,1,0\nb.png,0,0\nc.png,1.0,1\n"
    examples = read(tmp_path, text, path="image", labels=("effusion", "nodule"))
    assert [one.labels for one in examples] == [("effusion",), (), ("effusion", "nodule")]


def test_a_single_column_of_0_and_1_is_a_label_too(tmp_path: Path) -> None:
    examples = read(tmp_path, "path,tb\na.png,1\nb.png,0\n", labels=("tb",))
    assert [one.labels for one in examples] == [("tb",), ()]


def test_patients_parts_and_subgroups_come_from_their_columns(tmp_path: Path) -> None:
    text = "path,labels,who,set,sex,age\na.png,x,p1,Train,F,40\nb.png,x,,valid,M,50\nc.png,y,p2,,,\n"
    examples = read(tmp_path, text, patient="who", split="set")
    assert [(one.patient, one.patient_from) for one in examples] == [
        ("p1", "table"),
        ("b.png", "file"),
        ("p2", "table"),
    ]
    assert [one.part for one in examples] == [Part.TRAINING, Part.VALIDATION, None]
    assert examples[0].subgroups == (("sex", "F"), ("age", "40"))


def test_the_pattern_finds_the_patient_where_the_table_has_no_column(tmp_path: Path) -> None:
    examples = read(tmp_path, "path,labels\nf/p07_1.png,x\nother.png,y\n", patient_pattern=r"^(p\d+)_")
    assert [(one.patient, one.patient_from) for one in examples] == [("p07", "name"), ("other.png", "file")]


def test_rows_of_one_file_add_up(tmp_path: Path) -> None:
    examples = read(tmp_path, "path,labels\na.png,Mass\nb.png,\na.png,Nodule\n")
    assert [(one.path.name, one.labels) for one in examples] == [("a.png", ("Mass", "Nodule")), ("b.png", ())]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets_write_other_delimiters_and_a_byte_order_mark(tmp_path: Path, delimiter: str) -> None:
    text = "\ufeffpath,labels,sex\r\na.png,x|y,F\r\n".replace(",", delimiter)
    assert read(tmp_path, text)[0].labels == ("x", "y")


@pytest.mark.parametrize(
    ("text", "columns", "code", "what"),
    [
        ("", {}, "empty-table", "no rows"),
        ("path,labels\n", {}, "empty-table", "no rows"),
        ("file,labels\na,x\n", {}, "no-such-column", "no column “path”; it has file, labels"),
        ("path,labels\na,x\n", {"patient": "who"}, "no-such-column", "“who”"),
        ("path,labels\na,x\nb\n", {}, "bad-row", "Line 3"),
        ("path,labels\na,x,y\n", {}, "bad-row", "Line 2"),
        ("path,labels\n,x\n", {}, "bad-row", "names no file"),
        ("path,a,b\nf,1,\n", {"labels": ("a", "b")}, "bad-row", "holds “” in the column “b”; 0 and 1"),
        ("path,a,b\nf,1,0\ng,-1,0\n", {"labels": ("a", "b")}, "bad-row", "Line 3 .*holds “-1”"),
        ("path,labels,set\nf,x,hold\n", {"split": "set"}, "bad-row", "“hold”; train, val and test"),
        ("path,labels,who\nf,x,p\nf,y,q\n", {"patient": "who"}, "bad-row", "Line 3 .*another patient"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(
    tmp_path: Path, text: str, columns: dict[str, object], code: str, what: str
) -> None:
    with pytest.raises(DatasetError, match=what) as caught:
        read(tmp_path, text, **columns)
    assert caught.value.code == code


@pytest.mark.parametrize("content", [None, b"path,labels\n\xff\xfe,x\n"])
def test_a_table_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "labels.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        read_label_table(LabelTable(file), root=tmp_path)
    assert caught.value.code == "unreadable-table"


def test_subgroups_are_counted_so_that_nobody_can_be_told_from_them() -> None:
    def example(number: int) -> Example:
        sex = "F" if number < 30 else "M" if number < 57 else "" if number < 59 else "other"
        return Example(Path(str(number)), (), "", subgroups=(("sex", sex), ("accession", str(number))))

    assert count_subgroups([example(number) for number in range(60)]) == {
        "sex": {"F": 30, "M": 27, "others, fewer than 5 each": 3},
        "accession": {"60 different values": 60},
    }


def test_columns_that_hold_0_and_1_alone_are_told_from_others(tmp_path: Path) -> None:
    given = table(tmp_path, "path,Effusion,age,Mass\na.png,0,1,1.0\nb.png,1,30,0\n")
    assert column_names(given.file) == (("path", "Effusion", "age", "Mass"), ("Effusion", "Mass"))

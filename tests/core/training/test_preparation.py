from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.domain import InputSpec
from core.errors import TrainingError
from core.training.config import ClassLabel, LabelTable, Split, TrainingConfig
from core.training.preparation import activation_of, labels_of, prepare, strata_of
from core.training.split import Part
from tests.core.training.films import film, labelled_folder, write

CONFIG = TrainingConfig(
    data=Path("films"),
    out=Path("weights/made"),
    working_size=(36, 36),
    input=InputSpec((32, 32), 1, "squash", "percentile", (0.5,), (0.5,)),
    split=Split(patient_pattern=r"^(p\d+)_", validation_share=0.2, test_share=0.2),
)


def with_table(folder: Path, *, n: int = 120, **changes: object) -> TrainingConfig:
    """Write films of which a third shows "opacity", a quarter "device", and some both; and their table."""
    rng = np.random.default_rng(0)
    lines = ["path,labels,patient,sex"]
    for number in range(n):
        labels = ["opacity"] * (number % 3 == 0) + ["device"] * (number % 4 == 0)
        picture = film(rng, opacity="opacity" in labels)
        if "device" in labels:
            picture[4:8, 10:54] = 255
        write(folder / "films" / f"{number}.png", picture)
        lines.append(f"{number}.png,{'|'.join(labels)},{number // 2},{'FM'[number % 2]}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = replace(
        CONFIG,
        data=folder / "films",
        out=folder / "weights" / "two",
        work=folder / "work",
        table=LabelTable(folder / "labels.csv", patient="patient"),
    )
    return replace(config, **changes)


def test_several_labels_of_a_table_become_independent_outputs(tmp_path: Path) -> None:
    prepared = prepare(with_table(tmp_path), progress=lambda _: None)
    material = prepared.material
    assert [label.name for label in prepared.labels] == ["device", "opacity"]
    assert material.targets.sum(axis=0).tolist() == [30, 40]
    assert material.activation == "sigmoid"
    assert prepared.outputs == (
        "The labels are independent of each other, as the data say: 10 pictures show several, 60 none of them."
    )
    assert prepared.classes == ("device", "none", "opacity")
    assert np.bincount(material.strata).tolist() == [30, 60, 30]


def test_every_part_gets_its_share_of_every_label_and_whole_patients(tmp_path: Path) -> None:
    prepared = prepare(with_table(tmp_path), progress=lambda _: None)
    division, targets = prepared.division, prepared.material.targets
    patients = [one.patient for one in prepared.pictures.examples]
    for part, share in ((Part.TRAINING, 0.6), (Part.VALIDATION, 0.2), (Part.TEST, 0.2)):
        own = division.of(part)
        assert targets[own].sum(axis=0) == pytest.approx([30 * share, 40 * share], abs=2)
        assert len(own) == pytest.approx(120 * share, abs=4)
        others = np.setdiff1d(np.arange(120), own)
        assert not {patients[index] for index in own} & {patients[index] for index in others}


def test_labels_may_be_picked_from_a_table(tmp_path: Path) -> None:
    config = with_table(tmp_path, labels=(ClassLabel("Opacity", "opacity"),))
    prepared = prepare(config, progress=lambda _: None)
    assert prepared.material.targets.shape == (120, 1)
    assert prepared.material.targets.sum() == 40


def test_a_folder_with_parts_and_labels_is_described(tmp_path: Path) -> None:
    labelled_folder(tmp_path / "films" / "train", patients=10)
    labelled_folder(tmp_path / "films" / "val", patients=5, seed=1)
    config = replace(CONFIG, data=tmp_path / "films", work=tmp_path / "work", split=Split(test_share=0.25))
    prepared = prepare(config, progress=lambda _: None)
    assert prepared.describe() == (
        "30 for training, 20 for validation, 10 for test; 0 files left out; 0 near-identical pairs of different "
        "patients kept together. The labels exclude each other: every picture shows one."
    )
    assert prepared.material.activation == "softmax"
    assert len(prepared.files_learnt_from()) == 50


@pytest.mark.parametrize(
    ("targets", "outputs", "activation"),
    [
        ([[1, 0], [0, 1]], "auto", "softmax"),
        ([[1, 0], [0, 1]], "independent", "sigmoid"),
        ([[1, 0], [0, 0]], "auto", "sigmoid"),
        ([[1, 1], [0, 1]], "auto", "sigmoid"),
        ([[1], [0]], "auto", "sigmoid"),
    ],
)
def test_outputs_exclude_each_other_where_every_picture_shows_one(
    targets: list[list[int]], outputs: str, activation: str
) -> None:
    config = replace(CONFIG, outputs=outputs)
    assert activation_of(config, np.array(targets, dtype=float))[0] == activation


@pytest.mark.parametrize(
    ("targets", "outputs", "code"),
    [([[1, 1], [0, 1]], "exclusive", "not-exclusive"), ([[1], [1]], "auto", "one-class")],
)
def test_outputs_that_cannot_be_are_refused(targets: list[list[int]], outputs: str, code: str) -> None:
    with pytest.raises(TrainingError) as caught:
        activation_of(replace(CONFIG, outputs=outputs), np.array(targets, dtype=float))
    assert caught.value.code == code


def test_a_picture_is_drawn_by_the_rarest_of_its_labels() -> None:
    targets = np.array([[1, 0, 1], [1, 0, 0], [1, 1, 1], [0, 0, 0], [0, 0, 1]], dtype=float)
    # a is on three pictures, b on one, c on three; of a and c, which are as rare, the first one counts.
    assert strata_of(targets, ["a", "b", "c"], "none") == ["a", "a", "b", "none", "c"]


def test_labels_come_from_the_folders_where_none_are_given() -> None:
    assert labels_of(replace(CONFIG, absence="clear"), ["clear", "opaque"]) == (ClassLabel("opaque", "opaque"),)


def test_a_label_without_a_folder_is_named() -> None:
    config = replace(CONFIG, absence="clear", labels=(ClassLabel("cloudy"),))
    with pytest.raises(TrainingError, match="cloudy") as caught:
        labels_of(config, ["clear", "opaque"])
    assert caught.value.code == "labels-differ"


def test_a_misspelt_absence_is_no_label_of_the_table(tmp_path: Path) -> None:
    config = replace(CONFIG, table=LabelTable(tmp_path / "t.csv"), absence="No findng")
    with pytest.raises(TrainingError, match="No findng"):
        labels_of(config, ["No finding", "Nodule"])

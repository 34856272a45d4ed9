"""The numbers that leave the house: against scikit-learn, and the same through the command line."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from core.__main__ import main
from core.assessment.charts import at_operating_points
from core.assessment.gallery import (
    case_image,
    case_study,
    cases_called,
    cases_in_cell,
    cases_scored,
    find_frame,
    opened_files,
)
from core.assessment.outcome import assess, most_wrong
from core.assessment.pdf import assessment_pdf
from core.assessment.record import as_record, predictions_csv
from core.assessment.report import assessment_html
from core.assessment.store import Store
from core.domain import OperatingPoint
from core.errors import StudyError
from tests.core.assessment.made_set import BRAIN, CHEST, run_job

TUMOURS = {"normal": "None", "pneumonia": "Glioma"}


def evaluate(folder: Path, out: Path, *options: str, model: str = CHEST.id) -> dict[str, Any]:
    assert main(["evaluate", str(folder), "--model", model, "--out", str(out), *options]) == 0
    record: dict[str, Any] = json.loads((out / "report.json").read_text("utf-8"))
    return record


def predictions(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((out / "predictions.csv").read_text("utf-8"))))


def column(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) if row[name] else math.nan for row in rows])


def test_figures_are_those_of_scikit_learn(folder: Path, store: Store, tmp_path: Path) -> None:
    (folder / "normal" / "note.txt").write_text("not an image")
    record = evaluate(folder, tmp_path / "out")
    rows = predictions(tmp_path / "out")
    truth, score = column(rows, "truth Pneumonia"), column(rows, "score Pneumonia")
    own = record["labels"]["Pneumonia"]
    call = (score >= own["threshold"]).astype(int)
    assert call.tolist() == [int(row["call Pneumonia"]) for row in rows]
    expected = {
        "auroc": metrics.roc_auc_score(truth, score),
        "average_precision": metrics.average_precision_score(truth, score),
        "sensitivity": metrics.recall_score(truth, call),
        "specificity": metrics.recall_score(truth, call, pos_label=0, zero_division=0),
        "accuracy": metrics.accuracy_score(truth, call),
    }
    for name, value in expected.items():
        assert own[name]["value"] == pytest.approx(value, abs=1e-12), name
        assert own[name]["low"] <= own[name]["value"] <= own[name]["high"]
    assert own["brier"] == pytest.approx(metrics.brier_score_loss(truth, score), abs=1e-12)
    assert (record["n"], own["n_positive"]) == (12, 6)
    assert record["excluded"][0]["file"] == "normal/note.txt"
    assert record["excluded"][0]["code"] == "not-a-medical-image"
    # Of effusions the set says only that normal films have none.
    assert (record["labels"]["Effusion"]["n_negative"], record["labels"]["Effusion"]["n_unknown"]) == (6, 6)
    assert record["labels"]["Effusion"]["auroc"]["value"] is None
    assert record["labels"]["Effusion"]["auroc"]["undefined"] == "no case with the finding"
    assert record["macro_auroc"] == pytest.approx(expected["auroc"])
    assert record["model"]["id"] == CHEST.id
    assert len(record["model"]["sha256"]) == 64
    assert record["seconds"] > 0
    assert record["images_per_second"] > 0


def test_labels_that_exclude_each_other(folder: Path, store: Store, tmp_path: Path) -> None:
    (folder / "Pituitary tumours").mkdir()
    for index in range(3):
        name = f"p00{index}_0.png"
        (folder / "normal" / name).rename(folder / "Pituitary tumours" / name)
    record = evaluate(folder, tmp_path / "out", "--map", "pneumonia=Glioma", model=BRAIN.id)
    rows = predictions(tmp_path / "out")
    names = [label.name for label in BRAIN.labels]
    truth = np.stack([column(rows, f"truth {name}") for name in names], axis=1).argmax(axis=1)
    called = np.stack([column(rows, f"score {name}") for name in names], axis=1).argmax(axis=1)
    assert record["confusion_matrix_names"] == names
    assert record["confusion_matrix"] == metrics.confusion_matrix(truth, called, labels=range(4)).tolist()
    assert record["accuracy"] == pytest.approx(metrics.accuracy_score(truth, called))
    assert [record["labels"][name]["n_positive"] for name in names] == [6, 0, 3, 3]
    areas = [record["labels"][name]["auroc"]["value"] for name in names]
    assert areas[1] is None
    assert record["macro_auroc"] == pytest.approx(np.mean([areas[0], areas[2], areas[3]]))
    assert {one["name"]: one["guess"] for one in record["label_meanings"]} == {
        "Pituitary tumours": True,
        "normal": True,
        "pneumonia": False,
    }


def test_a_table_of_several_labels(folder: Path, store: Store, tmp_path: Path) -> None:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    lines = [f"{name},{int('pneu' in name)},{index % 2},p{index // 3}" for index, name in enumerate(names)]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["path,Pneumonia,Effusion,patient", *lines, "gone.png,1,0,p9"]))
    record = evaluate(folder, tmp_path / "out", "--labels-csv", str(table))
    assert (record["n"], record["patients"]) == (12, 4)
    assert [record["labels"][name]["n_positive"] for name in ("Pneumonia", "Effusion")] == [6, 6]
    assert [(one["file"], one["code"]) for one in record["excluded"]] == [("gone.png", "file-not-found")]
    rows = predictions(tmp_path / "out")
    truth, score = column(rows, "truth Effusion"), column(rows, "score Effusion")
    assert record["labels"]["Effusion"]["auroc"]["value"] == pytest.approx(metrics.roc_auc_score(truth, score))
    assert record["labels"]["Effusion"]["threshold"] is None
    assert all(row["call Effusion"] == "" for row in rows)


def test_a_zip_gives_what_its_folder_gives(folder: Path, store: Store, tmp_path: Path) -> None:
    (folder / "normal" / "note.txt").write_text("not an image")
    own = evaluate(folder, tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(folder.rglob("*.*")):
            archive.write(path, f"my set/{path.relative_to(folder).as_posix()}")
    zipped = evaluate(tmp_path / "set.zip", tmp_path / "b")
    assert zipped["images_computed"] == 0
    for record in (own, zipped):
        for name in ("seconds", "images_per_second", "images_computed"):
            record.pop(name)
    assert zipped == own
    assert (tmp_path / "a/predictions.csv").read_text("utf-8") == (tmp_path / "b/predictions.csv").read_text("utf-8")


def test_a_set_of_one_class_has_what_can_be_had(folder: Path, store: Store, tmp_path: Path) -> None:
    for path in (folder / "pneumonia").iterdir():
        path.unlink()
    own = evaluate(folder, tmp_path / "out")["labels"]["Pneumonia"]
    assert (own["n_positive"], own["n_negative"]) == (0, 6)
    assert own["auroc"]["value"] is None
    assert own["specificity"]["value"] is not None
    assert own["sensitivity"]["undefined"]


def test_the_report_needs_nothing_and_names_nobody(folder: Path, store: Store) -> None:
    html = assessment_html(assess(store, run_job(store, folder)))
    assert html.count("<h2>") == 8
    body = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    assert not re.search(r"(src|href)=\"https?:", body)
    assert html.count("Plotly.newPlot") >= 5
    assert html.count("plotly.js v") <= 2, "the library is inlined once"
    assert "p000_0" not in html
    assert CHEST.version in body
    assert "Save as PDF" in body
    assert re.search(r"Case \d+: Pneumonia (missed|false alarm)", body)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--map", "x=Effusion"], "no label “x”"),
        (["--map", "normal"], "NAME=LABEL"),
        (["--operating-point", "nothing"], "no operating point “nothing”"),
        (["--patient-pattern", "("], "regular expression"),
    ],
)
def test_wrong_options_are_told(
    folder: Path, store: Store, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    out = folder.parent / "out"
    assert main(["evaluate", str(folder), "--model", CHEST.id, "--out", str(out), *options]) == 1
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_images_the_model_has_learnt_from_are_marked(folder: Path, store: Store, models: Path) -> None:
    from core.models.provenance import write_training_hashes

    write_training_hashes(models / CHEST.id, [folder / "normal" / "p000_0.png"])
    assessment = assess(store, run_job(store, folder))
    assert [case.file for case in assessment.cases if case.in_training] == ["normal/p000_0.png"]
    assert "used-in-training" in {notice.code for notice in assessment.notices}


# ── What the page asks for ────────────────────────────────────────────────────────────────────────────────────────


def test_a_threshold_is_moved_without_a_model(folder: Path, store: Store) -> None:
    assessment = assess(store, run_job(store, folder))
    scores = assessment.result.cases.scores[:, 0]
    middle = float(np.median(scores))
    point = OperatingPoint("chosen", middle, "a choice", "these 12 images", 12)
    moved = at_operating_points(assessment, {"Pneumonia": point})
    assert moved.labels[0].operating_point == point
    assert as_record(moved)["labels"]["Pneumonia"]["threshold"] == middle
    calls = moved.result.labels[0].calls
    assert calls is not None
    assert calls.true_positives + calls.false_positives == int((scores >= middle).sum())
    cells = [
        cases_in_cell(moved, label="Pneumonia", shown=shown, called=called) for shown in (0, 1) for called in (0, 1)
    ]
    assert sorted(number for cell in cells for number in cell) == list(range(12))
    assert [len(cell) for cell in cells] == [
        calls.true_negatives,
        calls.false_positives,
        calls.false_negatives,
        calls.true_positives,
    ]
    wrong = most_wrong(moved, "Pneumonia")
    assert sorted(wrong) == sorted(cells[1] + cells[2])
    assert as_record(at_operating_points(assessment, {"Pneumonia": None}))["labels"]["Pneumonia"]["threshold"] is None


def test_cases_are_found_by_score_and_opened(folder: Path, store: Store) -> None:
    assessment = assess(store, run_job(store, folder))
    scores = assessment.result.cases.scores[:, 0]
    low, high = float(np.quantile(scores, 0.3)), float(np.quantile(scores, 0.8))
    chosen = cases_scored(assessment, label="Pneumonia", low=low, high=high)
    assert chosen == sorted(chosen, key=lambda number: scores[number])
    assert set(chosen) == set(np.flatnonzero((scores >= low) & (scores < high)).tolist())
    case = assessment.cases[chosen[0]]
    with opened_files(assessment.job) as files:
        series, index = find_frame(case_study(files, case), case)
        assert series.frames[index].uid == f"{case.sha256}:1"
        assert case_image(files, case).shape == (64, 64)
        (folder / case.file).write_bytes(b"changed")
        with pytest.raises(StudyError):
            case_study(files, case)


def test_cells_of_exclusive_labels(folder: Path, store: Store) -> None:
    assessment = assess(store, run_job(store, folder, model=BRAIN.id, meanings=TUMOURS))
    matrix = assessment.result.confusion_matrix
    assert matrix is not None
    found = [
        [len(cases_called(assessment, shown=row, called=column)) for column in matrix.names] for row in matrix.names
    ]
    assert found == [list(row) for row in matrix.counts]


def test_a_spreadsheet_takes_no_name_for_a_formula(folder: Path, store: Store) -> None:
    (folder / "normal").rename(folder / "=normal")
    job = run_job(store, folder, meanings={"=normal": ""})
    lines = predictions_csv(assess(store, job)).splitlines()
    assert sum(",'=normal/" in line for line in lines) == 6


def test_the_pdf_has_all_parts_and_no_name(folder: Path, store: Store) -> None:
    content = assessment_pdf(assess(store, run_job(store, folder)))
    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page ") + content.count(b"/Type /Page\n") >= 2
    assert not any(path.name.encode() in content for path in folder.rglob("*.png"))

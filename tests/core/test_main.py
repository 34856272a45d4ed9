"""The command line, run as a user runs it, on made-up studies and a made-up model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from tests import made
from tests.made_models import MODEL_ID


@pytest.fixture
def folder(tmp_path: Path, made_weights: Path) -> Path:
    files = tmp_path / "files"
    files.mkdir()
    (files / "child.dcm").write_bytes(made.radiograph())
    (files / "note.txt").write_text("not an image")
    return files


def _predict(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[dict[str, Any]]]:
    status = main(["predict", *map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_one_object_for_each_file_in_the_order_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twin = folder / "a-later-name-first.dcm"
    twin.write_bytes(made.radiograph(256))
    status, answers = _predict(capsys, folder / "child.dcm", twin, "--model", MODEL_ID)
    assert status == 0
    assert [answer["file"] for answer in answers] == [str(folder / "child.dcm"), str(twin)]
    answer = answers[0]
    assert answer["model"] == MODEL_ID
    assert answer["version"] == "0.0.1"
    assert set(answer["labels"]) == set(answer["calls"]) == {"Pneumonia", "Effusion"}
    assert answer["calls"]["Pneumonia"] is (answer["labels"]["Pneumonia"] >= 0.41)
    assert answer["seconds"] > 0


def test_no_operating_point_no_call(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, (answer,) = _predict(capsys, folder / "child.dcm", "--model", MODEL_ID)
    assert 0 <= answer["labels"]["Effusion"] <= 1
    assert answer["calls"]["Effusion"] is None


def test_a_bad_file_has_an_error_and_the_others_their_answers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = folder / "nowhere.dcm"
    status, answers = _predict(capsys, folder / "note.txt", missing, folder / "child.dcm", "--model", MODEL_ID)
    assert status == 1
    assert answers[0]["error"]["code"] == "not-a-medical-image"
    assert answers[1]["error"]["code"] == "not-found"
    assert "labels" in answers[2]


def test_the_model_whose_use_fits_is_taken_by_default(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, (answer,) = _predict(capsys, folder / "child.dcm")
    assert (status, answer["model"]) == (0, MODEL_ID)


def test_outside_the_intended_use_there_is_a_score_but_no_call(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = folder / "head.dcm"
    head.write_bytes(made.ct_series(slices=1)[0])
    _, (answer,) = _predict(capsys, head, "--model", MODEL_ID)
    assert answer["calls"] == {"Pneumonia": None, "Effusion": None}
    assert answer["warnings"]


def test_a_folder_and_a_zip_have_one_answer_for_each_series(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, content in enumerate(made.ct_series(slices=5)):
        (folder / f"slice{number}.dcm").write_bytes(content)
    (folder / "note.txt").unlink()
    (folder / "report.dcm").write_bytes(made.report())
    (folder / "copy.png").write_bytes(made.png(made.chest_values(64)))
    (folder / "copy too.png").write_bytes(made.png(made.chest_values(64)))
    zipped = folder.parent / "study.zip"
    zipped.write_bytes(made.zipped({path.name: path.read_bytes() for path in folder.iterdir()}))
    for whole in (folder, zipped):
        status, answers = _predict(capsys, whole, "--model", MODEL_ID)
        assert status == 0
        assert sorted(answer["frames"] for answer in answers) == [1, 1, 5]
        assert all("files-left-out" in [warning["code"] for warning in answer["warnings"]] for answer in answers)
        assert str(whole / "child.dcm") in [answer["file"] for answer in answers]


def test_of_a_folder_and_a_zip_every_file_that_cannot_be_read_has_its_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "inside").mkdir()
    (folder / "inside" / "cut.dcm").write_bytes(made.radiograph()[:-5000])
    zipped = folder.parent / "study.zip"
    zipped.write_bytes(
        made.zipped({str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    )
    for whole in (folder, zipped):
        status, answers = _predict(capsys, whole, "--model", MODEL_ID)
        assert status == 1
        assert answers[0]["labels"]
        assert "files-left-out" not in [warning["code"] for warning in answers[0]["warnings"]]
        assert {answer["file"]: answer["error"]["code"] for answer in answers[1:]} == {
            str(whole / "note.txt"): "not-a-medical-image",
            str(whole / "empty.dcm"): "empty-file",
            str(whole / "inside" / "cut.dcm"): "truncated-pixel-data",
        }


def test_a_folder_of_reports_alone_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "child.dcm").unlink()
    (folder / "note.txt").unlink()
    (folder / "report.dcm").write_bytes(made.report())
    status, (answer,) = _predict(capsys, folder)
    assert (status, answer["file"], answer["error"]["code"]) == (1, str(folder), "not-an-image")


def test_a_frame_can_be_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    series = folder.parent / "series"
    series.mkdir()
    for number, content in enumerate(made.ct_series(slices=4)):
        (series / f"{number}.dcm").write_bytes(content)
    _, (middle,) = _predict(capsys, series, "--model", MODEL_ID)
    _, (first,) = _predict(capsys, series, "--model", MODEL_ID, "--frame", 1)
    status, (none,) = _predict(capsys, series, "--model", MODEL_ID, "--frame", 9)
    assert (middle["frame"], first["frame"]) == (3, 1)
    assert "one-image-of-series" in [warning["code"] for warning in middle["warnings"]]
    assert (status, none["error"]["code"]) == (1, "no-such-frame")


def test_an_unknown_model_is_named_as_such(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, (answer,) = _predict(capsys, folder / "child.dcm", "--model", "nothing")
    assert (status, answer["error"]["code"]) == (1, "model-unknown")


def test_words_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(folder / "child.dcm"), "--model", MODEL_ID]) == 0
    text = capsys.readouterr().out
    assert "Pneumonia" in text
    assert "not for diagnostic use" in text
    assert made.PATIENT_NAME not in text


def test_models_are_listed_with_their_metrics_and_damage(
    made_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (made_weights / "broken").mkdir()
    assert main(["models", "--json"]) == 0
    broken, chest = json.loads(capsys.readouterr().out)
    assert broken["error"]["code"] == "model-incomplete"
    assert chest["id"] == MODEL_ID
    assert chest["metrics"]["Pneumonia auroc"] == {"value": 0.5, "low": 0.4, "high": 0.6, "undefined": ""}
    assert chest["members"] == 1
    point = chest["labels"][0]["operating_point"]
    assert (point["threshold"], point["criterion"], point["n"]) == (0.41, "95 % sensitivity", 521)
    assert chest["labels"][0]["operating_points"] == [point]
    assert chest["labels"][1]["operating_point"] is None
    assert (chest["min_age_years"], chest["max_age_years"], chest["n"]) == (1, 5, None)
    assert main(["models"]) == 0
    assert "damaged" in capsys.readouterr().out

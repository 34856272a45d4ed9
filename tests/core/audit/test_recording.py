"""What is recorded of answers, and what readers are told where that fails."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from core.audit import AuditLog, User
from core.audit.recording import NOT_RECORDED, refuses
from core.audit.verification import verify
from core.errors import AuditError
from core.io import Source, load_study
from core.workflow import predict_path, read_frame
from tests import made
from tests.made_models import CHEST_SPEC, MODEL_ID


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("LIGHTBOX_DATA", str(folder))
    return folder


def series_of(content: bytes) -> object:
    return load_study([Source(f"{made.PATIENT_NAME}.dcm", content)]).series[0]


def test_an_answer_is_recorded_as_the_reader_got_it(made_weights: Path, data: Path) -> None:
    content = made.radiograph(64, PatientAge="003Y")
    source = Source("a", content)
    reading = read_frame(series_of(content), 0, model_id=MODEL_ID, reader="ada@example.org")
    (row,) = AuditLog().rows()
    entry = row.entry
    assert (entry.what, entry.input_sha256, entry.frame) == ("reading", source.digest, 1)
    assert entry.who == AuditLog().pseudonym("ada@example.org")
    assert (entry.model_id, entry.model_version, entry.model_sha256) == (MODEL_ID, "0.0.1", reading.model.sha256)
    assert json.loads(entry.settings)["operating_points"] == {
        "Effusion": None,
        "Pneumonia": {"name": "sensitive", "threshold": 0.41},
    }
    score = reading.prediction.score("Pneumonia")
    assert json.loads(entry.answer) == {
        "Effusion": {"call": None, "score": reading.prediction.score("Effusion").value},
        "Pneumonia": {"call": score.call, "score": score.value},
    }
    assert NOT_RECORDED not in reading.prediction.warnings


def test_a_withheld_call_is_recorded_as_none(made_weights: Path, data: Path) -> None:
    read_frame(series_of(made.radiograph(64, PatientAge="070Y")), 0, model_id=MODEL_ID)
    (row,) = AuditLog().rows()
    assert json.loads(row.entry.answer)["Pneumonia"]["call"] is None
    assert row.entry.who == User.LOCAL


def test_the_command_line_is_recorded_and_nothing_names_the_patient(
    made_weights: Path, data: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"{made.PATIENT_NAME}.dcm"
    path.write_bytes(made.radiograph(64))
    (answer,) = predict_path(path, model_id=MODEL_ID)
    assert answer.reading is not None
    assert [row.entry.who for row in AuditLog().rows()] == [User.COMMAND_LINE]
    kept = b"".join(file.read_bytes() for file in data.iterdir())
    for secret in (*made.PATIENT_NAME.split("^"), made.PATIENT_ID, path.name, str(tmp_path)):
        assert secret.encode() not in kept


def test_a_refusal_is_no_answer_and_no_row(made_weights: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    (answer,) = predict_path(tmp_path / "a.png", model_id=MODEL_ID)
    assert answer.error is not None
    assert list(AuditLog().rows()) == []


class TestWithoutRoom:
    @pytest.fixture(autouse=True)
    def unwritable(self, data: Path) -> None:
        data.write_text("a file where the folder should be")

    def test_the_answer_is_given_with_a_warning(
        self, made_weights: Path, data: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.ERROR):
            reading = read_frame(series_of(made.radiograph(64)), 0, model_id=MODEL_ID)
        assert reading.prediction.warnings[-1] == NOT_RECORDED
        assert len(reading.prediction.scores) == len(CHEST_SPEC.labels)
        assert "could not be recorded" in caplog.text
        assert str(data) not in caplog.text

    def test_or_held_back_where_that_was_set(self, made_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIGHTBOX_AUDIT", "refuse")
        with pytest.raises(AuditError, match="held back"):
            read_frame(series_of(made.radiograph(64)), 0, model_id=MODEL_ID)


def test_a_setting_that_is_not_known_is_not_passed_over() -> None:
    assert [refuses({}), refuses({"LIGHTBOX_AUDIT": "warn"}), refuses({"LIGHTBOX_AUDIT": "refuse"})] == [0, 0, 1]
    with pytest.raises(ValueError, match="warn or refuse"):
        refuses({"LIGHTBOX_AUDIT": "of"})


def test_many_readings_make_one_chain(made_weights: Path, data: Path) -> None:
    series = series_of(made.radiograph(64))
    for _ in range(5):
        read_frame(series, 0, model_id=MODEL_ID)
    assert verify(AuditLog()).rows == 5

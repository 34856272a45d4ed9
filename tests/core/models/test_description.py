"""The models in plain data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.domain import Estimate
from core.models.description import describe_models
from core.models.evidence import write_evidence
from core.models.spec import EVIDENCE_FILE
from tests.made_evidence import evidence_for, tumour_spec
from tests.made_models import MODEL_ID, write_chest_model


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict]:
    metrics = {"macro_auroc": Estimate(0.9, 0.8, 1.0), "findings: accuracy": Estimate(0.7, 0.6, 0.8)}
    spec = write_chest_model(tmp_path, replace(tumour_spec(), metrics=metrics))
    write_evidence(tmp_path / spec.id, evidence_for(spec))
    monkeypatch.setenv("LIGHTBOX_WEIGHTS", str(tmp_path))
    return tmp_path / spec.id, json.loads(json.dumps(describe_models()[0], allow_nan=False))


def test_metrics_come_with_intervals_and_what_they_were_measured_on(described: tuple[Path, dict]) -> None:
    _folder, entry = described
    assert entry["metrics"] == {
        "macro_auroc": {"value": 0.9, "low": 0.8, "high": 1.0, "undefined": ""},
        "findings: accuracy": {"value": 0.7, "low": 0.6, "high": 0.8, "undefined": ""},
    }
    assert entry["measured_on"] == "400 made-up images"
    matrix = entry["confusion_matrix"]
    assert matrix["labels"] == [label["name"] for label in entry["labels"]]
    assert sum(map(sum, matrix["counts"])) == 400


def test_an_operating_point_says_what_it_was_set_for(described: tuple[Path, dict]) -> None:
    label = described[1]["labels"][0]
    assert label["operating_point"] in label["operating_points"]
    assert label["operating_point"]["criterion"] == "the largest sum of sensitivity and specificity"
    assert label["operating_point"]["sensitivity"] is None


def test_damaged_evidence_is_said_and_takes_nothing_else_away(described: tuple[Path, dict]) -> None:
    folder, entry = described
    (folder / EVIDENCE_FILE).write_text("{")
    (now,) = describe_models()
    assert now["evidence_error"]["code"] == "evidence-damaged"
    assert now["metrics"] == entry["metrics"]


def test_independent_labels_have_no_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_chest_model(tmp_path)
    monkeypatch.setenv("LIGHTBOX_WEIGHTS", str(tmp_path))
    (entry,) = describe_models()
    assert (entry["id"], entry["measured_on"], entry["confusion_matrix"]) == (MODEL_ID, None, None)

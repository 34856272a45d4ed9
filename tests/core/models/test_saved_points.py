"""Operating points of users: kept outside of the model's folder, bound to its weights and calibration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.data_folder import DATA_VARIABLE
from core.domain import Calibration, Estimate, ModelSpec, OperatingPoint
from core.errors import ModelError
from core.models.registry import DamagedModel, find_model, find_shipped_model, list_models
from core.models.saved_points import FOLDER, forget_point, save_point, saved_points
from core.models.spec import read_spec
from tests.made_models import CHEST_SPEC, MODEL_ID, write_chest_model

POINT = OperatingPoint(
    "screening-2026",
    0.123,
    criterion="99 % sensitivity",
    origin="240 images of an evaluated set, 2026-11-28",
    n=240,
    sensitivity=Estimate(0.99, 0.95, 1.0),
)


@pytest.fixture
def spec(made_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    return find_model(MODEL_ID)


def points(name: str = "Pneumonia") -> dict[str, OperatingPoint]:
    (label,) = [label for label in find_model(MODEL_ID).labels if label.name == name]
    return {point.name: point for point in label.operating_points}


def default() -> str:
    return find_model(MODEL_ID).labels[0].default_operating_point


def test_a_point_is_known_beside_the_models_own_and_the_folder_stays_as_it_was(
    spec: ModelSpec, made_weights: Path
) -> None:
    before = {path.name: path.read_bytes() for path in (made_weights / MODEL_ID).iterdir()}
    save_point(spec, "Pneumonia", POINT, is_default=False)
    assert points() == {"sensitive": spec.labels[0].operating_points[0], POINT.name: POINT}
    assert default() == "sensitive"
    assert not points("Effusion")
    assert {path.name: path.read_bytes() for path in (made_weights / MODEL_ID).iterdir()} == before
    assert find_shipped_model(MODEL_ID) == read_spec(made_weights / MODEL_ID) == spec


def test_a_label_is_called_by_it_from_now_on_until_it_is_deleted(spec: ModelSpec) -> None:
    save_point(spec, "Pneumonia", POINT, is_default=True)
    assert find_model(MODEL_ID).labels[0].operating_point == POINT
    save_point(find_model(MODEL_ID), "Pneumonia", replace(POINT, threshold=0.2), is_default=False)
    assert (default(), points()[POINT.name].threshold) == ("sensitive", 0.2)
    save_point(find_model(MODEL_ID), "Pneumonia", POINT, is_default=True)
    forget_point(find_model(MODEL_ID), "Pneumonia", POINT.name)
    assert (default(), list(points())) == ("sensitive", ["sensitive"])


def test_it_holds_for_no_other_weights_and_no_other_calibration(spec: ModelSpec, made_weights: Path) -> None:
    save_point(spec, "Effusion", POINT, is_default=True)
    write_chest_model(made_weights, seed=2)
    assert not points("Effusion")
    write_chest_model(made_weights, replace(CHEST_SPEC, calibration=Calibration("sigmoid", "temperature", 2.0)))
    assert not points("Effusion")
    write_chest_model(made_weights)
    assert list(points("Effusion")) == [POINT.name]


@pytest.mark.parametrize("name", ["", "Two Words", "../out", "a--b", "sensitive"])
def test_a_name_that_cannot_be_used_is_refused(spec: ModelSpec, name: str) -> None:
    with pytest.raises(ModelError) as caught:
        save_point(spec, "Pneumonia", replace(POINT, name=name), is_default=False)
    assert caught.value.code == "operating-point-name"
    assert saved_points(spec, "Pneumonia") == ()


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 1, "sha256": "0", "labels": {}}'])
def test_a_damaged_file_stops_the_model_rather_than_moving_its_calls(
    spec: ModelSpec, tmp_path: Path, content: str
) -> None:
    save_point(spec, "Pneumonia", POINT, is_default=True)
    (file,) = (tmp_path / "data" / FOLDER).iterdir()
    file.write_text(content)
    (entry,) = list_models()
    assert isinstance(entry, DamagedModel)
    assert entry.error.code == "saved-points-damaged"
    assert file.name in entry.error.hint

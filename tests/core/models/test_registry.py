"""The list of models: sound ones, damaged ones, none."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from core.domain import ModelSpec
from core.errors import ModelError
from core.models.registry import (
    DamagedModel,
    find_model,
    has_written_weights,
    list_models,
    model_folder,
    weights_root,
    weights_size,
)
from core.models.spec import SPEC_FILE
from tests.made_models import CHEST_SPEC, MODEL_ID, write_chest_model


def test_models_are_listed_by_name(tmp_path: Path) -> None:
    for name in ("b-model", "a-model"):
        write_chest_model(tmp_path, replace(CHEST_SPEC, id=name))
    assert [entry.id for entry in list_models(tmp_path)] == ["a-model", "b-model"]


def test_a_damaged_folder_is_reported_beside_the_sound_ones(tmp_path: Path) -> None:
    write_chest_model(tmp_path)
    write_chest_model(tmp_path, replace(CHEST_SPEC, id="broken"))
    (tmp_path / "broken" / SPEC_FILE).write_text("id =", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    broken, empty, sound = list_models(tmp_path)
    assert isinstance(broken, DamagedModel)
    assert broken.error.code == "model-toml-invalid"
    assert isinstance(empty, DamagedModel)
    assert empty.error.code == "model-incomplete"
    assert isinstance(sound, ModelSpec)
    with pytest.raises(ModelError, match="TOML"):
        find_model("broken", tmp_path)


def test_a_copied_folder_does_not_take_the_id_of_another(tmp_path: Path) -> None:
    write_chest_model(tmp_path)
    (tmp_path / MODEL_ID).rename(tmp_path / "copy")
    (entry,) = list_models(tmp_path)
    assert isinstance(entry, DamagedModel)
    assert (entry.id, entry.error.code) == ("copy", "model-id-differs")


def test_hidden_folders_and_files_are_no_models(tmp_path: Path) -> None:
    (tmp_path / ".cache").mkdir()
    (tmp_path / "README.md").write_text("x", encoding="utf-8")
    assert list_models(tmp_path) == ()


def test_without_a_folder_of_models_there_are_none(tmp_path: Path) -> None:
    assert list_models(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("name", ["unknown", "../made-chest", "", "made-chest/"])
def test_an_unknown_model_is_named_with_those_there_are(tmp_path: Path, name: str) -> None:
    write_chest_model(tmp_path)
    with pytest.raises(ModelError, match=MODEL_ID) as caught:
        find_model(name, tmp_path)
    assert caught.value.code == "model-unknown"


def test_the_environment_may_name_another_folder(made_weights: Path) -> None:
    assert weights_root() == made_weights
    assert model_folder(find_model(MODEL_ID)) == made_weights / MODEL_ID


def test_the_checkouts_own_weights_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIGHTBOX_WEIGHTS", raising=False)
    assert weights_root() == Path(__file__).resolve().parents[3] / "weights"


def test_weights_are_compared_with_what_was_written_each_time_they_change(tmp_path: Path) -> None:
    spec = write_chest_model(tmp_path)
    path = tmp_path / spec.id / "model.safetensors"
    assert has_written_weights(spec, tmp_path)
    assert weights_size(spec, tmp_path) == path.stat().st_size
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(1, 1))
    assert not has_written_weights(spec, tmp_path)
    path.write_bytes(content)
    os.utime(path, ns=(2, 2))
    assert has_written_weights(spec, tmp_path)

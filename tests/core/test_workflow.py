"""The use cases: which model is asked, about which image, and what is said of how it was chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import workflow
from core.domain import Acquisition, Frame, Image, Intensity, Position, Series
from core.models.proposal import LOOKS_ALIKE, NO_OTHER, NOT_PROPOSED_BY_PICTURE
from core.workflow import opening_index, predict_path, propose, propose_for_image
from tests import made
from tests.made_models import CHEST_SPEC, TUMOUR_SPEC, write_chest_model, write_gated_model

FAR, NEAR = 1e-6, 1e6
"""Limits that no image is below, and every one."""


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "weights"
    root.mkdir()
    monkeypatch.setenv("LIGHTBOX_WEIGHTS", str(root))
    return root


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Return a file without a header."""
    path = tmp_path / "film.png"
    path.write_bytes(made.png(made.chest_values(64)))
    return path


def series(modality: str | None = None, *, images: int = 1) -> Series:
    image = Image(made.chest_values(64).astype(np.uint16), Intensity.GRAY, "MONOCHROME2", uid="u")
    frames = tuple(Frame(f"u:{number}", lambda: image, (64, 64)) for number in range(images))
    return Series("s", "A series", frames, Acquisition(modality=modality))


@pytest.mark.parametrize(
    ("modality", "images", "first"), [("DX", 5, 0), ("MG", 4, 0), ("CT", 5, 2), ("US", 30, 15), (None, 3, 1)]
)
def test_projections_open_with_the_first_image_and_stacks_in_their_middle(
    modality: str | None, images: int, first: int
) -> None:
    assert opening_index(series(modality, images=images)) == first


def test_tomosynthesis_is_a_stack() -> None:
    position = Position((0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
    one = series("MG", images=5)
    assert opening_index(replace(one, frames=tuple(replace(frame, position=position) for frame in one.frames))) == 2


# ── Which model ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_header_that_says_enough_loads_no_model(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_gated_model(weights, CHEST_SPEC, limit=FAR)
    monkeypatch.setattr(workflow, "_engine", lambda model_id: pytest.fail(f"{model_id} was loaded"))
    child = replace(series(), acquisition=Acquisition("DX", "CHEST", "AP", 3.0))
    made_proposal = propose(child)
    assert made_proposal is not None
    assert made_proposal == propose_for_image(child, child.frames[0].load())
    assert made_proposal.model is not None
    assert made_proposal.model.id == CHEST_SPEC.id


def test_a_picture_goes_to_the_model_whose_training_images_it_looks_like(weights: Path) -> None:
    write_gated_model(weights, CHEST_SPEC, limit=FAR)
    write_gated_model(weights, TUMOUR_SPEC, limit=NEAR)
    assert propose(series()) is None
    proposal = propose_for_image(series(), series().frames[0].load())
    assert (proposal.model and proposal.model.id, proposal.reason) == (TUMOUR_SPEC.id, LOOKS_ALIKE)


def test_of_two_that_accept_it_the_nearer_one_is_taken(weights: Path) -> None:
    write_gated_model(weights, CHEST_SPEC, limit=NEAR)
    write_gated_model(weights, TUMOUR_SPEC, limit=NEAR / 2)
    proposal = propose_for_image(series(), series().frames[0].load())
    assert proposal.model is not None
    assert proposal.model.id == CHEST_SPEC.id


def test_a_picture_that_no_model_knows_is_left_to_the_reader(weights: Path) -> None:
    write_gated_model(weights, CHEST_SPEC, limit=FAR)
    write_gated_model(weights, TUMOUR_SPEC, limit=FAR)
    assert propose_for_image(series(), series().frames[0].load()).reason == NOT_PROPOSED_BY_PICTURE


def test_a_model_that_cannot_be_asked_is_not_proposed_and_stops_nothing(weights: Path) -> None:
    write_gated_model(weights, CHEST_SPEC, limit=NEAR)
    (weights / CHEST_SPEC.id / "model.safetensors").write_bytes(b"damaged")
    write_gated_model(weights, TUMOUR_SPEC, limit=NEAR)
    proposal = propose_for_image(series(), series().frames[0].load())
    assert proposal.model is not None
    assert proposal.model.id == TUMOUR_SPEC.id
    flat = Image(np.zeros((64, 64), np.uint8), Intensity.GRAY, "MONOCHROME2", uid="flat")
    assert propose_for_image(series(), flat).model is None


# ── On the command line ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_without_a_header_is_answered_by_the_model_that_it_looks_like(weights: Path, picture: Path) -> None:
    write_gated_model(weights, CHEST_SPEC, limit=FAR)
    write_gated_model(weights, TUMOUR_SPEC, limit=NEAR)
    (answer,) = predict_path(picture)
    said = answer.as_json()
    assert said["model"] == TUMOUR_SPEC.id
    assert {"code": "model-chosen-by-picture", "message": LOOKS_ALIKE} in said["warnings"]
    assert set(said["labels"]) == {"Glioma", "Meningioma", "Pituitary", "None"}
    assert sum(said["labels"].values()) == pytest.approx(1, abs=1e-5)


def test_a_file_that_no_model_is_for_names_the_reason(weights: Path, picture: Path) -> None:
    write_gated_model(weights, CHEST_SPEC, limit=FAR)
    (answer,) = predict_path(picture)
    assert answer.as_json()["error"]["code"] == "no-model-fits"
    assert NOT_PROPOSED_BY_PICTURE in answer.as_json()["error"]["message"]


def test_a_model_that_is_named_is_asked_whatever_the_picture_looks_like(weights: Path, picture: Path) -> None:
    write_gated_model(weights, CHEST_SPEC, limit=FAR)
    (answer,) = predict_path(picture, model_id=CHEST_SPEC.id)
    said = answer.as_json()
    assert said["calls"] == {"Pneumonia": None, "Effusion": None}
    codes = [warning["code"] for warning in said["warnings"]]
    assert codes[0] == "unlike-training-images"
    assert "model-chosen-by-picture" not in codes


def test_a_single_model_without_a_gate_gets_a_picture_with_a_caution(weights: Path, picture: Path) -> None:
    write_chest_model(weights)
    (answer,) = predict_path(picture)
    codes = [warning["code"] for warning in answer.as_json()["warnings"]]
    assert {"header-absent", "gate-absent"} <= set(codes)
    proposal = propose(series())
    assert proposal is not None
    assert proposal.reason == NO_OTHER


def test_of_several_radiographs_in_a_series_the_first_is_read(weights: Path, tmp_path: Path) -> None:
    write_chest_model(weights)
    folder = tmp_path / "views"
    folder.mkdir()
    for number in range(3):
        content = made.radiograph(64, InstanceNumber=number + 1)
        (folder / f"{number}.dcm").write_bytes(content)
    said = [answer.as_json() for answer in predict_path(folder)]
    assert [(each["frame"], each["frames"]) for each in said] == [(1, 3)]

"""Model folders: what is written is what is read; what is damaged is named."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.domain import Calibration, Estimate, InputSpec, Label, ModelSpec, OperatingPoint, VoiFunction, WindowLevel
from core.errors import ModelError
from core.models.files import sha256_of
from core.models.spec import format_spec, parse_spec, read_spec, write_model
from tests.made_models import CHEST_SPEC

STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.zeros(2)}

FULL_SPEC = replace(
    CHEST_SPEC,
    input=InputSpec(
        size=(320, 256),
        channels=1,
        resize="squash",
        intensity_range="window",
        mean=(0.25,),
        std=(0.125,),
        percentiles=(1.0, 99.0),
        window=WindowLevel(-600.0, 1500.0, VoiFunction.LINEAR_EXACT, "LUNG"),
        enhance=("n4", "clahe"),
    ),
    labels=(
        Label(
            "Pneumonia",
            "SNOMED-CT:233604007",
            (
                OperatingPoint("sensitive", 0.25, "95 % sensitivity", "521 images", 521, Estimate(0.95, 0.9, 0.98)),
                OperatingPoint("youden", 0.5, "Youden", "521 images", 521, specificity=Estimate(0.9, 0.8, 0.95)),
            ),
            "youden",
        ),
        Label("Normal “lungs”\n\\", is_finding=False, title="Clear lungs"),
    ),
    calibration=Calibration("softmax", "platt", 1.5, (0.1, -0.2), "521 images"),
    licence="CC BY 4.0",
    citation="Kermany et al., Cell 2018",
    metrics={"auroc": Estimate(0.98, 0.97, 0.99), "auroc, adults": Estimate(0.5, 0.4, 0.6)},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a sound model folder."""
    path = tmp_path / CHEST_SPEC.id
    write_model(path, CHEST_SPEC, STATE, card="# A card\n")
    return path


@pytest.mark.parametrize("spec", [CHEST_SPEC, FULL_SPEC])
def test_what_is_written_is_what_is_read(tmp_path: Path, spec: ModelSpec) -> None:
    card = "# Karte\n\nFür Kinder, “nur” ≤ 5 Jahre.\n"
    written = write_model(tmp_path / "m", spec, STATE, card=card)
    assert read_spec(tmp_path / "m") == written == replace(spec, card=card, sha256=written.sha256)


def test_the_hash_is_that_of_the_weights_beside_it(folder: Path) -> None:
    weights = folder / "model.safetensors"
    assert read_spec(folder).sha256 == hashlib.sha256(weights.read_bytes()).hexdigest() == sha256_of(weights)
    assert torch.equal(load_file(weights)["fc.weight"], STATE["fc.weight"])


def test_the_same_model_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_model(tmp_path / name, FULL_SPEC, STATE, card="x")
    for file in ("model.toml", "model.safetensors", "card.md"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_weights_that_share_or_skip_memory_can_be_written(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    write_model(tmp_path / "m", CHEST_SPEC, {"a": base.T, "b": base[:, ::2]}, card="x")
    state = load_file(tmp_path / "m" / "model.safetensors")
    assert torch.equal(state["a"], base.T)
    assert torch.equal(state["b"], base[:, ::2])


def test_a_folder_is_overwritten_and_nothing_else_is_left_in_it(folder: Path) -> None:
    write_model(folder, replace(CHEST_SPEC, version="0.0.2"), STATE, card="new")
    assert read_spec(folder).version == "0.0.2"
    assert sorted(path.name for path in folder.iterdir()) == ["card.md", "model.safetensors", "model.toml"]


def test_a_spec_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="title"):
        write_model(tmp_path / "m", replace(CHEST_SPEC, title=" "), STATE, card="x")
    assert not (tmp_path / "m").exists()


def test_an_undefined_metric_keeps_its_reason(tmp_path: Path) -> None:
    undefined = Estimate(math.nan, math.nan, math.nan, "no positives")
    write_model(tmp_path / "m", replace(CHEST_SPEC, metrics={"auroc": undefined}), STATE, card="x")
    found = read_spec(tmp_path / "m").metrics["auroc"]
    assert math.isnan(found.value)
    assert found.undefined == "no positives"


# ── Damage ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_folder_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        read_spec(tmp_path / "nowhere")
    assert caught.value.code == "model-missing"


@pytest.mark.parametrize("name", ["model.toml", "model.safetensors", "card.md"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name.replace(".", r"\.")) as caught:
        read_spec(folder)
    assert caught.value.code == "model-incomplete"


def test_a_folder_in_place_of_a_file_is_incomplete(folder: Path) -> None:
    (folder / "card.md").unlink()
    (folder / "card.md").mkdir()
    with pytest.raises(ModelError, match=r"card\.md"):
        read_spec(folder)


@pytest.mark.parametrize("name", ["model.toml", "card.md"])
def test_text_that_is_not_utf8_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\xff\xfe\x00broken")
    with pytest.raises(ModelError) as caught:
        read_spec(folder)
    assert caught.value.code == "model-file-unreadable"


@pytest.mark.parametrize("text", ["id = ", "[[[", "a = 1\na = 2", "\x00"])
def test_text_that_is_not_toml_is_named(folder: Path, text: str) -> None:
    (folder / "model.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        read_spec(folder)
    assert caught.value.code == "model-toml-invalid"


def without(line: str) -> Callable[[str], str]:
    return lambda text: "".join(kept for kept in text.splitlines(keepends=True) if not kept.startswith(line))


def swapped(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


FAULTS: list[tuple[Callable[[str], str], str]] = [
    (without("format"), "format"),
    (swapped("format = 1", "format = 2"), "format"),
    (swapped('id = "made-chest"', 'id = "../made"'), "id"),
    (swapped('id = "made-chest"', "id = 7"), "id"),
    (without("title"), "title"),
    (without("version"), "version"),
    (without("architecture"), "architecture"),
    (swapped('sha256 = "00', 'sha256 = "g0'), "sha256"),
    (without("sha256"), "sha256"),
    (swapped("channels = 1", "channels = 2"), "input.channels"),
    (swapped("channels = 1", "channels = true"), "input.channels"),
    (swapped("channels = 1", "channels = 3"), "input.mean"),
    (swapped('resize = "squash"', 'resize = "cut"'), "input.resize"),
    (swapped("    320,\n", "    0,\n"), "input.size"),
    (swapped("    320,\n", "    320.5,\n"), "input.size"),
    (swapped("    320,\n", ""), "input.size"),
    (swapped("    0.125,\n", "    0.0,\n"), "input.std"),
    (swapped("    0.125,\n", "    nan,\n"), "input.std"),
    (swapped("    99.0,\n", "    0.5,\n"), "input.percentiles"),
    (swapped("    99.0,\n", "    101.0,\n"), "input.percentiles"),
    (swapped('intensity_range = "window"', 'intensity_range = "full"'), "input.window"),
    (swapped("width = 1500.0", "width = 0"), "input.window.width"),
    (swapped('function = "LINEAR_EXACT"', 'function = "CUBIC"'), "input.window.function"),
    (swapped('    "n4",\n', '    "n5",\n'), "input.enhance"),
    (swapped('    "n4",\n', '    "clahe",\n'), "input.enhance"),
    (swapped("colour = false", "colour = true"), "input.colour"),
    (swapped("[input]", "[inputs]"), "input.size"),
    (swapped("size =", "sise ="), "input.size"),
    (swapped("threshold = 0.25", "threshold = 1.5"), "labels[0].operating_points[0].threshold"),
    (swapped("n = 521", "n = -1"), "labels[0].operating_points[0].n"),
    (swapped("n = 521", "n = 52.1"), "labels[0].operating_points[0].n"),
    (swapped('name = "youden"', 'name = "sensitive"'), "labels[0].default_operating_point"),
    (
        swapped('default_operating_point = "youden"', 'default_operating_point = "?"'),
        "labels[0].default_operating_point",
    ),
    (swapped("is_finding = true", 'is_finding = "yes"'), "labels[0].is_finding"),
    (swapped('name = "Pneumonia"', 'name = ""'), "labels[0].name"),
    (swapped('name = "Pneumonia"', 'name = "Normal “lungs”\\n\\\\"'), "labels"),
    (swapped('activation = "softmax"', 'activation = "tanh"'), "calibration.activation"),
    (swapped("temperature = 1.5", "temperature = 0"), "calibration.temperature"),
    (swapped("temperature = 1.5", "temperature = inf"), "calibration.temperature"),
    (swapped("    -0.2,\n", ""), "calibration.bias"),
    (swapped('method = "platt"', 'method = "operating-point"'), "calibration.thresholds"),
    (swapped("[calibration]\n", "[calibration]\nthresholds = [0.5, 0.5]\n"), "calibration.thresholds"),
    (
        swapped('method = "platt"', 'method = "operating-point"\nthresholds = [0.5, 0.0]'),
        "calibration.thresholds",
    ),
    (swapped('method = "platt"', 'method = "operating-point"\nthresholds = [0.5]'), "calibration.thresholds"),
    (swapped('summary = "Tests."', 'summary = ""'), "intended_use.summary"),
    (without("not_for"), "intended_use.not_for"),
    (swapped('    "CR",\n', "    7,\n"), "intended_use.modalities"),
    (swapped("max_age_years = 5", "max_age_years = 0.5"), "intended_use.max_age_years"),
    (swapped("min_age_years = 1", 'min_age_years = "1"'), "intended_use.min_age_years"),
    (swapped("value = 0.98", "value = nan"), "metrics.auroc.undefined"),
    (swapped("value = 0.98", 'value = "0.98"'), "metrics.auroc.value"),
]


@pytest.mark.parametrize(("fault", "field"), FAULTS)
def test_the_field_at_fault_is_named(fault: Callable[[str], str], field: str) -> None:
    text = format_spec(FULL_SPEC)
    damaged = fault(text)
    assert damaged != text
    with pytest.raises(ModelError) as caught:
        parse_spec(damaged)
    assert f"“{field}”" in caught.value.message
    assert caught.value.code in ("model-field-invalid", "model-field-unknown")


@pytest.mark.parametrize(
    ("place", "field"),
    [
        ("", "licnce"),
        ("[input]\n", "input.crop"),
        ("[calibration]\n", "calibration.beta"),
        ("[[labels]]\n", "labels[0].treshold"),
        ("[metrics.auroc]\n", "metrics.auroc.mean"),
    ],
)
def test_a_field_that_is_not_known_is_named_with_those_that_are(place: str, field: str) -> None:
    line = f"{field.rpartition('.')[2]} = 1\n"
    text = format_spec(FULL_SPEC)
    with pytest.raises(ModelError, match="is not known") as caught:
        parse_spec(text.replace(place, place + line, 1) if place else line + text)
    assert f"“{field}”" in caught.value.message
    assert caught.value.code == "model-field-unknown"


def test_labels_are_required() -> None:
    text = format_spec(replace(CHEST_SPEC, labels=()))
    with pytest.raises(ModelError, match="labels"):
        parse_spec(text)


def test_softmax_over_one_label_is_refused() -> None:
    spec = replace(CHEST_SPEC, labels=CHEST_SPEC.labels[:1], calibration=Calibration("softmax"))
    with pytest.raises(ModelError, match=r"calibration\.activation"):
        parse_spec(format_spec(spec))

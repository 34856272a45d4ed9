"""Bringing a model: names and shapes are checked, nothing is assumed in silence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core.__main__ import main
from core.domain import Image, Intensity
from core.errors import ModelError
from core.models.importing.described import Description
from core.models.importing.imported import import_checkpoint
from core.models.importing.layout import fitted
from core.models.network import build_network
from core.models.predict import load_engine, predict
from core.models.registry import list_models
from core.models.spec import read_spec
from tests.core.models.networks import seeded_network
from tests.made import chest_values

SMALL = "shufflenet_v2_x0_5"
LABELS = ("Pneumonia", "Effusion", "Nothing")
DESCRIPTION = Description(SMALL, LABELS, size=(64, 64))


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Return the weights of a small network with three outputs."""
    return dict(seeded_network(SMALL).state_dict())


def saved(folder: Path, content: Any, **options: Any) -> Path:
    """Write what torch.save makes of `content`."""
    path = folder / "checkpoint.pth"
    torch.save(content, path, **options)
    return path


def refusal(path: Path, folder: Path, description: Description = DESCRIPTION) -> ModelError:
    """Return why a checkpoint is refused; nothing may be left behind."""
    with pytest.raises(ModelError) as caught:
        import_checkpoint(path, folder / "made", description)
    assert not (folder / "made").exists()
    return caught.value


# ── Names and shapes ──────────────────────────────────────────────────────────────────────────────────────────────


def fit(state: Mapping[str, Tensor], architecture: str = SMALL) -> tuple[dict[str, Tensor], str]:
    """Return fitted weights and the notes as one text."""
    found, notes = fitted(state, build_network(architecture, labels=3), architecture=architecture)
    return found, " ".join(notes)


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.module.", "module.net.backbone."])
def test_what_stands_before_the_names_is_dropped_and_named(state: dict[str, Tensor], prefix: str) -> None:
    found, notes = fit({prefix + key: value for key, value in state.items()})
    assert found.keys() == state.keys()
    assert f"“{prefix}”" in notes


def test_other_parts_of_a_training_program_are_left_out_and_named(state: dict[str, Tensor]) -> None:
    around = {"loss.weight": torch.ones(3)} | {"model." + key: value for key, value in state.items()}
    found, notes = fit(around)
    assert found.keys() == state.keys()
    assert "Left out, as no part of “model.”: “loss.weight”." in notes


def test_names_inside_the_network_are_not_taken_for_a_prefix() -> None:
    state = build_network("resnet18", labels=3).state_dict()
    found, notes = fit(state, "resnet18")
    assert found.keys() == state.keys()
    assert notes == ""


def test_names_of_an_old_densenet_are_brought_up_to_date() -> None:
    state = build_network("densenet121", labels=3).state_dict()
    old = {key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value for key, value in state.items()}
    assert old.keys() != state.keys()
    found, notes = fit(old, "densenet121")
    assert found.keys() == state.keys()
    assert "up to date" in notes


@pytest.mark.parametrize(
    ("architecture", "last", "found_as"),
    [
        ("resnet18", "fc", "fc.1"),
        ("mobilenet_v2", "classifier.1", "classifier"),
        ("mobilenet_v2", "classifier.1", "classifier.1.0"),
    ],
)
def test_a_wrapped_last_layer_is_found_and_named(architecture: str, last: str, found_as: str) -> None:
    state = build_network(architecture, labels=3).state_dict()
    wrapped = {key.replace(last + ".", found_as + ".") if key.startswith(last) else key: state[key] for key in state}
    found, notes = fit(wrapped, architecture)
    assert found.keys() == state.keys()
    assert f"“{found_as}”" in notes


def test_two_last_layers_are_not_mixed_up() -> None:
    state = dict(build_network("resnet18", labels=3).state_dict())
    state |= {"fc.0.weight": torch.ones(8, 512), "fc.0.bias": torch.ones(8)}
    state |= {"fc.2.weight": torch.ones(3, 8), "fc.2.bias": torch.ones(3)}
    del state["fc.weight"], state["fc.bias"]
    found, _notes = fit(state, "resnet18")
    assert "fc.weight" not in found


def test_the_first_missing_name_is_named(tmp_path: Path, state: dict[str, Tensor]) -> None:
    error = refusal(saved(tmp_path, {key: state[key] for key in state if key != "conv5.0.weight"}), tmp_path)
    assert error.code == "weights-mismatch"
    assert "“conv5.0.weight” is missing" in error.message


def test_the_first_name_too_many_is_named(tmp_path: Path, state: dict[str, Tensor]) -> None:
    error = refusal(saved(tmp_path, state | {"conv6.weight": torch.ones(1)}), tmp_path)
    assert "“conv6.weight” is not expected" in error.message


def test_the_first_wrong_shape_is_named_with_both(tmp_path: Path, state: dict[str, Tensor]) -> None:
    error = refusal(saved(tmp_path, state | {"conv5.0.weight": torch.ones(1024, 96, 1, 1)}), tmp_path)
    assert "“conv5.0.weight” has the shape (1024, 96, 1, 1), expected is (1024, 192, 1, 1)" in error.message


def test_values_that_are_not_numbers_are_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    error = refusal(saved(tmp_path, state | {"fc.bias": torch.tensor([0, np.nan, 0])}), tmp_path)
    assert error.code == "weights-not-finite"


def test_weights_of_another_architecture_are_told_by_their_first_names(tmp_path: Path) -> None:
    error = refusal(saved(tmp_path, build_network("convnext_tiny", labels=3).state_dict()), tmp_path)
    assert error.code == "checkpoint-layout-unknown"
    assert "begins with “features.0.0.weight”, expected is “conv1.0.weight”" in error.message


def test_a_network_of_timm_with_another_layout_is_told_so(tmp_path: Path) -> None:
    foreign = {"conv_stem.weight": torch.ones(32, 3, 3, 3), "blocks.0.0.conv_pw.weight": torch.ones(1)}
    error = refusal(saved(tmp_path, foreign), tmp_path, Description("efficientnet_b0", LABELS))
    assert error.code == "checkpoint-layout-unknown"
    assert "timm" in error.message
    assert "resnet, resnext, wide_resnet and densenet" in error.hint


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50", "densenet121", "wide_resnet50_2"])
def test_timm_gives_the_same_answer_where_its_layout_is_the_same(tmp_path: Path, architecture: str) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed; its layouts were compared by hand")
    network = timm.create_model(architecture, pretrained=False, num_classes=3).eval()
    description = Description(f"timm/{architecture}.a1_in1k", LABELS, size=(64, 64))
    import_checkpoint(saved(tmp_path, network.state_dict()), tmp_path / "made", description)
    engine = load_engine(read_spec(tmp_path / "made"), device="cpu", root=tmp_path)
    batch = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        np.testing.assert_allclose(engine.compute(batch)[0], network(batch).numpy(), atol=1e-4)


# ── What was said of the model ────────────────────────────────────────────────────────────────────────────────────


def test_the_imported_model_answers_as_the_checkpoint_did(tmp_path: Path, state: dict[str, Tensor]) -> None:
    imported = import_checkpoint(saved(tmp_path, {"state_dict": state}), tmp_path / "made", DESCRIPTION)
    assert read_spec(tmp_path / "made") == imported.spec
    engine = load_engine(imported.spec, device="cpu", root=tmp_path)
    batch = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = seeded_network(SMALL)(batch).numpy()
    np.testing.assert_allclose(engine.compute(batch)[0], expected, atol=1e-4)


def test_scores_are_neither_probabilities_nor_calls(tmp_path: Path, state: dict[str, Tensor]) -> None:
    imported = import_checkpoint(saved(tmp_path, state), tmp_path / "made", DESCRIPTION)
    image = Image((chest_values(64) // 16).astype(np.uint8), Intensity.GRAY, "MONOCHROME2", uid="a")
    prediction = predict(load_engine(imported.spec, device="cpu", root=tmp_path), image)
    assert [score.label.name for score in prediction.scores] == list(LABELS)
    assert not any(score.calibrated for score in prediction.scores)
    assert {score.call for score in prediction.scores} == {None}
    assert any("not probabilities" in remark for remark in imported.remarks)


def test_half_precision_is_stored_as_single(tmp_path: Path, state: dict[str, Tensor]) -> None:
    half = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    imported = import_checkpoint(saved(tmp_path, half), tmp_path / "made", DESCRIPTION)
    engine = load_engine(imported.spec, device="cpu", root=tmp_path)
    assert {parameter.dtype for parameter in engine.network.parameters()} == {torch.float32}


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_are_those_of_the_weights(tmp_path: Path, channels: int) -> None:
    path = saved(tmp_path, seeded_network(SMALL, channels=channels).state_dict())
    spec = import_checkpoint(path, tmp_path / "made", DESCRIPTION).spec
    assert spec.input.channels == channels == len(spec.input.mean) == len(spec.input.std)


@pytest.mark.parametrize(("found", "told", "words"), [(1, 3, "--channels says 3"), (4, None, "1 and 3 are accepted")])
def test_other_channels_are_refused(tmp_path: Path, found: int, told: Any, words: str) -> None:
    path = saved(tmp_path, seeded_network(SMALL, channels=found).state_dict())
    error = refusal(path, tmp_path, Description(SMALL, LABELS, channels=told))
    assert error.code == "channels-differ"
    assert words in error.message


def test_the_number_of_labels_must_be_that_of_the_outputs(tmp_path: Path, state: dict[str, Tensor]) -> None:
    error = refusal(saved(tmp_path, state), tmp_path, Description(SMALL, ("Pneumonia",)))
    assert error.code == "labels-differ"
    assert error.message == "The checkpoint has 3 outputs, but 1 label was given."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": ("A", "A", "B")}, "“A” is given twice"),
        ({"labels": ()}, "No labels"),
        ({"absent": ("Normal",)}, "“Normal” of --absence"),
        ({"mean": (0.5, 0.5)}, "--mean has 2 numbers"),
        ({"intensity_range": "window"}, "A window"),
    ],
)
def test_contradictions_are_refused(
    tmp_path: Path, state: dict[str, Tensor], changes: dict[str, Any], words: str
) -> None:
    description = Description(**{"architecture": SMALL, "labels": LABELS, **changes})
    error = refusal(saved(tmp_path, state), tmp_path, description)
    assert error.code == "import-settings-invalid"
    assert words in error.message


def test_an_input_too_small_for_the_architecture_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, build_network("densenet121", labels=3).state_dict())
    error = refusal(path, tmp_path, Description("densenet121", LABELS, size=(16, 16)))
    assert error.code == "input-size-invalid"


def test_a_model_is_not_overwritten(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = saved(tmp_path, state)
    import_checkpoint(path, tmp_path / "made", DESCRIPTION)
    before = (tmp_path / "made" / "model.toml").read_bytes()
    with pytest.raises(ModelError, match="already") as caught:
        import_checkpoint(path, tmp_path / "made", DESCRIPTION)
    assert caught.value.code == "model-exists"
    assert (tmp_path / "made" / "model.toml").read_bytes() == before


@pytest.mark.parametrize("name", ["My Model", "model!", "Größe"])
def test_a_folder_whose_name_cannot_be_an_id_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError) as caught:
        import_checkpoint(tmp_path / "unread", tmp_path / name, DESCRIPTION)
    assert caught.value.code == "model-id-invalid"


# ── Card and command ──────────────────────────────────────────────────────────────────────────────────────────────


def command(path: Path, folder: Path, *options: str) -> int:
    return main(["import-model", str(path), "--out", str(folder), *options])


def test_what_nobody_said_is_in_the_card_and_on_the_screen(
    tmp_path: Path, state: dict[str, Tensor], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(saved(tmp_path, state), tmp_path / "made", "--arch", SMALL, "--labels", "A, B, C") == 0
    out, said = capsys.readouterr()
    assert out == f"{tmp_path / 'made'}\n"
    spec = read_spec(tmp_path / "made")
    assert [label.name for label in spec.labels] == ["A", "B", "C"]
    assert (spec.input.size, spec.input.resize, spec.input.intensity_range) == ((224, 224), "squash", "full")
    assert spec.input.mean == (0.485, 0.456, 0.406)
    assert (spec.calibration.activation, spec.calibration.method) == ("softmax", "none")
    for option in ("--size", "--resize", "--intensity-range", "--mean", "--std", "--activation"):
        assert f"({option}" in said
        assert f"({option}" in spec.card
    for words in ("What is not known", "not probabilities", "no figure was measured", "Licence: not known", "not said"):
        assert words in spec.card


def test_what_was_said_is_not_called_assumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path, {"model": seeded_network(SMALL, channels=1).state_dict()})
    line = (
        "--arch shufflenet_v2_x0_5 --labels Glioma,Meningioma,None --absence None --channels 1 --size 128,96 "
        "--mean 0.2 --std 0.3 --resize pad --window 40,80 --activation sigmoid --modality mr --body-part head,brain"
    )
    words = ("--title", "Heads", "--intended-use", "MR.", "--not-for", "CT.", "--licence", "MIT", "--citation", "Us")
    assert command(path, tmp_path / "mr-heads", *line.split(), *words) == 0
    assert "Assumed" not in capsys.readouterr().err
    spec = read_spec(tmp_path / "mr-heads")
    assert (spec.id, spec.title, spec.licence, spec.citation) == ("mr-heads", "Heads", "MIT", "Us")
    assert (spec.input.size, spec.input.mean, spec.input.std) == ((128, 96), (0.2,), (0.3,))
    assert spec.input.window is not None
    assert (spec.input.window.center, spec.input.window.width) == (40, 80)
    assert spec.intended_use.modalities == ("MR",)
    assert spec.intended_use.body_parts == ("HEAD", "BRAIN")
    assert [label.is_finding for label in spec.labels] == [True, True, False]
    assert "Nothing: whoever imported it said everything" in spec.card
    assert list_models(tmp_path) == (spec,)


def test_one_label_needs_no_word_on_whether_labels_exclude_each_other(tmp_path: Path) -> None:
    path = saved(tmp_path, seeded_network(SMALL, labels=1).state_dict())
    imported = import_checkpoint(path, tmp_path / "made", Description(SMALL, ("A",), size=(64, 64)))
    assert imported.spec.calibration.activation == "sigmoid"
    assert not any("--activation" in remark for remark in imported.remarks)


@pytest.mark.parametrize(
    "options", [(), ("--arch", SMALL), ("--labels", "A"), ("--arch", "resnet9000", "--labels", "A,B,C")]
)
def test_the_command_says_what_is_missing(
    tmp_path: Path, state: dict[str, Tensor], capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    assert command(saved(tmp_path, state), tmp_path / "made", *options) == 1
    said = capsys.readouterr().err
    assert said.startswith("import-model: ")
    assert "--arch" in said or "resnet9000" in said
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--size", "0"),
        ("--size", "1,2,3"),
        ("--mean", "a"),
        ("--window", "40"),
        ("--window", "40,0"),
        ("--labels", "A,,B"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit):
        command(tmp_path / "a.pth", tmp_path / "made", *options)
    assert options[0] in capsys.readouterr().err


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["import-model", "--help"])
    assert "CHECKPOINT" in capsys.readouterr().out

"""Chest models of torchxrayvision, without the package: numbers worked out by hand, files of the published layout."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from numpy.typing import NDArray
from torch import nn

from core.__main__ import main
from core.domain import Acquisition, Extent
from core.errors import ModelError
from core.models.importing import xrayvision
from core.models.importing.imported import Imported
from core.models.importing.xrayvision import INPUT, import_weights, published
from core.models.predict import load_engine, predict
from core.models.preprocessing import to_tensor
from core.models.spec import read_spec
from core.models.suitability import check_intended_use
from tests.core.models.chest_networks import ALL, NIH, RSNA, chest, film, gray_densenet


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """Return a network of the published layout with random weights."""
    return gray_densenet()


@pytest.fixture(scope="module")
def checkpoint(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return its weights as a file."""
    path = tmp_path_factory.mktemp("published") / "weights.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def imported(checkpoint: Path) -> Imported:
    """Return the model for all data, made of this file."""
    return import_weights(ALL, checkpoint.parent / "xrv-all", checkpoint=checkpoint)


# ── What the network is given, by hand ────────────────────────────────────────────────────────────────────────────


def halving(count: int) -> NDArray[np.float64]:
    """Return the matrix that halves a side with a triangle filter: (1 3 3 1) / 8, made whole at the edges."""
    matrix = np.zeros((count, 2 * count))
    for row in range(count):
        for offset, weight in zip(range(-1, 3), (1, 3, 3, 1), strict=True):
            if 0 <= 2 * row + offset < 2 * count:
                matrix[row, 2 * row + offset] = weight
    return matrix / matrix.sum(axis=1, keepdims=True)


def test_black_and_white_become_minus_1024_and_1024() -> None:
    pixels = np.zeros((224, 224), np.uint8)
    pixels[0, :5] = 255, 51, 102, 153, 204
    expected = np.array([1024, -614.4, -204.8, 204.8, 614.4, -1024])
    np.testing.assert_allclose(to_tensor(film(pixels), INPUT).tensor[0, 0, :6], expected, atol=1e-3)


@pytest.mark.parametrize(("bits", "white"), [(10, 1023), (12, 4095), (14, 16383), (15, 32767), (16, 65535)])
def test_white_is_the_largest_value_of_the_stored_bits(bits: int, white: int) -> None:
    pixels = np.zeros((224, 224), np.uint16)
    pixels[0, 0] = 500
    tensor = to_tensor(film(pixels, stored_range=(0.0, float(white))), INPUT).tensor
    assert tensor[0, 0, 0].item() == pytest.approx(500 / white * 2048 - 1024, abs=1e-3)


@pytest.mark.parametrize(("shape", "top", "left"), [((448, 600), 0, 76), ((601, 448), 76, 0), ((448, 601), 0, 76)])
def test_the_middle_square_is_halved_by_hand(shape: tuple[int, int], top: int, left: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    prepared = to_tensor(film(pixels), INPUT)
    square = pixels[top : top + 448, left : left + 448] / 255 * 2048 - 1024
    np.testing.assert_allclose(prepared.tensor[0], halving(224) @ square @ halving(224).T, atol=1e-2)
    assert prepared.extent == Extent(top, left, top + 448, left + 448)


def test_a_negative_film_gives_the_same_input() -> None:
    pixels = chest((300, 260), bits=12)
    twin = film(4095 - pixels, photometric_interpretation="MONOCHROME1", stored_range=(0.0, 4095.0))
    expected = to_tensor(film(pixels, stored_range=(0.0, 4095.0)), INPUT).tensor
    np.testing.assert_allclose(to_tensor(twin, INPUT).tensor, expected, atol=1e-2)


# ── What it answers, by hand ──────────────────────────────────────────────────────────────────────────────────────


def spread(logit: float, threshold: float) -> float:
    value = 1 / (1 + math.exp(-logit))
    return value / (2 * threshold) if value < threshold else 1 - (1 - value) / (2 * (1 - threshold))


@pytest.mark.parametrize("name", [ALL, RSNA])
def test_scores_are_the_networks_spread_around_each_operating_point(
    tmp_path: Path, network: nn.Module, checkpoint: Path, name: str
) -> None:
    import_weights(name, tmp_path / "xrv", checkpoint=checkpoint)
    spec = read_spec(tmp_path / "xrv")
    image = film(chest((300, 260)))
    with torch.inference_mode():
        logits = network(to_tensor(image, INPUT).tensor[None])[0].double().tolist()
    prediction = predict(load_engine(spec, device="cpu", root=tmp_path), image)
    known = published()[name]
    expected = {
        known.outputs[index].replace("_", " "): spread(logits[index], known.thresholds[index])
        for index in known.trained
    }
    found = {score.label.name: score.value for score in prediction.scores}
    assert found == pytest.approx(expected, abs=1e-4)
    assert [score.call for score in prediction.scores] == [value >= 0.5 for value in expected.values()]
    assert not any(score.calibrated for score in prediction.scores)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        (RSNA, ["Pneumonia", "Lung Opacity"]),
        ("densenet121-res224-chex", [
            "Atelectasis", "Consolidation", "Pneumothorax", "Edema", "Effusion", "Pneumonia", "Cardiomegaly",
            "Lung Lesion", "Fracture", "Lung Opacity", "Enlarged Cardiomediastinum",
        ]),
    ],
)  # fmt: skip
def test_outputs_that_were_never_trained_are_hidden(
    tmp_path: Path, network: nn.Module, checkpoint: Path, name: str, labels: list[str]
) -> None:
    imported = import_weights(name, tmp_path / "xrv", checkpoint=checkpoint)
    assert [label.name for label in imported.spec.labels] == labels
    assert f"{18 - len(labels)} of the network’s outputs were never trained" in imported.spec.card
    engine = load_engine(imported.spec, device="cpu", root=tmp_path)
    weight, _bias = engine.network.classifier_weights() or (None, None)
    rows = list(published()[name].trained)
    assert torch.equal(weight, network.classifier.weight[rows])  # type: ignore[arg-type,union-attr,index]


def test_all_18_findings_of_the_model_for_all_data(imported: Imported) -> None:
    spec = imported.spec
    assert (spec.id, len(spec.labels)) == ("xrv-all", 18)
    assert (spec.labels[0].name, spec.labels[9].name) == ("Atelectasis", "Pleural Thickening")
    assert (spec.calibration.method, spec.calibration.thresholds[0]) == ("operating-point", 0.07422872)
    assert not spec.calibration.gives_probabilities
    for label in spec.labels:
        assert label.operating_point is not None
        assert (label.operating_point.threshold, label.operating_point.n) == (0.5, 0)
        assert "not published" in label.operating_point.origin
    # (1 − (1 − 0.72715247) / (2 (1 − 0.07422872))), the package's numbers for atelectasis.
    assert spec.labels[0].operating_points[1].threshold == pytest.approx(0.8526377, abs=1e-6)
    for words in ("Scores are not probabilities", "MIDL) 2022", "Apache-2.0", "was measured with this copy"):
        assert words in spec.card


def test_it_is_for_frontal_chest_radiographs_of_adults(imported: Imported) -> None:
    spec = imported.spec
    image, adult = film(chest((64, 64))), Acquisition("DX", "CHEST", "PA", 54.0)
    assert check_intended_use(spec, adult, image) == ()
    for change, code in (
        ({"patient_age_years": 5.0}, "age-outside-intended-use"),
        ({"view_position": "LL"}, "view-outside-intended-use"),
        ({"modality": "CT"}, "modality-outside-intended-use"),
        ({"body_part_examined": "HAND"}, "body-part-outside-intended-use"),
    ):
        assert code in [notice.code for notice in check_intended_use(spec, replace(adult, **change), image)]


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def whole(network: nn.Module) -> nn.Module:
    return network


def data_parallel(network: nn.Module) -> dict[str, Any]:
    return {"state_dict": {f"module.{key}": value for key, value in network.state_dict().items()}}


def with_thresholds(network: nn.Module, prefix: str = "") -> dict[str, Any]:
    state = dict(network.state_dict(), op_threshs=torch.tensor(published()[ALL].thresholds))
    return {prefix + key: value for key, value in state.items()}


def wrapped_with_thresholds(network: nn.Module) -> dict[str, Any]:
    return with_thresholds(network, prefix="model.")


# What lies in the file and how the file is laid out are read apart from each other.
@pytest.mark.parametrize(
    ("wrap", "is_new"),
    [(whole, True), (whole, False), (data_parallel, True), (with_thresholds, False), (wrapped_with_thresholds, True)],
)
def test_every_form_of_the_weights_gives_the_same_model(
    tmp_path: Path, network: nn.Module, imported: Imported, wrap: Callable[[nn.Module], Any], is_new: bool
) -> None:
    torch.save(wrap(network), tmp_path / "form.pt", _use_new_zipfile_serialization=is_new)
    second = import_weights(ALL, tmp_path / "second", checkpoint=tmp_path / "form.pt").spec
    assert second.sha256 == imported.spec.sha256


def test_weights_with_other_thresholds_are_another_model(tmp_path: Path, network: nn.Module) -> None:
    state = dict(network.state_dict(), op_threshs=torch.tensor(published()[NIH].thresholds))
    torch.save(state, tmp_path / "nih.pt")
    import_weights(NIH, tmp_path / "nih", checkpoint=tmp_path / "nih.pt")
    with pytest.raises(ModelError) as caught:
        import_weights(ALL, tmp_path / "all", checkpoint=tmp_path / "nih.pt")
    assert caught.value.code == "weights-differ"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: gray_densenet(outputs=14), "“classifier.weight” has the shape (14, 1024), expected is (18, 1024)"),
        (
            lambda: torchvision.models.densenet121(weights=None, num_classes=18),
            "(64, 3, 7, 7), expected is (64, 1, 7, 7)",
        ),
    ],
)
def test_other_networks_are_refused_by_their_first_difference(
    tmp_path: Path, make: Callable[[], nn.Module], words: str
) -> None:
    torch.save(make(), tmp_path / "other.pt")
    with pytest.raises(ModelError) as caught:
        import_weights(ALL, tmp_path / "xrv", checkpoint=tmp_path / "other.pt")
    assert words in caught.value.message
    assert not (tmp_path / "xrv").exists()


def test_a_file_other_than_the_published_one_is_said_to_be(imported: Imported) -> None:
    assert "The published file has 56524913" in " ".join(imported.remarks)
    assert "The published file has 56524913" in imported.spec.card


# ── Download ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder without any downloads."""
    monkeypatch.setattr(xrayvision, "_CACHE", tmp_path / "home")
    return tmp_path / "home"


def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    package, models = ModuleType("torchxrayvision"), ModuleType("torchxrayvision.models")

    def get_weights(_name: str) -> str:
        print("Downloading weights...")  # noqa: T201 as the package does
        raise ConnectionError("Max retries exceeded")

    models.get_weights = get_weights  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchxrayvision", package)
    monkeypatch.setitem(sys.modules, "torchxrayvision.models", models)


def test_without_network_the_message_says_what_to_download_and_where_to_put_it(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_network(monkeypatch)
    assert main(["import-model", f"torchxrayvision:{ALL}", "--out", str(tmp_path / "xrv")]) == 1
    out, said = capsys.readouterr()
    known = published()[ALL]
    assert out == ""
    for words in ("no network", known.url, str(home / known.file), "--checkpoint"):
        assert words in said
    assert not (tmp_path / "xrv").exists()


def test_without_the_package_the_message_says_so(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchxrayvision.models", None)
    with pytest.raises(ModelError) as caught:
        import_weights(ALL, tmp_path / "xrv")
    assert caught.value.code == "torchxrayvision-missing"
    assert "pip install torchxrayvision" in caught.value.hint
    assert published()[ALL].url in caught.value.hint


def test_what_is_downloaded_already_is_used_without_package_and_network(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torchxrayvision.models", None)
    home.mkdir()
    (home / published()[ALL].file).write_bytes(checkpoint.read_bytes())
    assert main(["import-model", f"torchxrayvision:{ALL}", "--out", str(tmp_path / "xrv")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'xrv'}\n"
    assert len(read_spec(tmp_path / "xrv").labels) == 18


def test_the_command_takes_a_checkpoint_by_hand_and_no_description(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["import-model", f"torchxrayvision:{RSNA}", "--out", str(tmp_path / "xrv"), "--checkpoint", str(checkpoint)]
    assert main([*line, "--labels", "A,B"]) == 1
    assert "--labels cannot be chosen" in capsys.readouterr().err
    assert main(line) == 0
    assert [label.name for label in read_spec(tmp_path / "xrv").labels] == ["Pneumonia", "Lung Opacity"]


@pytest.mark.parametrize("name", ["", "resnet50-res512-all", "densenet121-res224"])
def test_unknown_weights_are_refused_with_those_that_are_known(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError) as caught:
        import_weights(name, tmp_path / "xrv")
    assert caught.value.code == "weights-unknown"
    assert ALL in caught.value.hint

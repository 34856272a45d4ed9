"""Chest models of torchxrayvision, compared number by number with the package where it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.io import load_path
from core.models.importing.xrayvision import INPUT, import_weights, published
from core.models.predict import load_engine, predict
from core.models.preprocessing import to_tensor
from tests.core.io.dicom.made import dataset_of, file_of
from tests.core.models.chest_networks import ALL, NIH, chest, film, gray_densenet

xrv: Any = pytest.importorskip(
    "torchxrayvision", reason="torchxrayvision is not installed; numbers worked out by hand cover its transforms"
)


def test_labels_thresholds_and_addresses_are_those_of_the_package() -> None:
    urls = xrv.models.model_urls
    assert {name for name in urls if name.startswith("densenet121-")} == set(published())
    for name, known in published().items():
        assert known.outputs == tuple(urls[name]["labels"])
        np.testing.assert_array_equal(known.thresholds, urls[name]["op_threshs"])
        np.testing.assert_array_equal(known.ppv80, urls[name].get("ppv80_thres", []))
        assert known.url == urls[name]["weights_url"]


def resized_by_package(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Resize (1, side, side) as the package's networks do to what they are given."""
    fixed: Tensor = xrv.utils.fix_resolution(torch.from_numpy(image), 224, None)
    return fixed[0].numpy()


SHAPES = [(224, 224), (300, 260), (512, 700), (1024, 1024), (2128, 2000)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bits", [8, 12])
def test_pictures_are_prepared_as_the_package_does(shape: tuple[int, int], bits: int) -> None:
    pixels, white = chest(shape, bits), 2**bits - 1
    cropped = xrv.datasets.XRayCenterCrop()(xrv.utils.normalize(pixels, white)[None])
    found = to_tensor(film(pixels, stored_range=(0.0, float(white))), INPUT).tensor.numpy()
    # Of 2048; one step of a picture of 8 bits is 8.
    assert np.abs(found - resized_by_package(np.ascontiguousarray(cropped))).max() < 0.01


@pytest.mark.parametrize("shape", SHAPES[1:])
def test_its_separate_resizer_differs_by_little_inside_the_picture(shape: tuple[int, int]) -> None:
    pixels = chest(shape)
    cropped = xrv.datasets.XRayCenterCrop()(xrv.utils.normalize(pixels, 255)[None])
    difference = to_tensor(film(pixels), INPUT).tensor.numpy() - xrv.datasets.XRayResizer(224)(cropped)
    assert np.abs(difference[:, 4:-4, 4:-4]).mean() < 8


@pytest.mark.filterwarnings("ignore:Converting MONOCHROME1")
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("bits", [10, 12, 15, 16])
def test_dicom_files_are_prepared_as_the_package_does(tmp_path: Path, photometric: str, bits: int) -> None:
    dataset = dataset_of(
        chest((448, 500), bits) // 3, BitsStored=bits, HighBit=bits - 1, PhotometricInterpretation=photometric
    )
    path = tmp_path / "film.dcm"
    path.write_bytes(file_of(dataset))
    expected = resized_by_package(xrv.datasets.XRayCenterCrop()(xrv.utils.read_xray_dcm(path)[None]))
    image = load_path(path).series[0].frames[0].load()
    assert np.abs(to_tensor(image, INPUT).tensor.numpy() - expected).max() < 0.01


@pytest.mark.parametrize("name", [ALL, NIH])
@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_package_and_the_imported_model_give_the_same_scores(tmp_path: Path, name: str, is_new: bool) -> None:
    theirs = xrv.models.DenseNet(num_classes=18, in_channels=1).eval()
    theirs.load_state_dict(gray_densenet(seed=3).state_dict())
    torch.save(theirs, tmp_path / "published.pt", _use_new_zipfile_serialization=is_new)
    spec = import_weights(name, tmp_path / "xrv", checkpoint=tmp_path / "published.pt").spec

    theirs.op_threshs, theirs.input_resolution = torch.tensor(xrv.models.model_urls[name]["op_threshs"]), 224
    pixels = chest((512, 448))
    given = xrv.datasets.XRayCenterCrop()(xrv.utils.normalize(pixels, 255)[None])
    with torch.inference_mode():
        answer = theirs(torch.from_numpy(np.ascontiguousarray(given))[None])[0].tolist()
    expected = {
        output.replace("_", " "): value
        for output, value in zip(xrv.models.model_urls[name]["labels"], answer, strict=True)
        if output
    }
    found = predict(load_engine(spec, device="cpu", root=tmp_path), film(pixels)).scores
    assert {score.label.name: score.value for score in found} == pytest.approx(expected, abs=1e-4)

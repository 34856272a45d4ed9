"""Cases 1 to 12: what stored values mean, and how they are shown."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np
import torch

from core.domain import VoiFunction, VoiLut, WindowLevel
from core.models.preprocessing import to_tensor
from core.windowing import automatic_window, default_voi, render
from tests import made
from tests.core.io.dicom.made import dataset_of, file_of, item
from tests.intake.door import asked, codes, not_answered, shown
from tests.made_models import CHEST_SPEC

RAMP = np.arange(256, dtype=np.uint16).reshape(16, 16)


def windowed(center: float, width: float, function: str = "LINEAR") -> bytes:
    return made.dicom(RAMP, {"WindowCenter": center, "WindowWidth": width, "VOILUTFunction": function})


def test_case_01_monochrome1(made_weights: Path) -> None:
    usual, inverse = made.radiograph_twins(64)
    one, other = shown(usual), shown(inverse)
    assert other.photometric_interpretation == "MONOCHROME1"
    np.testing.assert_array_equal(render(other), render(one))
    inputs = [to_tensor(image, CHEST_SPEC.input).tensor for image in (one, other)]
    torch.testing.assert_close(*inputs, rtol=0, atol=1e-5)
    answers = [[score.value for score in asked(content).prediction.scores] for content in (usual, inverse)]
    np.testing.assert_allclose(*answers, atol=1e-4)


def test_case_02_voi_lut_of_packed_bytes() -> None:
    # Two 8-bit entries in each word, the first in the low byte: values 0, 1, 2, 3 become 0, 51, 102, 255.
    table = item(LUTDescriptor=[4, 0, 8], LUTData=bytes([0, 51, 102, 255]))
    table["LUTData"].VR = "OW"
    dataset = dataset_of(np.array([[0, 1], [2, 3]], np.uint16), VOILUTSequence=[table])
    image = shown(file_of(dataset))
    assert isinstance(image.voi[0], VoiLut)
    np.testing.assert_array_equal(render(image), [[0, 51], [102, 255]])
    # Two entries fewer than announced: the window of the file is shown instead, and that is said.
    short = item(LUTDescriptor=[8, 0, 8], LUTData=bytes([0, 51, 102, 255]))
    short["LUTData"].VR = "OW"
    fallen_back = shown(made.dicom(RAMP, {"VOILUTSequence": [short], "WindowCenter": 100, "WindowWidth": 50}))
    assert [type(voi) for voi in fallen_back.voi] == [WindowLevel]
    assert codes(fallen_back) == {"voi-lut-unusable"}


def test_case_03_linear_exact() -> None:
    # PS3.3 C.11.2.1.3.2: y = (x − c) / w + 0.5. 128: 0.5; 104: (104 − 128) / 96 + 0.5 = 0.25, of 255 63.75.
    gray = render(shown(windowed(128, 96, "LINEAR_EXACT"))).ravel()
    assert (gray[80], gray[104], gray[128], gray[176]) == (0, 64, 128, 255)


def test_case_04_sigmoid() -> None:
    # PS3.3 C.11.2.1.3.1: y = 1 / (1 + exp(−4 (x − c) / w)). x = c + w / 4: 1 / (1 + 1/e) = 0.73106, of 255 186.4.
    image = shown(windowed(128, 64, "SIGMOID"))
    assert image.voi[0] == WindowLevel(128, 64, VoiFunction.SIGMOID)
    gray = render(image).ravel()
    assert (gray[128], gray[144], gray[112]) == (128, 186, 69)


def test_case_05_window_width_of_zero() -> None:
    image = shown(windowed(128, 0))
    assert image.voi == ()
    assert codes(image) == {"window-unusable"}
    assert default_voi(image) == automatic_window(image)
    assert np.ptp(render(image)) == 255


def test_case_06_several_windows() -> None:
    content = made.dicom(
        RAMP,
        {"WindowCenter": [100, 40], "WindowWidth": [50, 20], "WindowCenterWidthExplanation": ["LUNG", "SOFT TISSUE"]},
    )
    image = shown(content)
    assert [(voi.center, voi.width, voi.explanation) for voi in image.voi if isinstance(voi, WindowLevel)] == [
        (100, 50, "LUNG"),
        (40, 20, "SOFT TISSUE"),
    ]
    assert not np.array_equal(render(image, image.voi[0]), render(image, image.voi[1]))


def test_case_07_modality_lut_before_the_window() -> None:
    table = item(LUTDescriptor=[4, 0, 16], LUTData=struct.pack("<4H", 1000, 2000, 3000, 4000), ModalityLUTType="US")
    table["LUTData"].VR = "OW"
    # The window spans 1500 to 3500 of the table's output: of the stored 0 to 3 it would show nothing.
    dataset = dataset_of(
        np.array([[0, 1], [2, 3]], np.uint16),
        ModalityLUTSequence=[table],
        WindowCenter=2500,
        WindowWidth=2000,
        VOILUTFunction="LINEAR_EXACT",
    )
    image = shown(file_of(dataset))
    np.testing.assert_array_equal(image.pixels, [[1000, 2000], [3000, 4000]])
    np.testing.assert_array_equal(render(image), [[0, 64], [191, 255]])


def test_case_08_negative_slope_and_a_window_off_the_data() -> None:
    image = shown(
        made.dicom(RAMP, {"RescaleSlope": -1, "RescaleIntercept": 100, "WindowCenter": 30000, "WindowWidth": 10})
    )
    np.testing.assert_array_equal(image.pixels, 100 - RAMP.astype(int))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gray = render(image)
        tensor = to_tensor(image, CHEST_SPEC.input).tensor
    assert not gray.any()  # every value is below the window
    assert bool(torch.isfinite(tensor).all())


def test_case_09_padding_is_left_out_of_statistics() -> None:
    padded = np.random.default_rng(5).integers(-100, 100, (64, 64)).astype(np.int16)
    padded[:, :40] = -2000
    content = made.dicom(padded, {"PixelPaddingValue": -2000, "Modality": "CT", "BitsStored": 16, "HighBit": 15})
    image = shown(content)
    assert image.padding == (-2000, -2000)
    window = automatic_window(image)
    assert window.center - window.width / 2 >= -101
    assert not render(image)[:, :40].any()
    inside = to_tensor(image, CHEST_SPEC.input).tensor[0, :, 40:]
    assert float(inside.max() - inside.min()) > 1.9  # the picture has the whole range from −1 to 1 for itself


def test_case_10_junk_above_the_stored_bits() -> None:
    junk = RAMP | 0xF000
    np.testing.assert_array_equal(shown(made.dicom(junk.astype(np.uint16))).pixels, RAMP)


def _floats(values: np.ndarray) -> bytes:
    dataset = dataset_of(np.zeros(values.shape, np.uint16), PixelData=None, Modality="DX")
    dataset.FloatPixelData = values.astype("<f4").tobytes()
    dataset.BitsAllocated = 32
    for keyword in ("BitsStored", "HighBit", "PixelRepresentation"):
        delattr(dataset, keyword)
    return file_of(dataset)


def test_case_11_floats_with_nan_and_infinity(made_weights: Path) -> None:
    values = np.linspace(0, 1, 1024, dtype=np.float32).reshape(32, 32)
    values[0, 0], values[0, 1] = np.nan, np.inf
    image = shown(_floats(values))
    np.testing.assert_array_equal(image.pixels, values)
    gray = render(image)
    assert (gray[0, 0], gray[0, 1], gray[31, 31]) == (0, 255, 255)
    error = not_answered(_floats(values))
    assert error.code == "not-finite"
    assert "not numbers" in error.message


def test_case_12_a_constant_image(made_weights: Path) -> None:
    content = made.dicom(np.full((64, 64), 700, np.uint16))
    image = shown(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.ptp(render(image)) == 0
    error = not_answered(content)
    assert (error.code, "no contrast" in error.message) == ("no-contrast", True)

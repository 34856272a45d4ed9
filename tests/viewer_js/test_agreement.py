"""What the browser paints is what `core.windowing` and `core.overlay` paint, pixel by pixel, run without a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.domain import Acquisition, Explanation, Extent, Image, Voi, VoiFunction, VoiLut, WindowLevel
from core.overlay import colour_map, heatmap_on_grid, overlay
from core.ui.viewer.encoding import encode_frame
from core.ui.windows import window_choices
from core.windowing import render
from tests.core.ui.viewer.made_images import frame_of, image_of
from tests.viewer_js.program import FOLDER, deno

RANDOM = np.random.default_rng(11)
WINDOWS = [
    WindowLevel(40, 80, VoiFunction.LINEAR),
    WindowLevel(40.5, 1, VoiFunction.LINEAR),
    WindowLevel(-600, 1500, VoiFunction.LINEAR_EXACT),
    WindowLevel(0.3, 0.7, VoiFunction.LINEAR_EXACT),
    WindowLevel(50, 400, VoiFunction.SIGMOID),
    WindowLevel(1000, 3.7, VoiFunction.SIGMOID),
]


def whole(dtype: type[np.generic], low: int, high: int) -> NDArray[Any]:
    return RANDOM.integers(low, high, (61, 47), dtype=dtype, endpoint=True)


def fractions(dtype: type[np.generic]) -> NDArray[Any]:
    values = RANDOM.normal(40, 300, (61, 47)).astype(dtype)
    values[0, :5] = np.nan, np.inf, -np.inf, 40.5, 40.0
    # Values on both sides of the steps between two shades.
    values[1] = np.nextafter(np.linspace(0, 80, 47), np.inf).astype(dtype)
    return values


IMAGES = {
    "uint8": image_of(whole(np.uint8, 0, 255)),
    "int16": image_of(whole(np.int16, -1024, 3071)),
    "int16, MONOCHROME1": image_of(whole(np.int16, -1024, 3071), photometric_interpretation="MONOCHROME1"),
    "int16, padding": image_of(whole(np.int16, -100, 100), padding=(-50.0, 10.0)),
    "padding, MONOCHROME1": image_of(
        whole(np.int16, -9, 90), padding=(-9.0, 3.0), photometric_interpretation="MONOCHROME1"
    ),
    "uint16": image_of(whole(np.uint16, 0, 65535)),
    "int32 far from zero": image_of(whole(np.int32, -33792, 2000), padding=(-33792.0, -30000.0)),
    "int32, wide": image_of(whole(np.int32, -(10**9), 10**9)),
    "float32": image_of(fractions(np.float32)),
    "float64, padding": image_of(fractions(np.float64), padding=(39.0, 45.5)),
    "float32, small": image_of((RANDOM.random((61, 47)) * 1e-3).astype(np.float32)),
    "float64, MONOCHROME1": image_of(fractions(np.float64), photometric_interpretation="MONOCHROME1"),
    "one value": image_of(np.full((9, 9), 1.5, np.float32)),
    "nothing finite": image_of(np.full((9, 9), np.nan, np.float32)),
    "colour": image_of(RANDOM.integers(0, 255, (61, 47, 3), np.uint8)),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_every_kind_of_pixel_in_every_window_is_painted_alike(kind: str, tmp_path: Path) -> None:
    image = IMAGES[kind]
    vois = [None] if image.is_colour else WINDOWS
    asked = [(voi, invert) for voi in vois for invert in (False, True)]
    painted = paint(image, [{"voi": as_json(voi), "invert": invert} for voi, invert in asked], tmp_path)
    for (voi, invert), picture in zip(asked, painted, strict=True):
        difference = np.abs(picture.astype(int) - expected(image, voi, invert=invert))
        assert difference.max() == 0, (kind, voi, invert, int((difference > 0).sum()))


@pytest.mark.parametrize("kind", [kind for kind, image in IMAGES.items() if not image.is_colour])
def test_the_windows_that_travel_with_a_picture_are_applied_alike(kind: str, tmp_path: Path) -> None:
    table = VoiLut(RANDOM.integers(0, 4095, 301).astype(np.uint16), -40, 12, "CURVE")
    short = VoiLut(np.array([0, 300, 255], np.uint16), 0, 8, "SHORT")
    image = IMAGES[kind]
    image = image_of(
        image.pixels,
        voi=(table, short, *WINDOWS[:1]),
        padding=image.padding,
        photometric_interpretation=image.photometric_interpretation,
    )
    choices = window_choices(image, Acquisition(modality="CT"))
    painted = paint(image, [{"name": name, "invert": False} for name in choices], tmp_path)
    for (name, make), picture in zip(choices.items(), painted, strict=True):
        assert np.array_equal(picture, expected(image, make(), invert=False)), (kind, name)


def expected(image: Image, voi: Voi | None, *, invert: bool) -> NDArray[np.uint8]:
    picture = render(image, voi, invert=invert)
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def as_json(voi: WindowLevel | None) -> dict[str, Any] | None:
    return voi and {"center": voi.center, "width": voi.width, "function": str(voi.function)}


def paint(image: Image, asked: list[dict[str, Any]], folder: Path) -> NDArray[np.uint8]:
    """Return the pictures that the browser's program makes, (n, rows, columns, 3)."""
    (folder / "picture").write_bytes(encode_frame(image, frame_of(image), Acquisition(modality="CT")))
    (folder / "asked").write_text(json.dumps(asked), "utf-8")
    painted = np.frombuffer(run("windows", folder / "picture", folder / "asked"), np.uint8)
    painted = painted.reshape(len(asked), *image.shape, 4)
    assert (painted[..., 3] == 255).all()
    return painted[..., :3]


def run(*arguments: object) -> bytes:
    ran = deno("run", "--no-lock", "--no-check", "--no-remote", "--allow-read", FOLDER / "paint.mjs", *arguments)
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


@pytest.mark.parametrize(
    ("extent", "shift", "region"),
    [
        (Extent(0, 0, 60, 80), (0.0, 0.0), Extent(0, 0, 60, 80)),
        (Extent(-10, 0, 70, 80), (0.5, 0.5), Extent(0, 0, 60, 80)),
        (Extent(20, 10, 50, 60), (0.0, -0.25), Extent(0, 0, 60, 80)),
        (Extent(0, 0, 60, 80), (0.0, 0.0), Extent(12.5, 3.25, 31.0, 20.75)),
    ],
)
def test_heat_is_interpolated_and_coloured_alike(extent, shift, region, tmp_path: Path) -> None:
    heatmap = RANDOM.normal(0.5, 1, (5, 7)).astype(np.float32)
    explanation = Explanation("x", "CAM", heatmap, extent, "", shift)
    rows, columns, limits, look = 90, 120, (0.0, 2.0), {"opacity": 0.6, "threshold": 0.1, "contour": None}
    table = colour_map(np.linspace(0, 1, 256), limits=(0, 1))
    told = {
        "rows": 5,
        "columns": 7,
        "values": heatmap.ravel().tolist(),
        "extent": [extent.top, extent.left, extent.bottom, extent.right],
        "centre_shift": shift,
        "limits": limits,
    }
    part = {"top": region.top, "left": region.left, "bottom": region.bottom, "right": region.right}
    asked = {
        "told": told,
        "rows": rows,
        "columns": columns,
        "region": part,
        "look": look,
        "map": table.ravel().tolist(),
    }
    (tmp_path / "asked").write_text(json.dumps(asked), "utf-8")
    answer = run("heat", tmp_path / "asked")
    grid = np.frombuffer(answer[: 4 * rows * columns], np.float32).reshape(rows, columns)
    wanted = heatmap_on_grid(explanation, (rows, columns), region=region)
    assert np.array_equal(np.isnan(grid), np.isnan(wanted))
    np.testing.assert_allclose(grid, wanted, atol=2e-6)

    painted = np.frombuffer(answer[4 * rows * columns :], np.uint8).reshape(rows, columns, 4).astype(float)
    gray = RANDOM.integers(0, 255, (rows, columns), np.uint8)
    alpha = painted[..., 3:] / 255
    laid = gray[..., None] * (1 - alpha) + painted[..., :3] * alpha
    shown = overlay(gray, wanted, opacity=0.6, limits=limits, threshold=0.1)
    assert np.abs(laid - shown).max() <= 2, "one shade of rounding in the colour and one in the mixture"

"""What the browser is told of panes and heatmaps."""

from __future__ import annotations

import base64
import json

import numpy as np

from core.domain import Acquisition, Explanation, Extent, Position, Series
from core.overlay import colour_map
from core.ui.viewer.panes import Heat, Pane, colours_as_json, pane_as_json
from core.ui.viewer.source import PixelSource
from tests.core.ui.viewer.made_images import frame_of, image_of, series_of


def explained(uid: str) -> Heat:
    values = np.arange(6, dtype=np.float64).reshape(2, 3)
    explanation = Explanation("opacity", "CAM", values, Extent(-1, 0, 9, 8), "logit", (0.5, -0.25))
    return Heat(explanation, (0.0, 5.0), uid, "Opacity")


def source() -> PixelSource:
    return PixelSource(series_of([image_of(np.zeros((8, 8), np.uint8), uid=uid) for uid in "ab"]))


def test_a_heatmap_is_told_whole_and_with_the_frame_that_it_explains() -> None:
    told = pane_as_json(Pane(source(), "Title", (explained("b"),)), "token")
    heat = told["heats"][0]
    assert (heat["rows"], heat["columns"], heat["frame"]) == (2, 3, 1)
    assert np.frombuffer(base64.b64decode(heat["values"]), "<f4").tolist() == [0, 1, 2, 3, 4, 5]
    assert heat["extent"] == [-1, 0, 9, 8]
    assert heat["centre_shift"] == [0.5, -0.25]
    assert (heat["limits"], heat["unit"], heat["title"]) == ([0, 5], "logit", "Opacity")
    json.dumps(told, allow_nan=False)


def test_the_heatmap_of_a_frame_that_is_not_here_belongs_to_none() -> None:
    assert pane_as_json(Pane(source(), "", (explained("elsewhere"),)), "")["heats"][0]["frame"] == -1


def test_colours_are_told_only_where_there_is_heat() -> None:
    assert colours_as_json([Pane(source(), "")]) is None
    told = colours_as_json([Pane(source(), "", (explained("a"),))])
    table = np.frombuffer(base64.b64decode(told["map"]), np.uint8).reshape(256, 3)
    assert np.array_equal(table, colour_map(np.linspace(0, 1, 256), limits=(0, 1)))


def test_slices_have_places_and_frames_have_times() -> None:
    image = image_of(np.zeros((2, 2), np.uint8))
    placed = frame_of(image, position=Position((0, 0, 0), (1, 0, 0, 0, 1, 0)))
    assert pane_as_json(Pane(PixelSource(Series("s", "s", (placed,))), ""), "")["unit"] == "Slice"
    assert pane_as_json(Pane(source(), ""), "")["unit"] == "Frame"
    radiograph = PixelSource(series_of([image], acquisition=Acquisition(modality="DX")))
    assert pane_as_json(Pane(radiograph, ""), "")["unit"] == "Image"

"""The viewer in the Read page, by mouse and keys: its pixels are those of `core.windowing` and `core.overlay`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from core.domain import Explanation, Extent, Series
from core.io import Source, load_study
from core.overlay import CONTOUR_COLOUR, heatmap_on_grid, lay_graphics, overlay
from core.windowing import render
from tests import made
from tests.browser.desk import Desk, decoded
from tests.browser.viewer.bench import Bench
from tests.browser.viewer.studies import multi_frame_mr, ultrasound, with_graphics

Picture = Callable[[str], None]
HAND = made.radiograph(400, BodyPartExamined="HAND", ViewPosition="PA")
HEAT = """v => {
  const { values, ...heat } = v.panes[1].heats[0]
  return { ...heat, values: Array.from(values) }
}"""


def radiograph(shared: Path) -> dict[str, bytes]:
    """Return a DX of 2128 × 2000 pixels, MONOCHROME1."""
    return {"film": (shared / "dicom" / "chest" / "966_fixed.dcm").read_bytes()}


def tilted_ct(shared: Path) -> dict[str, bytes]:
    """Return 28 slices of a head, the gantry tilted."""
    return {path.name: path.read_bytes() for path in sorted((shared / "dicom" / "ct_head_tilted").glob("*.dcm"))}


REAL = {"radiograph of inverse polarity": radiograph, "tilted CT": tilted_ct}
MADE = {
    "ultrasound in colour": lambda: {"us": ultrasound().read_bytes()},
    "MR of several frames": lambda: {"mr": multi_frame_mr()},
    "NIfTI volume": lambda: {"volume.nii.gz": made.nifti(made.ball_volume(48) / np.float32(7))},
}


def bring(desk: Desk, files: dict[str, bytes]) -> tuple[Bench, Series]:
    """Upload a study and wait for picture and answer; return the viewer, and the series read here."""
    desk.upload(files)
    desk.image()
    desk.answer()
    desk.wait()
    bench = Bench(desk.page, desk.server)
    bench.wait_for_picture()
    return bench, load_study([Source(name, content) for name, content in files.items()]).series[0]


@pytest.mark.parametrize("kind", MADE)
def test_every_kind_of_image_is_windowed_and_scrolled(desk: Desk, kind: str, picture: Picture) -> None:
    look_at(*bring(desk, MADE[kind]()))
    picture(kind)


@pytest.mark.parametrize("kind", REAL)
def test_real_images_are_windowed_and_scrolled(desk: Desk, kind: str, shared_data: Path, picture: Picture) -> None:
    bench, series = bring(desk, REAL[kind](shared_data))
    look_at(bench, series)
    picture(kind)


def look_at(bench: Bench, series: Series) -> None:
    """Do what a reader does, and compare every picture with `core.windowing`."""
    index = bench.ask("v => v.panes[0].shown")
    image = series.frames[index].load()
    bench.press("0")
    bench.shows(render(image))
    if not image.is_colour:
        wanted = bench.window()
        bench.drag(60, -37)
        window = bench.window()
        assert window.width > wanted.width
        assert window.center < wanted.center
        bench.shows(render(image, window))
        bench.press("s")
        curved = bench.window()
        assert curved.function != window.function
        bench.shows(render(image, curved))
        bench.press("r", "0")
        assert bench.window() == wanted
    bench.press("i")
    bench.shows(render(image, invert=True))
    bench.press("i")
    if len(series.frames) > 1:
        scroll(bench, series, index)


def scroll(bench: Bench, series: Series, index: int) -> None:
    """Turn the wheel, press keys, and expect the slice that is then due."""
    bench.wheel(100)
    for keys, due in ((), index + 1), (("ArrowUp",), index), (("End",), len(series.frames) - 1), (("Home",), 0):
        bench.press(*keys)
        bench.until("(v, due) => v.panes[0].shown === due", due)
        assert f" {due + 1} / {len(series.frames)}" in bench.corner("top right")
        bench.shows(render(series.frames[due].load()))


def test_heat_is_laid_as_the_reader_sets_it_and_so_taken_along(desk: Desk, picture: Picture) -> None:
    bench, series = bring(desk, {"hand": HAND})
    desk.heated("the evidence for Fracture")
    shown = render(series.frames[0].load())
    bench.press("0")
    explanation, limits = heat_of(bench)
    grid = heatmap_on_grid(explanation, shown.shape[:2])
    level = bench.page.get_by_role("slider", name="Contour level")
    expect(level).to_be_disabled()

    bench.page.get_by_role("slider", name="Threshold").fill("0.4")
    threshold = bench.ask("v => v.heats.look.threshold")
    assert threshold == pytest.approx(limits[0] + 0.4 * (limits[1] - limits[0]))
    canvas, expected = bench.see(pane=1).beside(overlay(shown, grid, opacity=0.6, limits=limits, threshold=threshold))
    assert np.abs(canvas.astype(int) - expected).max() <= 3, "rounding of colour, opacity and mixture"

    bench.press("c")
    level.fill("0.7")
    contour = bench.ask("v => v.heats.look.contour")
    canvas, heat = bench.see(pane=1).beside(np.repeat(grid[..., None], 3, axis=2))
    line = (canvas == CONTOUR_COLOUR).all(axis=2)
    assert line.sum() > 50
    assert heat[line].min() >= contour - 0.01 * (limits[1] - limits[0])
    assert heat[line].max() < contour + 0.1 * (limits[1] - limits[0])
    bench.drag(30, 10)
    picture("threshold and contour")

    desk.wait()
    taken = json.loads(desk.download("JSON"))
    assert taken["heatmap"]["threshold"] == pytest.approx(threshold)
    assert taken["heatmap"]["contour_level"] == pytest.approx(contour)
    window = bench.window()
    assert (taken["display"]["window"]["center"], taken["display"]["window"]["width"]) == (window.center, window.width)
    assert (decoded(desk.download("PNG")) == CONTOUR_COLOUR).all(axis=2).sum() > 50
    expect(bench.page.get_by_text("always the whole image")).to_be_visible()


def heat_of(bench: Bench) -> tuple[Explanation, tuple[float, float]]:
    """Return the heatmap that the viewer was given, and its limits."""
    told: dict[str, Any] = bench.ask(HEAT)
    values = np.array(told["values"], np.float32).reshape(told["rows"], told["columns"])
    shift = (told["centre_shift"][0], told["centre_shift"][1])
    explanation = Explanation(told["label"], told["method"], values, Extent(*told["extent"]), told["unit"], shift)
    return explanation, (told["limits"][0], told["limits"][1])


def test_the_files_own_graphics_are_drawn_when_they_are_asked_for(desk: Desk, picture: Picture) -> None:
    bench, series = bring(desk, {"graphics": with_graphics()})
    image = series.frames[0].load()
    assert image.graphics is not None
    assert image.graphics[100, 60]
    bench.press("0")
    bench.shows(render(image))
    assert bench.corner("bottom left").startswith("The file brings graphics: G shows them")
    picture("offered")
    bench.page.get_by_role("button", name="The file's own graphics").click()
    bench.shows(lay_graphics(render(image), image.graphics))
    assert "graphics" not in bench.corner("bottom left")
    bench.press("g")
    bench.shows(render(image))
    expect(bench.page.get_by_role("note", name="About the image")).to_contain_text(
        re.compile("may name the\\s+patient")
    )


def test_scoring_stops_and_the_plot_leads_to_a_slice(desk: Desk, picture: Picture) -> None:
    films = {
        f"{n}.dcm": made.radiograph(64, BodyPartExamined="HAND", ViewPosition="PA", InstanceNumber=n + 1)
        for n in range(120)
    }
    bench, _ = bring(desk, {"hands.zip": made.zipped(films)})
    desk.press("Score every image")
    desk.press(re.compile(r"^Stop scoring \([1-9]"))
    rest = bench.page.get_by_role("button", name=re.compile(r"^Score the \d+ left"))
    expect(rest).to_be_visible()
    left = int(re.findall(r"\d+", rest.inner_text())[0])
    assert 0 < left < 120
    desk.wait()
    values = bench.ask("v => v.scores.line.values")
    assert values.count(None) in (left, left - 1), "the image that was at work may have ended since"
    picture("stopped")

    box = bench.page.locator(".plot").bounding_box()
    assert box is not None
    # The middle of 120 images lies between the 60th and the 61st.
    bench.page.mouse.click(box["x"] + 6 + (box["width"] - 12) * 79 / 119, box["y"] + 20)
    bench.until("v => v.panes[0].shown === 79")
    assert "80 / 120" in bench.corner("top right")
    desk.heated("80 / 120", "the evidence for Fracture")
    picture("jumped")

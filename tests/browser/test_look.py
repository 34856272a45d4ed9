"""See it right: what is shown of made-up studies, down to the pixels."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, expect

from tests import made
from tests.browser.desk import Desk, colourfulness, pixels_of

Picture = Callable[[str], None]


def windowed(values: NDArray[np.integer], centre: float, width: float) -> NDArray[np.float64]:
    """Return gray values after PS3.3 C.11.2.1.2.1 (LINEAR), 0 to 255, not rounded."""
    return 255 * np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def gray_of(picture: Locator) -> NDArray[np.int16]:
    """Return the pixels of a gray picture, (rows, columns)."""
    pixels = pixels_of(picture)
    assert colourfulness(pixels).max() == 0
    return pixels[..., 0].astype(np.int16)


def test_a_radiograph_is_shown_through_its_own_window_and_others(desk: Desk) -> None:
    windows = {
        "WindowCenter": [1500, 2500],
        "WindowWidth": [3000, 500],
        "WindowCenterWidthExplanation": ["NORMAL", "HARDER"],
    }
    desk.upload({"film": made.radiograph(300, **windows)})
    values = made.chest_values(300)
    desk.image("Chest, AP", "W 3000 L 1500")
    desk.key("0")
    shown = gray_of(desk.image("W 3000 L 1500"))
    assert np.abs(shown - windowed(values, 1500, 3000)).max() <= 1
    desk.choose("Window", re.compile("HARDER"))
    assert np.abs(gray_of(desk.image("W 500 L 2500")) - windowed(values, 2500, 500)).max() <= 1
    desk.key("1", "i")
    assert np.array_equal(gray_of(desk.image("inverted")), 255 - shown)
    desk.key("r", "0")
    assert np.array_equal(gray_of(desk.image("W 3000 L 1500")), shown)


def test_the_window_is_moved_with_the_mouse_and_stays_in_the_browser(desk: Desk, picture: Picture) -> None:
    desk.upload({"film": made.radiograph(300, WindowCenter=1500, WindowWidth=2000)})
    desk.answer()
    desk.wait()
    box = desk.image("W 2000 L 1500").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    desk.page.mouse.move(x, y)
    desk.page.mouse.down()
    desk.page.mouse.move(x - 60, y, steps=4)
    desk.page.mouse.up()
    canvas = desk.page.locator('canvas[aria-label^="Image, "]')
    expect(canvas).to_have_attribute("aria-label", re.compile(r"W (?!2000)\d+ L 1500"))
    label = canvas.get_attribute("aria-label") or ""
    width = re.search(r"W (\d+) L 1500", label)
    assert width is not None
    assert int(width[1]) < 1600
    desk.wait()
    picture("narrow")
    assert canvas.get_attribute("aria-label") == label


def test_monochrome1_looks_like_its_monochrome2_twin(desk: Desk) -> None:
    two, one = made.radiograph_twins(700)
    desk.upload({"two": two})
    first = gray_of(desk.image("L 1500"))
    desk.upload({"one": one})
    second = gray_of(desk.image("L 2596"))
    assert np.abs(first - second).max() <= 1
    # The mediastinum is bright, as on a film.
    rows, columns = first.shape
    assert first[rows // 2, columns // 2] > first[rows // 2, columns * 3 // 14] + 50


def test_ct_presets_are_offered_by_name(desk: Desk, picture: Picture) -> None:
    desk.upload({f"{number}": content for number, content in enumerate(made.ct_series(3, 320))})
    desk.image("CT head", "W 80 L 40")
    desk.choose("Window", re.compile("^Bone 1800"))
    desk.key("0")
    shown = gray_of(desk.image("W 1800 L 400"))
    picture("bone")
    # The upper left corner of the middle slice is -900 HU, the skull 900.
    assert shown[20, 20] == 0
    assert abs(int(shown[160, 160 - 128]) - windowed(np.array(900), 400, 1800)) <= 1


def test_padding_is_black_and_leaves_the_window_alone(desk: Desk) -> None:
    values = made.chest_values(300)
    values[:, :75] = 4000
    desk.upload({"film": made.dicom(values, {"PixelPaddingValue": 4000})})
    desk.image("Chest, AP")
    desk.key("0")
    shown = gray_of(desk.image("Chest, AP"))
    assert shown[:, :75].max() == 0
    assert shown[150, 150] > 200


def test_a_16_bit_png_keeps_its_depth(desk: Desk) -> None:
    values = 20000 + made.chest_values(800)
    desk.upload({"film.png": made.png(values)})
    image = desk.image("PNG picture")
    assert len(np.unique(gray_of(image))) > 200
    desk.sees(re.compile("uncalibrated"))


def test_colour_is_true_colour(desk: Desk, picture: Picture) -> None:
    pixels = np.zeros((300, 300, 3), np.uint8)
    pixels[:, :150] = (200, 30, 60)
    pixels[150:, 150:] = (10, 90, 220)
    desk.upload({"picture.png": made.png(pixels)})
    desk.image("true colour")
    desk.key("0")
    picture("colour")
    assert np.array_equal(pixels_of(desk.image("true colour")), pixels)


def test_a_constant_image_is_shown_flat_and_not_judged(desk: Desk, picture: Picture) -> None:
    flat = np.full((600, 600), 1000, np.uint16)
    desk.upload({"film": made.dicom(flat, {"BodyPartExamined": "HAND"})})
    desk.answer("No answer")
    assert np.ptp(gray_of(desk.image("Hand"))) == 0
    picture("flat")


class TestSeries:
    @pytest.fixture
    def files(self) -> dict[str, bytes]:
        contents = made.ct_series(12, 640, WindowCenter=500, WindowWidth=3001)
        # Neither in the order of their positions, nor of any name.
        return {f"IM{(7 * number) % 12:02}": content for number, content in enumerate(contents)}

    @staticmethod
    def corner(desk: Desk, place: str) -> int:
        return int(gray_of(desk.image(place))[20, 20])

    def test_slices_come_in_order_of_position(self, desk: Desk, files: dict[str, bytes], picture: Picture) -> None:
        desk.upload(files)
        # A stack opens in its middle; slice i + 1 holds -1000 + 100 i HU in its corner.
        assert self.corner(desk, "7 / 12") == pytest.approx(windowed(np.array(-400), 500, 3001), abs=1)
        picture("middle")
        desk.key("ArrowDown")
        assert self.corner(desk, "8 / 12") == pytest.approx(windowed(np.array(-300), 500, 3001), abs=1)

    def test_a_zip_gives_the_same_series(self, desk: Desk, files: dict[str, bytes]) -> None:
        desk.upload({"study.zip": made.zipped({f"folder/{name}": content for name, content in files.items()})})
        assert self.corner(desk, "7 / 12") == pytest.approx(windowed(np.array(-400), 500, 3001), abs=1)
        desk.sees("12 slices")

    def test_slices_are_scrolled_with_keys(self, desk: Desk, files: dict[str, bytes]) -> None:
        desk.upload(files)
        desk.image("7 / 12")
        desk.key("ArrowDown")
        desk.image("8 / 12")
        desk.key("ArrowUp")
        desk.image("7 / 12")
        desk.page.get_by_role("slider", name=re.compile("^Slice")).focus()
        desk.page.keyboard.press("End")
        desk.image("12 / 12")

    def test_a_missing_slice_is_named(self, desk: Desk) -> None:
        contents = made.ct_series(12, 64)
        del contents[5]
        desk.upload({str(number): content for number, content in enumerate(contents)})
        desk.image("/ 11")
        expect(desk.page.get_by_role("note", name="About the image")).to_contain_text(re.compile("missing|gap", re.I))


def test_a_nifti_volume_is_scrolled(desk: Desk, picture: Picture) -> None:
    desk.upload({"volume.nii.gz": made.nifti(made.ball_volume(48))})
    middle = gray_of(desk.image("25 / 48"))
    picture("middle")
    assert middle[middle.shape[0] // 2, middle.shape[1] // 2] == 255
    assert middle[10, 10] < 20
    desk.page.get_by_role("slider", name=re.compile("^Slice")).focus()
    desk.page.keyboard.press("Home")
    assert gray_of(desk.image("1 / 48")).max() < 250

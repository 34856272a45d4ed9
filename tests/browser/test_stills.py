"""Without the viewer's program the desk shows pictures made by the server, with controls of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import expect

from tests import made
from tests.browser.desk import Desk, colourfulness, pixels_of
from tests.browser.test_look import gray_of, windowed

VALUES = made.chest_values(800)


@pytest.fixture
def stills(desk: Desk, complaints: list[str]) -> Iterator[Desk]:
    """Return a desk in a browser that the viewer's program does not reach."""
    desk.page.route("**/viewer/program/**", lambda route: route.abort())
    yield desk
    complaints.clear()


def test_a_radiograph_is_windowed_inverted_and_magnified(stills: Desk) -> None:
    stills.upload({"film": made.radiograph(800, WindowCenter=1500, WindowWidth=3000, BodyPartExamined="HAND")})
    plain = gray_of(stills.image("Hand", "W 3000 L 1500"))
    assert np.abs(plain - windowed(VALUES, 1500, 3000)).max() <= 1
    heated = stills.heated("the evidence for Fracture")
    assert np.median(colourfulness(pixels_of(heated))) > 30
    stills.switch("Invert")
    assert np.array_equal(gray_of(stills.image("inverted")), 255 - plain)
    stills.press("Reset")
    expect(stills.page.get_by_role("img", name=re.compile("inverted"))).to_have_count(0, timeout=30_000)
    stills.page.get_by_role("slider", name="Centre").focus()
    for _ in range(3):
        stills.page.keyboard.press("ArrowRight")
    assert np.abs(gray_of(stills.image("W 3000 L 1503")) - windowed(VALUES, 1503, 3000)).max() <= 1
    with stills.changing() as image:
        stills.page.get_by_role("radio", name="2×").click(force=True)
    middle = windowed(VALUES, 1503, 3000)[200:600, 200:600]
    assert gray_of(image).mean() == pytest.approx(middle.mean(), abs=1)


def test_slices_are_scrolled(stills: Desk) -> None:
    contents = made.ct_series(12, 640, WindowCenter=500, WindowWidth=3001)
    stills.upload({f"{number}": content for number, content in enumerate(contents)})
    # Slice i + 1 holds -1000 + 100 i HU in its corner.
    first = gray_of(stills.image("7 / 12"))[40, 40]
    assert first == pytest.approx(windowed(np.array(-400), 500, 3001), abs=1)
    stills.page.get_by_role("slider", name=re.compile("^Slice")).focus()
    stills.page.keyboard.press("End")
    stills.image("12 / 12")
    expect(stills.page.get_by_role("button", name="Next slice")).to_be_disabled()

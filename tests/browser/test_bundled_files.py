"""Every file that pydicom brings along: shown, or refused in words that name the fault; the desk goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, expect
from pydicom.data import get_testdata_files

from tests.browser.desk import Desk, pixels_of

ENOUGH = 50
"""Series among pydicom's files with pixels; which file shows what is tested where files are read."""


def bundled() -> list[Path]:
    """Return the files of pydicom's installed package, without whatever was downloaded beside them."""
    package = Path(get_testdata_files("CT_small.dcm")[0]).parent
    return [path for name in get_testdata_files() if (path := Path(name)).is_file() and package in path.parents]


def test_every_bundled_file_is_shown_or_refused_in_words(desk: Desk, picture: Callable[[str], None]) -> None:
    desk.upload(bundled())
    desk.image()
    desk.wait()
    desk.sees(re.compile(r"\d+ files left out"))
    picture("all")
    series = desk.page.get_by_role("radiogroup", name="Series").get_by_role("radio")
    count = series.count()
    assert count >= ENOUGH
    answers = [answer_of(desk, series.nth(number)) for number in range(count)]
    assert answers.count("shown") >= ENOUGH
    assert "" not in answers


def answer_of(desk: Desk, series: Locator) -> str:
    """Open a series and return what came: "shown", or the words of the refusal."""
    series.locator("xpath=ancestor::label").click()
    expect(series).to_be_checked()
    desk.wait()
    picture = desk.page.locator('canvas:is([aria-label^="Image, "], [aria-label^="No image"])').first
    expect(picture).to_be_visible()
    if (picture.get_attribute("aria-label") or "").startswith("No image"):
        return desk.page.locator(".words").first.inner_text()
    assert pixels_of(picture).size > 0
    return "shown"

"""The report in a real browser: one A4 page, nothing cut off, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from core.domain import Fact, Notice
from core.reports import ReportInput, reading_html
from tests.core.reports.made import image, report, score

LONG = "The view is not stated (ViewPosition is missing); this model is for frontal films, so look at the image first."
SCORES = tuple(score(0.99 - number / 50, f"a rather long finding {number}") for number in range(30))
FACTS = tuple(
    Fact(f"K{number}", f"A fact with number {number}", "its value is 0.143 × 0.143 mm") for number in range(60)
)
NOTICES = tuple(Notice(f"code-{number}", f"{number}. {LONG} {LONG}") for number in range(16))
ENDLESS = tuple(Notice(f"code-{number}", f"{number}. {LONG} {LONG} {LONG} {LONG}") for number in range(40))
REPORTS = {
    "usual": report(),
    "upright film": report(image=image((2000, 1000))),
    "wide film": report(image=image((600, 2000))),
    "negative": report(score(0.1), warnings=NOTICES[:1]),
    "ten labels": report(*SCORES[:10], warnings=NOTICES[:2], facts=FACTS[:20]),
    "five labels, many warnings": report(*SCORES[:5], warnings=NOTICES[:7], facts=FACTS[:30]),
    "sixteen warnings": report(warnings=NOTICES),
    "more warnings than fit": report(*SCORES, warnings=ENDLESS, facts=FACTS, include_identity=True),
    "eight labels": report(*SCORES[12:20], warnings=NOTICES[:3], facts=FACTS[:10]),
    "many labels, little else": report(*SCORES, facts=()),
    "as much as there can be": report(*SCORES, warnings=NOTICES, facts=FACTS, is_synthetic=True, include_identity=True),
}
CUT_OFF = """() => {
    const sheet = document.querySelector(".sheet");
    const inside = sheet.getBoundingClientRect();
    return [...sheet.querySelectorAll("*")].filter((part) => {
        const box = part.getBoundingClientRect();
        return box.bottom > inside.bottom || box.right > inside.right || box.left < inside.left;
    }).map((part) => part.outerHTML.slice(0, 80));
}"""
OVERLAPS = """() => {
    const parts = [...document.querySelectorAll(".sheet > *")].map((part) => part.getBoundingClientRect());
    return parts.slice(1).filter((box, before) => box.top < parts[before].bottom - 0.5).length;
}"""


@pytest.fixture
def sheet(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("given", REPORTS.values(), ids=REPORTS.keys())
def test_it_prints_on_one_page_with_nothing_cut_off(sheet: Page, given: ReportInput) -> None:
    requests: list[str] = []
    sheet.on("request", lambda request: requests.append(request.url))
    sheet.set_content(reading_html(given), wait_until="load")
    printed = sheet.pdf(prefer_css_page_size=True)
    assert re.findall(rb"/Count (\d+)", printed) == [b"1"]
    sheet.emulate_media(media="print")
    assert sheet.evaluate(CUT_OFF) == []
    assert sheet.evaluate(OVERLAPS) == 0
    assert [url for url in requests if not url.startswith("data:")] == []


@pytest.mark.parametrize("given", REPORTS.values(), ids=REPORTS.keys())
def test_the_films_are_large_enough_to_read(sheet: Page, given: ReportInput) -> None:
    sheet.set_content(reading_html(given), wait_until="load")
    for film in sheet.locator(".film img").all():
        assert film.evaluate("film => film.complete && film.naturalWidth > 0")
        box = film.bounding_box()
        assert box is not None
        assert max(box["width"], box["height"]) > 200
